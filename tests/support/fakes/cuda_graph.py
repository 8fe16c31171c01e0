"""CUDA graphs without CUDA: operations are recorded with their tensors, and replayed on them.

As on a GPU, capturing changes no memory that was there before, and a replay runs no Python: it
repeats the recorded operations on the very tensors of the capture.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, UntypedStorage
from torch.utils._python_dispatch import TorchDispatchMode


class FakeGraph:
    """A graph that records operations and replays them."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []
        self.replays = 0

    def replay(self) -> None:
        self.replays += 1
        for operation, args, kwargs, output in self.calls:
            again = operation(*args, **kwargs)
            if isinstance(output, Tensor) and again.data_ptr() != output.data_ptr():
                output.copy_(again)


class _Recording(TorchDispatchMode):
    def __init__(self, graph: FakeGraph) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # missing in torch's stubs
        self.graph = graph
        self.before: dict[int, tuple[UntypedStorage, UntypedStorage]] = {}
        self.made: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        for tensor in [*args, *kwargs.values()]:
            if isinstance(tensor, Tensor):
                self._remember(tensor)
        output = func(*args, **kwargs)
        for tensor in output if isinstance(output, list | tuple) else [output]:
            if tensor.untyped_storage().data_ptr() not in self.before:
                self.made.add(tensor.untyped_storage().data_ptr())
        self.graph.calls.append((func, args, kwargs, output))
        return output

    def _remember(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self.before and storage.data_ptr() not in self.made:
            self.before[storage.data_ptr()] = storage, storage.clone()

    def restore(self) -> None:
        for storage, content in self.before.values():
            storage.copy_(content)


class FakeStream:
    """A stream that does nothing: there is one thread."""

    def __init__(self, _device: torch.device | None = None) -> None:
        pass

    def wait_stream(self, _other: "FakeStream") -> None:
        pass


@contextmanager
def capture(graph: FakeGraph, stream: FakeStream) -> Iterator[None]:
    assert isinstance(stream, FakeStream)
    with _Recording(graph) as recording:
        yield
    recording.restore()


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace torch.cuda's graphs and streams."""
    for name, fake in {
        "CUDAGraph": FakeGraph,
        "graph": capture,
        "Stream": FakeStream,
        "current_stream": FakeStream,
        "stream": lambda _stream: nullcontext(),
        "device": lambda _device: nullcontext(),
    }.items():
        monkeypatch.setattr(torch.cuda, name, fake)
