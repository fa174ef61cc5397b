-- description = "Aircraft and observations by airline and hour"
-- owner = "contrail"
-- kind = "partition"
-- inputs = ["aircraft_hours"]
-- grain = "one row an hour and airline"
-- partition = "day(hour)"
-- span = "hour"
-- span_column = "hour"
-- sort = ["hour", "airline"]
-- bounds = ["hour", "airline"]
-- columns = [
--   { name = "hour", type = "timestamp", doc = "The hour (UTC)" },
--   { name = "airline", type = "text", doc = "ICAO designator of the airline" },
--   { name = "airline_name", type = "text", null = true, doc = "Its name" },
--   { name = "aircraft", type = "bigint", doc = "Distinct aircraft" },
--   { name = "observations", type = "bigint", doc = "Observations" },
--   { name = "airborne", type = "bigint", doc = "Observations not on the ground" },
--   { name = "altitude_mean", type = "double", null = true, unit = "m", doc = "Mean altitude in the air" },
--   { name = "speed_mean", type = "double", null = true, unit = "m/s", doc = "Mean speed over ground in the air" },
-- ]
--
-- checks = [
--   { name = "key_is_unique", severity = "error", sql = "SELECT hour, airline FROM this GROUP BY ALL HAVING count(*) > 1" },
--   { name = "counts_are_positive", severity = "error", sql = "SELECT * FROM this WHERE aircraft < 1 OR observations < aircraft" },
-- ]

SELECT
    hour,
    airline,
    known.name AS airline_name,
    count(*) AS aircraft,
    sum(observations) AS observations,
    sum(airborne) AS airborne,
    sum(altitude_sum) / nullif(sum(altitude_count), 0) / 100 AS altitude_mean,
    sum(speed_sum) / nullif(sum(speed_count), 0) / 100 AS speed_mean
FROM aircraft_hours
LEFT JOIN reference_airlines AS known ON known.icao = airline
WHERE airline IS NOT NULL
GROUP BY hour, airline, known.name
