-- description = "How weekdays differ: one row an hour of the week, week by week"
-- owner = "contrail"
-- kind = "partition"
-- inputs = ["aircraft_hours"]
-- grain = "one row an hour, with its week, weekday and hour of the day"
-- partition = "day(hour)"
-- span = "hour"
-- span_column = "hour"
-- sort = ["hour"]
-- bounds = ["hour"]
-- columns = [
--   { name = "hour", type = "timestamp", doc = "The hour (UTC)" },
--   { name = "week", type = "timestamp", doc = "Monday of its ISO week" },
--   { name = "weekday", type = "integer", doc = "ISO day of the week, 1 is Monday" },
--   { name = "hour_of_day", type = "integer", doc = "Hour of the day, 0..23" },
--   { name = "is_weekend", type = "boolean", doc = "Saturday or Sunday" },
--   { name = "aircraft", type = "bigint", doc = "Distinct aircraft" },
--   { name = "observations", type = "bigint", doc = "Observations" },
--   { name = "airborne", type = "bigint", doc = "Observations not on the ground" },
-- ]
--
-- checks = [
--   { name = "key_is_unique", severity = "error", sql = "SELECT hour FROM this GROUP BY ALL HAVING count(*) > 1" },
--   { name = "counts_are_positive", severity = "error", sql = "SELECT * FROM this WHERE aircraft < 1 OR observations < aircraft" },
--   { name = "hour_fits", severity = "error", sql = "SELECT * FROM this WHERE hour <> week + to_days(weekday - 1) + to_hours(hour_of_day)" },
-- ]

WITH counted AS (
    SELECT
        hour,
        epoch_us(hour) // 86400000000 AS days,
        count(*) AS aircraft,
        sum(observations) AS observations,
        sum(airborne) AS airborne
    FROM aircraft_hours
    GROUP BY ALL
)
SELECT
    hour,
    -- The epoch was a Thursday.
    make_timestamptz((days - (days + 3) % 7) * 86400000000) AS week,
    (days + 3) % 7 + 1 AS weekday,
    epoch_us(hour) // 3600000000 % 24 AS hour_of_day,
    weekday >= 6 AS is_weekend,
    aircraft,
    observations,
    airborne
FROM counted
