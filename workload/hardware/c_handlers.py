"""Install C signal handlers, which run as soon as the signal arrives.

Python's own signal handlers wait until the main thread executes its next bytecode instruction.
"""

import ctypes
from collections.abc import Callable


class Handler:
    """A C callback that takes a signal's number. Keep it alive while it is installed."""

    def __init__(self, function: Callable[[int], object]) -> None:
        """Wrap the function."""
        self._callback = ctypes.CFUNCTYPE(None, ctypes.c_int)(function)
        self.address = ctypes.cast(self._callback, ctypes.c_void_p).value


def install(number: int, address: int | None) -> int | None:
    """Install the handler at `address` for a signal; return the previous handler's address."""
    signal = ctypes.CDLL(None).signal
    signal.argtypes, signal.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
    earlier: int | None = signal(number, address)
    return earlier
