"""Handlers of signals that run at once, in C, and not between two bytecodes of the main thread."""

import ctypes
from collections.abc import Callable


class Handler:
    """A function of a signal's number, as C calls it. It has to live while it is installed."""

    def __init__(self, function: Callable[[int], object]) -> None:
        """Wrap the function."""
        self._callback = ctypes.CFUNCTYPE(None, ctypes.c_int)(function)
        self.address = ctypes.cast(self._callback, ctypes.c_void_p).value


def install(number: int, address: int | None) -> int | None:
    """Handle the signal by the function at this address; return that of the one before."""
    signal = ctypes.CDLL(None).signal
    signal.argtypes, signal.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
    earlier: int | None = signal(number, address)
    return earlier
