"""Every mode on this CPU, with stand-ins for what it lacks, and some that are wrong."""

from functools import partial

import pytest
import torch
from support.fakes import cuda_graph
from torch import Tensor

from workload.core.models.device import DeviceInfo
from workload.core.train_spec import PRESETS, TrainSpec
from workload.train.modes.compile import COMPILE
from workload.train.modes.dual import DUAL
from workload.train.modes.eager import EAGER
from workload.train.modes.fused import FusedLoop, OneDnnLoop
from workload.train.modes.graph import GRAPH
from workload.train.modes.mode import Data, Loop, Mode, draw

CPU = DeviceInfo("cpu", "cpu", "a CPU", "a test", 1)
GPU = DeviceInfo("cuda", "cpu", "the CPU, playing a GPU", "a test", 1, capability="9.0")
CASES = {
    "eager": (EAGER, CPU),
    "fused": (Mode("fused", FusedLoop), CPU),
    "onednn": (Mode("fused", OneDnnLoop), CPU),
    "compile": (COMPILE, CPU),
    "graph": (GRAPH, GPU),
    "dual": (DUAL, CPU),
}
# oneDNN has no float64, and float64 is all that dual does.
BY_DTYPE = {
    "float32": tuple(name for name in CASES if name != "dual"),
    "float64": tuple(name for name in CASES if name != "onednn"),
}


def install_stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Play CUDA graphs; trace for torch.compile, and leave out the compiler, which is slow."""
    cuda_graph.install(monkeypatch)
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))


def start(name: str, spec: TrainSpec) -> Loop:
    """A loop of the mode from the seed's data."""
    mode, device = CASES[name]
    return mode.start(spec, device, data_of(spec))


def data_of(spec: TrainSpec) -> Data:
    return draw(spec)


class UpdatesFirst(FusedLoop):
    """Wrong: computes the hidden layer's gradient with the updated w2."""

    def _step(self, r: Tensor) -> None:
        h, g = self._hidden(), self._g
        torch.addmm(self._y, self._w2, h, beta=-1, out=r)
        self._w2.addmm_(r, h.t(), alpha=self._rate)
        torch.mm(self._w2.t(), r, out=g)
        self._update(g.masked_fill_(h <= 0, 0))


class StepsTooFar(FusedLoop):
    """Wrong by a thousandth: as if two constants were merged incorrectly."""

    def _update(self, g: Tensor) -> None:
        self._w1.addmm_(g, self._x, alpha=1.001 * self._rate)


class NeverClosed(FusedLoop):
    """Wrong: the gradient passes through closed ReLUs."""

    def _step(self, r: Tensor) -> None:
        h, g = self._hidden(), self._g
        torch.addmm(self._y, self._w2, h, beta=-1, out=r)
        torch.mm(self._w2.t(), r, out=g)
        self._w2.addmm_(r, h.t(), alpha=self._rate)
        self._update(g)


class ForgetsTheUpdate(FusedLoop):
    """Wrong: never updates the weights, so each step repeats the first."""

    def _update(self, g: Tensor) -> None:
        pass


class NotFinite(FusedLoop):
    def advance(self, count: int) -> Tensor:
        return super().advance(count) * torch.nan


class WrongIfLong(FusedLoop):
    """Wrong for long inputs only, as a library's fault may be: the last column is left out."""

    def _hidden(self) -> Tensor:
        x = self._x.clone()
        if x.shape[1] >= PRESETS["book"].input_size:
            x[:, -1] = 0
        return torch.mm(self._w1, x.t(), out=self._h).clamp_(min=0)


def wrong(loop: type[FusedLoop]) -> Mode:
    """Return a mode whose loop is wrong."""
    return Mode("fused", loop)
