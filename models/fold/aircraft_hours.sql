-- description = "One row an aircraft and hour: who it was, and counts and integer sums of what it did"
-- owner = "contrail"
-- kind = "fold"
-- inputs = ["states"]
-- grain = "one row an hour and aircraft (icao24)"
-- partition = "hour(hour)"
-- span = "hour"
-- span_column = "hour"
-- sort = ["hour", "icao24"]
-- bounds = ["hour", "icao24", "country", "airline"]
--
-- # Sums are integers (cm, cm/s), so that no order of rows changes them; means are sum / count.
-- columns = [
--   { name = "hour", type = "timestamp", key = true, doc = "The hour (UTC) of the last contacts" },
--   { name = "icao24", type = "text", key = true, doc = "ICAO 24-bit address of the transponder, six lower-case hex digits" },
--   { name = "callsign", type = "text", fold = "max", null = true, doc = "The last callsign of the hour in alphabetical order" },
--   { name = "airline", type = "text", fold = "max", null = true, doc = "Operator's ICAO designator, the last in alphabetical order" },
--   { name = "country", type = "text", fold = "max", null = true, doc = "Country of the ICAO address, ISO 3166 alpha-2" },
--   { name = "registration", type = "text", fold = "max", null = true, doc = "Registration (tail number), from feeds that know it" },
--   { name = "type_code", type = "text", fold = "max", null = true, doc = "ICAO type designator, from feeds that know it" },
--   { name = "category", type = "integer", fold = "max", null = true, doc = "Highest aircraft category reported, as OpenSky numbers it" },
--   { name = "first_seen", type = "timestamp", fold = "min", doc = "First last contact of the hour" },
--   { name = "last_seen", type = "timestamp", fold = "max", doc = "Last contact of the hour" },
--   { name = "observations", type = "integer", fold = "count", doc = "Observations" },
--   { name = "airborne", type = "integer", fold = "count", doc = "Observations not on the ground" },
--   { name = "stale", type = "integer", fold = "count", doc = "Observations that were more than 60 s old when they came" },
--   { name = "suspect", type = "integer", fold = "count", doc = "Observations with an impossible number; they count, but enter no sum, minimum or maximum" },
--   { name = "altitude_count", type = "integer", fold = "count", doc = "Observations with a altitude in the air" },
--   { name = "altitude_sum", type = "bigint", fold = "sum", unit = "cm", doc = "Sum of altitude in the air" },
--   { name = "altitude_min", type = "integer", fold = "min", null = true, unit = "cm", doc = "Least altitude in the air" },
--   { name = "altitude_max", type = "integer", fold = "max", null = true, unit = "cm", doc = "Greatest altitude in the air" },
--   { name = "speed_count", type = "integer", fold = "count", doc = "Observations with a speed over ground in the air" },
--   { name = "speed_sum", type = "bigint", fold = "sum", unit = "cm/s", doc = "Sum of speed over ground in the air" },
--   { name = "speed_min", type = "integer", fold = "min", null = true, unit = "cm/s", doc = "Least speed over ground in the air" },
--   { name = "speed_max", type = "integer", fold = "max", null = true, unit = "cm/s", doc = "Greatest speed over ground in the air" },
--   { name = "climb_count", type = "integer", fold = "count", doc = "Observations with a vertical rate in the air, positive up" },
--   { name = "climb_sum", type = "bigint", fold = "sum", unit = "cm/s", doc = "Sum of vertical rate in the air, positive up" },
--   { name = "climb_min", type = "integer", fold = "min", null = true, unit = "cm/s", doc = "Least vertical rate in the air, positive up" },
--   { name = "climb_max", type = "integer", fold = "max", null = true, unit = "cm/s", doc = "Greatest vertical rate in the air, positive up" },
--   { name = "phase_climb", type = "integer", fold = "count", doc = "Observations climbing" },
--   { name = "phase_cruise", type = "integer", fold = "count", doc = "Observations in level flight" },
--   { name = "phase_descent", type = "integer", fold = "count", doc = "Observations descending" },
--   { name = "phase_unknown", type = "integer", fold = "count", doc = "Observations in the air with no vertical rate" },
--   { name = "band_00", type = "integer", fold = "count", doc = "Observations on the ground" },
--   { name = "band_01", type = "integer", fold = "count", doc = "Observations in the air below 1000 m" },
--   { name = "band_02", type = "integer", fold = "count", doc = "Observations from 1000 m to below 2000 m" },
--   { name = "band_03", type = "integer", fold = "count", doc = "Observations from 2000 m to below 3000 m" },
--   { name = "band_04", type = "integer", fold = "count", doc = "Observations from 3000 m to below 4000 m" },
--   { name = "band_05", type = "integer", fold = "count", doc = "Observations from 4000 m to below 5000 m" },
--   { name = "band_06", type = "integer", fold = "count", doc = "Observations from 5000 m to below 6000 m" },
--   { name = "band_07", type = "integer", fold = "count", doc = "Observations from 6000 m to below 7000 m" },
--   { name = "band_08", type = "integer", fold = "count", doc = "Observations from 7000 m to below 8000 m" },
--   { name = "band_09", type = "integer", fold = "count", doc = "Observations from 8000 m to below 9000 m" },
--   { name = "band_10", type = "integer", fold = "count", doc = "Observations from 9000 m to below 10000 m" },
--   { name = "band_11", type = "integer", fold = "count", doc = "Observations from 10000 m to below 11000 m" },
--   { name = "band_12", type = "integer", fold = "count", doc = "Observations from 11000 m to below 12000 m" },
--   { name = "band_13", type = "integer", fold = "count", doc = "Observations from 12000 m to below 13000 m" },
--   { name = "band_14", type = "integer", fold = "count", doc = "Observations at 13000 m or higher" },
--   { name = "band_unknown", type = "integer", fold = "count", doc = "Observations in the air without an altitude" },
--   { name = "seen_00", type = "integer", fold = "count", doc = "Observations in minutes 0..9 of the hour" },
--   { name = "seen_10", type = "integer", fold = "count", doc = "Observations in minutes 10..19 of the hour" },
--   { name = "seen_20", type = "integer", fold = "count", doc = "Observations in minutes 20..29 of the hour" },
--   { name = "seen_30", type = "integer", fold = "count", doc = "Observations in minutes 30..39 of the hour" },
--   { name = "seen_40", type = "integer", fold = "count", doc = "Observations in minutes 40..49 of the hour" },
--   { name = "seen_50", type = "integer", fold = "count", doc = "Observations in minutes 50..59 of the hour" },
-- ]
--
-- checks = [
--   { name = "key_is_unique", sql = "SELECT hour, icao24 FROM this GROUP BY ALL HAVING count(*) > 1" },
--   { name = "bands_add_up", sql = "SELECT hour, icao24 FROM this WHERE observations <> band_00 + band_01 + band_02 + band_03 + band_04 + band_05 + band_06 + band_07 + band_08 + band_09 + band_10 + band_11 + band_12 + band_13 + band_14 + band_unknown" },
--   { name = "phases_add_up", sql = "SELECT hour, icao24 FROM this WHERE airborne <> phase_climb + phase_cruise + phase_descent + phase_unknown OR observations <> airborne + band_00" },
--   { name = "minutes_add_up", sql = "SELECT hour, icao24 FROM this WHERE observations <> seen_00 + seen_10 + seen_20 + seen_30 + seen_40 + seen_50" },
-- ]

