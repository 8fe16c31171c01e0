"""Keep Python's garbage collector away from the objects of imported libraries."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Pause the garbage collector in the block; if it imports torch, exempt all objects for good.

    The import makes 260,000 objects that stay until the process ends, and 8,000 that could be
    collected, about a megabyte. The collector would inspect them several times, also at exit:
    0.35 s of the 1.3 s that `python -c 'import torch'` takes on an AMD EPYC (Zen 4). See
    https://docs.python.org/3/library/gc.html#gc.freeze. The block changes nothing if torch is
    already imported or the collector is off.
    """
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
        if "torch" in sys.modules:
            gc.freeze()
    finally:
        gc.enable()
