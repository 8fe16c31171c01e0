"""`compile`: the fused step through `torch.compile`.

This mode needs a compiler at run time: g++ for a CPU, a C compiler for a GPU (Triton builds its
launchers with it), and Python's headers for both. The runtime images have none of these, to stay
small; the -devel images have all. The first step is slow unless an earlier run filled the cache.
"""

import torch
from torch import Tensor

from workload.core.errors import UnfitError, first_line
from workload.core.models.device import DeviceInfo
from workload.core.train_spec import TrainSpec
from workload.hardware import devices
from workload.hardware.compilers import find_compilers, fix, noexec_cache
from workload.hardware.watchdog import watchdog
from workload.train.modes.fused import FusedLoop
from workload.train.modes.mode import Data, Mode

OTHERWISE = "or choose another --mode"


def _step(x: Tensor, y: Tensor, weights: tuple[Tensor, Tensor], r: Tensor, rate: float) -> None:
    """Do one step on transposed weights, as `fused` describes; write its residuals to `r`."""
    w1, w2 = weights
    h = torch.mm(w1, x.t()).clamp(min=0)
    torch.addmm(y, w2, h, beta=-1, out=r)
    g = torch.where(h > 0, torch.mm(w2.t(), r), 0.0)
    w2.addmm_(r, h.t(), alpha=rate)
    w1.addmm_(g, x, alpha=rate)


class CompiledLoop(FusedLoop):
    """The step as one compiled function."""

    def __init__(self, spec: TrainSpec, device: DeviceInfo, data: Data) -> None:
        """Compile the step. Raises UnfitError with the reason if that fails."""
        super().__init__(spec, device, data)
        weights = self._w1.clone(), self._w2.clone()
        try:
            self._compiled = torch.compile(_step, dynamic=False)
            with watchdog.paused():  # compilation has no time limit
                self._compiled(self._x, self._y, weights, self._residuals[0], self._rate)
        except (RuntimeError, OSError) as error:
            if devices.is_out_of_memory(error):
                raise
            raise UnfitError(
                f"torch.compile failed ({first_line(error)}): "
                f"run `workload doctor` to check the compiler and its cache, {OTHERWISE}"
            ) from error

    def _step(self, r: Tensor) -> None:
        self._compiled(self._x, self._y, (self._w1, self._w2), r, self._rate)


def _refusal(_spec: TrainSpec, device: DeviceInfo) -> UnfitError | None:
    found = find_compilers()
    if not (found.cxx if device.kind == "cpu" else found.c):
        missing = "g++" if device.kind == "cpu" else "a C compiler"
    elif not found.headers:
        missing = "Python.h"
    elif cache := noexec_cache():
        return UnfitError(
            f"mode compile loads what it builds, but {cache} is mounted noexec: "
            f"mount it with exec (docker run --tmpfs /tmp:exec), {OTHERWISE}"
        )
    else:
        return None
    return UnfitError(f"mode compile needs {missing}, which is missing: {fix()}, {OTHERWISE}")


COMPILE = Mode("compile", CompiledLoop, _refusal)
