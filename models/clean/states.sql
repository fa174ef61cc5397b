-- description = "One row an observation (aircraft and time of last contact) with a valid position, cleaned; all units SI"
-- owner = "contrail"
-- kind = "append"
-- inputs = ["states_raw"]
-- grain = "one row an aircraft (icao24) and time of last contact"
-- partition = "hour(last_contact)"
-- sort = ["icao24", "last_contact"]
-- bounds = ["icao24", "last_contact", "answer_time", "longitude", "latitude"]
-- winner = ["fetched_at", "log_stream", "log_partition", "log_offset"]
--
-- # Thresholds are metres, metres per second and seconds: see the statement.
-- columns = [
--   { name = "icao24", type = "text", key = true, doc = "ICAO 24-bit address of the transponder, six lower-case hex digits" },
--   { name = "last_contact", type = "timestamp", key = true, doc = "Time of the last message of any kind" },
--   { name = "callsign", type = "text", null = true, doc = "Callsign without padding" },
--   { name = "airline", type = "text", null = true, doc = "Operator's ICAO designator, where the callsign starts with a known one and a digit" },
--   { name = "country", type = "text", null = true, doc = "Country of the ICAO address, ISO 3166 alpha-2" },
--   { name = "origin_country", type = "text", null = true, doc = "Country of the ICAO address as the feed writes it" },
--   { name = "registration", type = "text", null = true, doc = "Registration (tail number), from feeds that know it" },
--   { name = "type_code", type = "text", null = true, doc = "ICAO type designator, from feeds that know it" },
--   { name = "category", type = "integer", null = true, doc = "Aircraft category as OpenSky numbers it, 0..20" },
--   { name = "time_position", type = "timestamp", null = true, doc = "Time of the last position report" },
--   { name = "longitude", type = "double", unit = "deg", doc = "WGS 84 longitude, -180..180" },
--   { name = "latitude", type = "double", unit = "deg", doc = "WGS 84 latitude, -90..90" },
--   { name = "baro_altitude", type = "double", null = true, unit = "m", doc = "Barometric altitude" },
--   { name = "geo_altitude", type = "double", null = true, unit = "m", doc = "Geometric altitude" },
--   { name = "altitude", type = "double", null = true, unit = "m", doc = "Barometric altitude, geometric where that is missing" },
--   { name = "on_ground", type = "boolean", null = true, doc = "Whether the position came from a surface report" },
--   { name = "velocity", type = "double", null = true, unit = "m/s", doc = "Speed over ground" },
--   { name = "true_track", type = "double", null = true, unit = "deg", doc = "Track over ground, clockwise from north, 0..360" },
--   { name = "vertical_rate", type = "double", null = true, unit = "m/s", doc = "Climb (positive) or descent" },
--   { name = "sensors", type = "integer[]", null = true, doc = "Ids of the receivers that contributed, where they were asked for" },
--   { name = "squawk", type = "text", null = true, doc = "Transponder code, four octal digits" },
--   { name = "spi", type = "boolean", null = true, doc = "Special purpose indicator" },
--   { name = "alert", type = "boolean", null = true, doc = "Alert bit: the squawk has changed" },
--   { name = "emergency", type = "text", null = true, doc = "Emergency state as the aircraft reports it" },
--   { name = "position_source", type = "integer", null = true, doc = "Origin of the position: 0 ADS-B, 1 ASTERIX, 2 MLAT, 3 FLARM" },
--   { name = "rssi", type = "double", null = true, unit = "dBFS", doc = "Signal strength at the receiver" },
--   { name = "is_airborne", type = "boolean", doc = "Not reported on the ground" },
--   { name = "is_stale", type = "boolean", doc = "More than 60 s between the last contact and the answer's time" },
--   { name = "is_suspect", type = "boolean", doc = "A number that no aircraft reaches: faster than 700 m/s, climbing or sinking faster than 150 m/s, outside -500..35000 m" },
--   { name = "phase", type = "text", doc = "ground, climb (at least 2 m/s), descent (at most -2 m/s), cruise (between), unknown (no vertical rate)" },
--   { name = "altitude_band", type = "integer", doc = "0 on the ground, 1..14 for each 1000 m (1 is below 1000 m, 14 from 13000 m on), -1 altitude unknown" },
--   { name = "speed_band", type = "integer", doc = "0..6 for each 50 m/s (6 from 300 m/s on), -1 speed unknown" },
--   { name = "cell", type = "integer", doc = "0.25 degree grid cell: 1440 x row + column, rows from -90, columns from -180" },
--   { name = "feed", type = "text", doc = "The feed that delivered the row that won" },
--   { name = "fetched_at", type = "timestamp", doc = "When this node received the row that won" },
--   { name = "answer_time", type = "timestamp", doc = "Time of the answer with the row that won" },
--   { name = "log_stream", type = "text", doc = "Log of the row that won" },
--   { name = "log_partition", type = "integer", doc = "Log partition of the row that won" },
--   { name = "log_offset", type = "bigint", doc = "Log offset of the row that won" },
-- ]
--
-- checks = [
--   { name = "key_is_unique", sql = "SELECT icao24, last_contact FROM this GROUP BY ALL HAVING count(*) > 1" },
--   { name = "address_is_hex", sql = "SELECT icao24 FROM this WHERE NOT regexp_full_match(icao24, '[0-9a-f]{6}')" },
--   { name = "position_on_earth", sql = "SELECT icao24, latitude, longitude FROM this WHERE NOT (latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180)" },
-- ]

