-- description = "How high aircraft fly: observations by altitude band and hour"
-- owner = "contrail"
-- kind = "partition"
-- inputs = ["aircraft_hours"]
-- grain = "one row an hour and altitude band"
-- partition = "day(hour)"
-- span = "hour"
-- span_column = "hour"
-- sort = ["hour", "altitude_band"]
-- bounds = ["hour", "altitude_band"]
-- columns = [
--   { name = "hour", type = "timestamp", doc = "The hour (UTC)" },
--   { name = "altitude_band", type = "integer", doc = "0 on the ground, 1..14 for each 1000 m (14 from 13000 m on), -1 altitude unknown" },
--   { name = "from_m", type = "integer", null = true, unit = "m", doc = "Lower edge of the band; null on the ground, where unknown, and for the lowest" },
--   { name = "to_m", type = "integer", null = true, unit = "m", doc = "Upper edge of the band; null on the ground, where unknown, and for the highest" },
--   { name = "aircraft", type = "bigint", doc = "Distinct aircraft seen in the band" },
--   { name = "observations", type = "bigint", doc = "Observations" },
-- ]
--
-- checks = [
--   { name = "key_is_unique", severity = "error", sql = "SELECT hour, altitude_band FROM this GROUP BY ALL HAVING count(*) > 1" },
--   { name = "counts_are_positive", severity = "error", sql = "SELECT * FROM this WHERE aircraft < 1 OR observations < aircraft" },
-- ]

WITH counted AS (
    UNPIVOT (SELECT hour, band_00, band_01, band_02, band_03, band_04, band_05, band_06, band_07, band_08, band_09, band_10, band_11, band_12, band_13, band_14, band_unknown FROM aircraft_hours)
    ON band_00, band_01, band_02, band_03, band_04, band_05, band_06, band_07, band_08, band_09, band_10, band_11, band_12, band_13, band_14, band_unknown
    INTO NAME label VALUE observations
)
SELECT
    hour,
    coalesce(TRY_CAST(label[6:] AS INTEGER), -1) AS altitude_band,
    CASE WHEN altitude_band BETWEEN 2 AND 14 THEN (altitude_band - 1) * 1000 END AS from_m,
    CASE WHEN altitude_band BETWEEN 1 AND 13 THEN altitude_band * 1000 END AS to_m,
    count(*) AS aircraft,
    sum(observations) AS observations
FROM counted
WHERE observations > 0
GROUP BY hour, label
