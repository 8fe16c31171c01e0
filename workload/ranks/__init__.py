"""Ranks that work alone, one on each device, for `run` and `doctor --deep`.

`supervisor` starts a `process` at each of the `slots`, `member` knows which one this process is and
lets all begin together, `results` reads what each found, and `resources` checks the memory and the
open files for a number of ranks of either kind. Ranks that work together are in
`workload.distributed`.
"""
