"""How long nodes wait for each other by default.

`--help` shows these limits. To keep it fast, this module does not import torch.
"""

JOIN_SEC = 35
# The limit if ranks may be restarted. It is lower because the group has already waited after a
# failure, and torch has a single limit for the start and for restarts.
JOIN_AGAIN_SEC = 15
