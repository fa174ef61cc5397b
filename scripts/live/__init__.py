"""Real services for tests and benches: fetched by package name, bound to the loopback address, stopped by pid.

Reading order: `fetch` (packages into the cache), `process` (one background process with its log), `keys` (TLS),
`state` (what is kept of a named set), `kafka`, `registry`, `s3` and `catalog` (the services themselves).
"""
