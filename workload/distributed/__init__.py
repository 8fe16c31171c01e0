"""Ranks that work together, for `train` and `collectives`: torch.distributed, joined and ended.

`launch` starts the ranks of this node as torchrun does, unless torchrun, srun or Kubernetes did;
`environment` says which rank this process is, `rendezvous` is where nodes meet, `group` is the
process group, and `failures` says which rank failed first.
"""
