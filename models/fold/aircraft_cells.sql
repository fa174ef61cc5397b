-- description = "One row an hour, aircraft, grid cell and altitude band: where it was, counted"
-- owner = "contrail"
-- kind = "fold"
-- inputs = ["states"]
-- grain = "one row an hour, aircraft (icao24), 0.25 degree cell and altitude band"
-- partition = "hour(hour)"
-- span = "hour"
-- span_column = "hour"
-- sort = ["hour", "cell", "icao24", "altitude_band"]
-- bounds = ["hour", "cell"]
-- columns = [
--   { name = "hour", type = "timestamp", key = true, doc = "The hour (UTC) of the last contacts" },
--   { name = "icao24", type = "text", key = true, doc = "ICAO 24-bit address of the transponder, six lower-case hex digits" },
--   { name = "cell", type = "integer", key = true, doc = "0.25 degree grid cell: 1440 x row + column, rows from -90, columns from -180" },
--   { name = "altitude_band", type = "integer", key = true, doc = "0 on the ground, 1..14 for each 1000 m (14 from 13000 m on), -1 altitude unknown" },
--   { name = "observations", type = "integer", fold = "count", doc = "Observations" },
--   { name = "climb", type = "integer", fold = "count", doc = "Observations climbing" },
--   { name = "cruise", type = "integer", fold = "count", doc = "Observations in level flight" },
--   { name = "descent", type = "integer", fold = "count", doc = "Observations descending" },
-- ]
--
-- checks = [
--   { name = "key_is_unique", sql = "SELECT hour, icao24, cell, altitude_band FROM this GROUP BY ALL HAVING count(*) > 1" },
--   { name = "cell_on_the_grid", sql = "SELECT * FROM this WHERE cell NOT BETWEEN 0 AND 720 * 1440 - 1" },
-- ]

SELECT
    make_timestamptz(epoch_us(last_contact) // 3600000000 * 3600000000) AS hour,
    icao24,
    cell,
    altitude_band,
    count(*) AS observations,
    count_if(phase = 'climb') AS climb,
    count_if(phase = 'cruise') AS cruise,
    count_if(phase = 'descent') AS descent
FROM states
GROUP BY ALL
