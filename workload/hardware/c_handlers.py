"""Signal handlers that run at once, in C; Python's wait for the main thread's next bytecode."""

import ctypes
from collections.abc import Callable


class Handler:
    """A function of a signal's number that C can call. Keep it alive while it is installed."""

    def __init__(self, function: Callable[[int], object]) -> None:
        """Wrap the function."""
        self._callback = ctypes.CFUNCTYPE(None, ctypes.c_int)(function)
        self.address = ctypes.cast(self._callback, ctypes.c_void_p).value


def install(number: int, address: int | None) -> int | None:
    """Install the handler at this address for a signal; return the previous one's address."""
    signal = ctypes.CDLL(None).signal
    signal.argtypes, signal.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
    earlier: int | None = signal(number, address)
    return earlier
