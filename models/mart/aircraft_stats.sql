-- description = "What each aircraft did on a day"
-- owner = "contrail"
-- kind = "partition"
-- inputs = ["aircraft_hours"]
-- grain = "one row a day and aircraft (icao24)"
-- partition = "day(day)"
-- span = "day"
-- span_column = "day"
-- sort = ["day", "icao24"]
-- bounds = ["day", "icao24"]
-- columns = [
--   { name = "day", type = "timestamp", doc = "The day (UTC)" },
--   { name = "icao24", type = "text", doc = "ICAO 24-bit address of the transponder" },
--   { name = "callsign", type = "text", null = true, doc = "The last callsign of the day in alphabetical order" },
--   { name = "callsigns", type = "bigint", doc = "Distinct callsigns, at most one an hour counted" },
--   { name = "airline", type = "text", null = true, doc = "Operator's ICAO designator" },
--   { name = "country", type = "text", null = true, doc = "Country of the ICAO address, ISO 3166 alpha-2" },
--   { name = "registration", type = "text", null = true, doc = "Registration (tail number), from feeds that know it" },
--   { name = "type_code", type = "text", null = true, doc = "ICAO type designator, from feeds that know it" },
--   { name = "first_seen", type = "timestamp", doc = "First contact of the day" },
--   { name = "last_seen", type = "timestamp", doc = "Last contact of the day" },
--   { name = "hours", type = "bigint", doc = "Hours of the day in which it was seen" },
--   { name = "observations", type = "bigint", doc = "Observations" },
--   { name = "airborne", type = "bigint", doc = "Observations not on the ground" },
--   { name = "altitude_mean", type = "double", null = true, unit = "m", doc = "Mean altitude in the air" },
--   { name = "altitude_max", type = "double", null = true, unit = "m", doc = "Greatest altitude in the air" },
--   { name = "speed_mean", type = "double", null = true, unit = "m/s", doc = "Mean speed over ground in the air" },
--   { name = "speed_max", type = "double", null = true, unit = "m/s", doc = "Greatest speed over ground in the air" },
-- ]
--
-- checks = [
--   { name = "key_is_unique", severity = "error", sql = "SELECT day, icao24 FROM this GROUP BY ALL HAVING count(*) > 1" },
--   { name = "a_day_has_24_hours", severity = "error", sql = "SELECT * FROM this WHERE hours NOT BETWEEN 1 AND 24" },
-- ]

SELECT
    make_timestamptz(epoch_us(hour) // 86400000000 * 86400000000) AS day,
    icao24,
    max(callsign) AS callsign,
    count(DISTINCT callsign) AS callsigns,
    max(airline) AS airline,
    max(country) AS country,
    max(registration) AS registration,
    max(type_code) AS type_code,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen,
    count(*) AS hours,
    sum(observations) AS observations,
    sum(airborne) AS airborne,
    sum(altitude_sum) / nullif(sum(altitude_count), 0) / 100 AS altitude_mean,
    max(altitude_max) / 100 AS altitude_max,
    sum(speed_sum) / nullif(sum(speed_count), 0) / 100 AS speed_mean,
    max(speed_max) / 100 AS speed_max
FROM aircraft_hours
GROUP BY ALL
