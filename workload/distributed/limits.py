"""How long nodes wait for each other by default. `--help` shows this, so torch is not imported."""

JOIN_SEC = 35
# If ranks may be restarted. After a failure the group has already waited, and torch has one limit
# for the start and for restarts.
JOIN_AGAIN_SEC = 15
