-- description = "Aircraft and observations by country and hour"
-- owner = "contrail"
-- kind = "partition"
-- inputs = ["aircraft_hours"]
-- grain = "one row an hour and country"
-- partition = "day(hour)"
-- span = "hour"
-- span_column = "hour"
-- sort = ["hour", "country"]
-- bounds = ["hour", "country"]
-- columns = [
--   { name = "hour", type = "timestamp", doc = "The hour (UTC)" },
--   { name = "country", type = "text", null = true, doc = "Country of the ICAO address, ISO 3166 alpha-2; null where it is not known" },
--   { name = "country_name", type = "text", null = true, doc = "Its usual short name" },
--   { name = "aircraft", type = "bigint", doc = "Distinct aircraft" },
--   { name = "observations", type = "bigint", doc = "Observations" },
--   { name = "airborne", type = "bigint", doc = "Observations not on the ground" },
--   { name = "airlines", type = "bigint", doc = "Distinct airlines" },
--   { name = "altitude_mean", type = "double", null = true, unit = "m", doc = "Mean altitude in the air" },
--   { name = "speed_mean", type = "double", null = true, unit = "m/s", doc = "Mean speed over ground in the air" },
-- ]
--
-- checks = [
--   { name = "key_is_unique", severity = "error", sql = "SELECT hour, country FROM this GROUP BY ALL HAVING count(*) > 1" },
--   { name = "counts_are_positive", severity = "error", sql = "SELECT * FROM this WHERE aircraft < 1 OR observations < aircraft" },
-- ]

SELECT
    hour,
    country,
    known.name AS country_name,
    count(*) AS aircraft,
    sum(observations) AS observations,
    sum(airborne) AS airborne,
    count(DISTINCT airline) AS airlines,
    sum(altitude_sum) / nullif(sum(altitude_count), 0) / 100 AS altitude_mean,
    sum(speed_sum) / nullif(sum(speed_count), 0) / 100 AS speed_mean
FROM aircraft_hours
LEFT JOIN (SELECT iso2, max(name) AS name FROM reference_countries GROUP BY iso2) AS known ON known.iso2 = country
GROUP BY hour, country, known.name
