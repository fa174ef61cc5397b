-- description = "The whole sky by day"
-- owner = "contrail"
-- kind = "partition"
-- inputs = ["aircraft_hours"]
-- grain = "one row a day"
-- partition = "day(day)"
-- span = "day"
-- span_column = "day"
-- sort = ["day"]
-- bounds = ["day"]
-- columns = [
--   { name = "day", type = "timestamp", doc = "The day (UTC)" },
--   { name = "aircraft", type = "bigint", doc = "Distinct aircraft" },
--   { name = "observations", type = "bigint", doc = "Observations" },
--   { name = "airborne", type = "bigint", doc = "Observations not on the ground" },
--   { name = "countries", type = "bigint", doc = "Distinct countries" },
--   { name = "airlines", type = "bigint", doc = "Distinct airlines" },
--   { name = "hours", type = "bigint", doc = "Hours of the day with data" },
--   { name = "busiest_hour", type = "integer", doc = "Hour of the day (UTC) with most aircraft, the earliest of equals" },
--   { name = "busiest_aircraft", type = "bigint", doc = "Distinct aircraft in that hour" },
--   { name = "altitude_mean", type = "double", null = true, unit = "m", doc = "Mean altitude in the air" },
--   { name = "speed_mean", type = "double", null = true, unit = "m/s", doc = "Mean speed over ground in the air" },
-- ]
--
-- checks = [
--   { name = "key_is_unique", severity = "error", sql = "SELECT day FROM this GROUP BY ALL HAVING count(*) > 1" },
--   { name = "counts_are_positive", severity = "error", sql = "SELECT * FROM this WHERE aircraft < 1 OR observations < aircraft" },
-- ]

WITH hourly AS (
    SELECT
        make_timestamptz(epoch_us(hour) // 86400000000 * 86400000000) AS day,
        (epoch_us(hour) // 3600000000 % 24)::INTEGER AS hour_of_day,
        count(*) AS aircraft
    FROM aircraft_hours
    GROUP BY ALL
),
busiest AS (
    SELECT day, hour_of_day AS busiest_hour, aircraft AS busiest_aircraft
    FROM hourly
    QUALIFY row_number() OVER (PARTITION BY day ORDER BY aircraft DESC, hour_of_day) = 1
)
SELECT
    make_timestamptz(epoch_us(hour) // 86400000000 * 86400000000) AS day,
    count(DISTINCT icao24) AS aircraft,
    sum(observations) AS observations,
    sum(airborne) AS airborne,
    count(DISTINCT country) AS countries,
    count(DISTINCT airline) AS airlines,
    count(DISTINCT hour) AS hours,
    top.busiest_hour,
    top.busiest_aircraft,
    sum(altitude_sum) / nullif(sum(altitude_count), 0) / 100 AS altitude_mean,
    sum(speed_sum) / nullif(sum(speed_count), 0) / 100 AS speed_mean
FROM aircraft_hours
JOIN busiest AS top ON top.day = make_timestamptz(epoch_us(hour) // 86400000000 * 86400000000)
GROUP BY 1, top.busiest_hour, top.busiest_aircraft
