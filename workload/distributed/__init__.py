"""Start, join and end the ranks of `train` and `collectives` with torch.distributed.

`launch` starts the ranks of this node as torchrun does, unless torchrun, srun or Kubernetes has
started them. `environment` reads which rank this process is, `rendezvous` is where nodes meet,
`group` is the process group, and `failures` finds the rank that failed first.
"""
