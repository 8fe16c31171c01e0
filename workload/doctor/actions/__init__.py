"""Decide on one action for the machine and each of its GPUs, from facts and findings.

`faults` finds what is wrong, `history` what was done before, `decide` takes the worst.
"""
