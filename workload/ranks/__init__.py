"""Independent ranks, one on each device, for `run` and `doctor --deep`.

`supervisor` starts a `process` for each of the `slots`. `member` identifies the rank of this
process and lets all ranks start together. `results` builds the result of each rank. `resources`
checks the memory and the limit of open files, also for the ranks of `workload.distributed`, which
communicate.
"""