WITH observed AS (
    SELECT
        *,
        epoch_us(last_contact) // 3600000000 AS hours,
        epoch_us(last_contact) // 600000000 % 6 AS tenth,
        -- Nonsense and the ground would spoil the means of flight.
        is_airborne AND NOT is_suspect AS flown,
        CASE WHEN flown THEN round(altitude * 100)::INTEGER END AS altitude_cm,
        CASE WHEN flown THEN round(velocity * 100)::INTEGER END AS speed_cm,
        CASE WHEN flown THEN round(vertical_rate * 100)::INTEGER END AS climb_cm
    FROM states
)
SELECT
    make_timestamptz(hours * 3600000000) AS hour,
    icao24,
    max(callsign) AS callsign,
    max(airline) AS airline,
    max(country) AS country,
    max(registration) AS registration,
    max(type_code) AS type_code,
    max(category) AS category,
    min(last_contact) AS first_seen,
    max(last_contact) AS last_seen,
    count(*) AS observations,
    count_if(is_airborne) AS airborne,
    count_if(is_stale) AS stale,
    count_if(is_suspect) AS suspect,
    count(altitude_cm) AS altitude_count,
    coalesce(sum(altitude_cm), 0) AS altitude_sum,
    min(altitude_cm) AS altitude_min,
    max(altitude_cm) AS altitude_max,
    count(speed_cm) AS speed_count,
    coalesce(sum(speed_cm), 0) AS speed_sum,
    min(speed_cm) AS speed_min,
    max(speed_cm) AS speed_max,
    count(climb_cm) AS climb_count,
    coalesce(sum(climb_cm), 0) AS climb_sum,
    min(climb_cm) AS climb_min,
    max(climb_cm) AS climb_max,
    count_if(phase = 'climb') AS phase_climb,
    count_if(phase = 'cruise') AS phase_cruise,
    count_if(phase = 'descent') AS phase_descent,
    count_if(phase = 'unknown') AS phase_unknown,
    count_if(altitude_band = 0) AS band_00,
    count_if(altitude_band = 1) AS band_01,
    count_if(altitude_band = 2) AS band_02,
    count_if(altitude_band = 3) AS band_03,
    count_if(altitude_band = 4) AS band_04,
    count_if(altitude_band = 5) AS band_05,
    count_if(altitude_band = 6) AS band_06,
    count_if(altitude_band = 7) AS band_07,
    count_if(altitude_band = 8) AS band_08,
    count_if(altitude_band = 9) AS band_09,
    count_if(altitude_band = 10) AS band_10,
    count_if(altitude_band = 11) AS band_11,
    count_if(altitude_band = 12) AS band_12,
    count_if(altitude_band = 13) AS band_13,
    count_if(altitude_band = 14) AS band_14,
    count_if(altitude_band = -1) AS band_unknown,
    count_if(tenth = 0) AS seen_00,
    count_if(tenth = 1) AS seen_10,
    count_if(tenth = 2) AS seen_20,
    count_if(tenth = 3) AS seen_30,
    count_if(tenth = 4) AS seen_40,
    count_if(tenth = 5) AS seen_50
FROM observed
GROUP BY hours, icao24
