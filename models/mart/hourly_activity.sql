-- description = "The whole sky by hour"
-- owner = "contrail"
-- kind = "partition"
-- inputs = ["aircraft_hours"]
-- grain = "one row an hour"
-- partition = "day(hour)"
-- span = "hour"
-- span_column = "hour"
-- sort = ["hour"]
-- bounds = ["hour"]
-- columns = [
--   { name = "hour", type = "timestamp", doc = "The hour (UTC)" },
--   { name = "aircraft", type = "bigint", doc = "Distinct aircraft" },
--   { name = "airborne_aircraft", type = "bigint", doc = "Distinct aircraft seen in the air" },
--   { name = "observations", type = "bigint", doc = "Observations" },
--   { name = "airborne", type = "bigint", doc = "Observations not on the ground" },
--   { name = "stale", type = "bigint", doc = "Observations more than 60 s old when they came" },
--   { name = "suspect", type = "bigint", doc = "Observations with an impossible number" },
--   { name = "countries", type = "bigint", doc = "Distinct countries" },
--   { name = "airlines", type = "bigint", doc = "Distinct airlines" },
--   { name = "altitude_mean", type = "double", null = true, unit = "m", doc = "Mean altitude in the air" },
--   { name = "speed_mean", type = "double", null = true, unit = "m/s", doc = "Mean speed over ground in the air" },
-- ]
--
-- checks = [
--   { name = "key_is_unique", severity = "error", sql = "SELECT hour FROM this GROUP BY ALL HAVING count(*) > 1" },
--   { name = "counts_are_positive", severity = "error", sql = "SELECT * FROM this WHERE aircraft < 1 OR observations < aircraft" },
-- ]

SELECT
    hour,
    count(*) AS aircraft,
    count_if(airborne > 0) AS airborne_aircraft,
    sum(observations) AS observations,
    sum(airborne) AS airborne,
    sum(stale) AS stale,
    sum(suspect) AS suspect,
    count(DISTINCT country) AS countries,
    count(DISTINCT airline) AS airlines,
    sum(altitude_sum) / nullif(sum(altitude_count), 0) / 100 AS altitude_mean,
    sum(speed_sum) / nullif(sum(speed_count), 0) / 100 AS speed_mean
FROM aircraft_hours
GROUP BY hour
