"""`graph`: the fused step as a CUDA graph, several steps per replay.

On a GPU the kernels of a step take microseconds, and so does launching each of them from Python.
A graph launches all kernels of BLOCK_STEPS steps at once. A second graph, of one step, is replayed
for the remaining steps. It has the same kernels, so the numbers do not depend on how steps are
grouped. As PyTorch requires (notes/cuda, "CUDA Graphs"), the step is warmed up on a side stream
before it is captured, and every tensor keeps its address.
"""

import torch
from torch import Tensor

from workload.core.errors import UnfitError
from workload.core.models.device import DeviceInfo
from workload.core.train_spec import BLOCK_STEPS, TrainSpec
from workload.train.modes.fused import FusedLoop
from workload.train.modes.mode import Data, Mode

WARM_UP_STEPS = 3  # as in PyTorch's own examples


class GraphLoop(FusedLoop):
    """Two captured graphs: BLOCK_STEPS steps, and one step."""

    def __init__(self, spec: TrainSpec, device: DeviceInfo, data: Data) -> None:
        """Warm up and capture the graphs; the weights do not change."""
        super().__init__(spec, device, data)
        with torch.cuda.device(device.torch_name):
            stream = torch.cuda.Stream()
            self._warm_up(stream)
            self._graphs = {steps: self._capture(steps, stream) for steps in (BLOCK_STEPS, 1)}

    def _warm_up(self, stream: torch.cuda.Stream) -> None:
        """Load libraries and kernels before the capture, and restore the weights."""
        before = self._w1.clone(), self._w2.clone()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_STEPS):
                super()._block(1)
        torch.cuda.current_stream().wait_stream(stream)
        self._w1.copy_(before[0])
        self._w2.copy_(before[1])

    def _capture(
        self, steps: int, stream: torch.cuda.Stream
    ) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        """Capture a graph of `steps` steps; return it and the tensor that will hold the losses."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            losses = super()._block(steps)
        return graph, losses

    def _block(self, steps: int) -> Tensor:
        if steps == BLOCK_STEPS:
            return self._replay(BLOCK_STEPS)
        return torch.cat([self._replay(1) for _ in range(steps)])

    def _replay(self, steps: int) -> Tensor:
        graph, losses = self._graphs[steps]
        graph.replay()
        return losses.clone()  # the next replay overwrites `losses`


def _refusal(_spec: TrainSpec, device: DeviceInfo) -> UnfitError | None:
    if device.kind == "cuda":
        return None
    return UnfitError("mode graph is not supported by a CPU: choose --device cuda, or --mode fused")


GRAPH = Mode("graph", GraphLoop, _refusal)
