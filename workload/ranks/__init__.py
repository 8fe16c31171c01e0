"""Several processes that run one command at the same time. Each is a rank.

`run` and `doctor --deep` start ranks that work alone, one on each device: `supervisor` starts a
`process` at each of the `slots`, `member` says which one this is, `start` lets all begin together,
`results` reads what each found.

`train` and `collectives` have ranks that work together: `launch` starts them, or torchrun, srun or
Kubernetes does; `environment` says which one this is, `rendezvous` is where nodes meet, `group` is
what ranks talk through, `failures` is how the launcher learns who failed first.
"""
