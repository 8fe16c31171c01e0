"""From facts and findings to one action: what to do with this machine and each of its GPUs.

`faults` finds what is wrong, `history` sees what was tried before, `decide` takes the worst.
"""
