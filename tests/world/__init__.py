"""A world in one process: the real station and the real centre between simulated instruments, network and disks.

A seed decides everything that chance may decide. `python -m tests.world --seed 4711 --story` tells what happened.
"""
