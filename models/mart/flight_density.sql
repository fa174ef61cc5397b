-- description = "Where aircraft fly: observations by 0.25 degree grid cell and hour"
-- owner = "contrail"
-- kind = "partition"
-- inputs = ["aircraft_cells"]
-- grain = "one row an hour and grid cell"
-- partition = "day(hour)"
-- span = "hour"
-- span_column = "hour"
-- sort = ["hour", "cell"]
-- bounds = ["hour", "cell"]
-- columns = [
--   { name = "hour", type = "timestamp", doc = "The hour (UTC)" },
--   { name = "cell", type = "integer", doc = "0.25 degree grid cell: 1440 x row + column, rows from -90, columns from -180" },
--   { name = "latitude", type = "double", unit = "deg", doc = "South edge of the cell" },
--   { name = "longitude", type = "double", unit = "deg", doc = "West edge of the cell" },
--   { name = "aircraft", type = "bigint", doc = "Distinct aircraft" },
--   { name = "observations", type = "bigint", doc = "Observations" },
--   { name = "airborne", type = "bigint", doc = "Observations not on the ground" },
-- ]
--
-- checks = [
--   { name = "key_is_unique", severity = "error", sql = "SELECT hour, cell FROM this GROUP BY ALL HAVING count(*) > 1" },
--   { name = "counts_are_positive", severity = "error", sql = "SELECT * FROM this WHERE aircraft < 1 OR observations < aircraft" },
-- ]

-- Two steps: an aircraft counts once a cell, whatever bands it crossed there.
WITH crossed AS (
    SELECT hour, cell, icao24, sum(observations) AS seen, sum(observations) FILTER (altitude_band <> 0) AS flown
    FROM aircraft_cells
    GROUP BY hour, cell, icao24
)
SELECT
    hour,
    cell,
    cell // 1440 / 4 - 90 AS latitude,
    cell % 1440 / 4 - 180 AS longitude,
    count(*) AS aircraft,
    sum(seen) AS observations,
    coalesce(sum(flown), 0) AS airborne
FROM crossed
GROUP BY hour, cell
