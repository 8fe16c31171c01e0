"""Independent ranks, one on each device, for `run` and `doctor --deep`.

`supervisor` starts a `process` for each of the `slots`. `member` identifies the rank of this
process and lets all ranks start together. `results` reads what each rank found. `resources` checks
memory and open files for any number of ranks, independent or not. Ranks that work together are in
`workload.distributed`.
"""
