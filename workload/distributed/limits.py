"""How long nodes wait for each other by default. torch is not imported: `--help` shows these."""

JOIN_SEC = 35
# Where ranks may be restarted: after a failure the group has waited already, and torch has one
# limit for both.
JOIN_AGAIN_SEC = 15