WITH heard AS (
    SELECT
        *,
        coalesce(on_ground, false) AS grounded,
        coalesce(baro_altitude, geo_altitude) AS altitude,
        CASE WHEN true_track BETWEEN 0 AND 360 THEN true_track ELSE true_track - 360 * floor(true_track / 360) END AS track,
        -- Only a callsign of three letters and a digit can be an airline's flight.
        CASE WHEN regexp_matches(callsign, '^[A-Z]{3}[0-9]') THEN callsign[1:3] END AS designator
    FROM states_raw
    WHERE latitude BETWEEN -90 AND 90
      AND longitude BETWEEN -180 AND 180
      AND last_contact BETWEEN answer_time - INTERVAL 24 HOURS AND answer_time + INTERVAL 60 SECONDS
    -- Repeats of an observation differ now and then: the first one received wins.
    QUALIFY row_number() OVER (
        PARTITION BY icao24, last_contact
        ORDER BY fetched_at, log_stream, log_partition, log_offset
    ) = 1
)
SELECT
    heard.* EXCLUDE (grounded, track, designator) REPLACE (track AS true_track),
    airline.icao AS airline,
    country.iso2 AS country,
    NOT grounded AS is_airborne,
    answer_time - last_contact > INTERVAL 60 SECONDS AS is_stale,
    coalesce(velocity > 700 OR velocity < 0, false)
        OR coalesce(abs(vertical_rate) > 150, false)
        OR coalesce(baro_altitude NOT BETWEEN -500 AND 35000, false)
        OR coalesce(geo_altitude NOT BETWEEN -500 AND 35000, false) AS is_suspect,
    CASE
        WHEN grounded THEN 'ground'
        WHEN vertical_rate IS NULL THEN 'unknown'
        WHEN vertical_rate >= 2 THEN 'climb'
        WHEN vertical_rate <= -2 THEN 'descent'
        ELSE 'cruise'
    END AS phase,
    CASE
        WHEN grounded THEN 0
        WHEN altitude IS NULL THEN -1
        ELSE 1 + least(greatest(floor(altitude / 1000), 0), 13)
    END AS altitude_band,
    CASE WHEN velocity IS NULL THEN -1 ELSE least(greatest(floor(velocity / 50), 0), 6) END AS speed_band,
    -- The pole and the antimeridian belong to the last row and column.
    1440 * least(floor((latitude + 90) * 4), 719)::INTEGER + least(floor((longitude + 180) * 4), 1439)::INTEGER AS cell
FROM heard
LEFT JOIN reference_airlines AS airline ON airline.icao = heard.designator
LEFT JOIN reference_countries AS country ON country.origin_country = heard.origin_country
