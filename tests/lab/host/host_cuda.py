"""Compute on the CPU what PyTorch asks of a CUDA device whose memory is the host's.

The kernels of the stand-in for libcudart do nothing, so the CPU's kernel of each ATen call runs on
the same bytes. Real are PyTorch's allocator, streams, events, captures and errors, and the program
under test. No CUDA kernel, cuBLAS, cuDNN or NCCL runs, and no time means anything. Printing a CUDA
tensor hangs: use `.tolist()`.
"""

import ctypes
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

# Allocations and the like, which launch nothing.
NATIVE = {
    f"aten::{name}"
    for name in (
        "empty.memory_format empty_strided empty_like new_empty new_empty_strided record_stream "
        "is_pinned _pin_memory set_.source_Storage set_.source_Storage_storage_offset resize_ "
        "alias detach lift_fresh"
    ).split()
}


def on_cuda(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.device.type == "cuda"


def as_host(tensor: torch.Tensor) -> torch.Tensor:
    """Return a CPU tensor over the same bytes."""
    storage = tensor.untyped_storage()
    size, stride, offset = tensor.size(), tensor.stride(), tensor.storage_offset()
    if not storage.nbytes():
        return torch.empty_strided(size, stride, dtype=tensor.dtype)
    raw = (ctypes.c_char * storage.nbytes()).from_address(storage.data_ptr())
    return (
        torch.frombuffer(raw, dtype=torch.uint8).view(tensor.dtype).as_strided(size, stride, offset)
    )


class HostCuda(TorchDispatchMode):
    """Sends each call to the CPU, and keeps the calls of a capture for its replays."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no types for it
        self.calls: list[tuple[Any, ...]] | None = None  # of the capture that is running
        self.before: dict[int, bytes] = {}  # what memory held when the capture began
        self.made: set[int] = set()  # memory that the capture allocated
        self.generators: dict[int, tuple[torch.Generator, int]] = {}
        self.probes: dict[int, torch.Tensor] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.calls is None:
            return self.compute(func, args, kwargs)
        self._keep_memory((args, kwargs))
        result = self.compute(func, args, kwargs)
        self.calls.append((func, args, kwargs, result))
        self.made |= {at for at in map(_address, _cuda_leaves(result)) if at not in self.before}
        return result

    def compute(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Return what the CPU computes, on the device where CUDA would have it."""
        name, tensors = func.name(), _cuda_leaves((args, kwargs))
        wanted = None if kwargs.get("device") is None else torch.device(kwargs["device"])
        if not tensors and (wanted is None or wanted.type != "cuda"):
            return func(*args, **kwargs)
        if name in NATIVE or _is_view(func):
            return func(*args, **kwargs)
        if name == "aten::_local_scalar_dense":
            return func(as_host(args[0]))
        target = wanted or (args[0].device if name == "aten::copy_" else tensors[0].device)
        self._launch((tensors[0].device if tensors else target).index or 0)
        given: dict[int, torch.Tensor] = {}
        alive: list[torch.Tensor] = []  # so that no id is used twice

        def down(value: Any) -> Any:
            if on_cuda(value):
                alive.append(as_host(value))
                given[id(alive[-1])] = value
                return alive[-1]
            if isinstance(value, torch.Generator) and value.device.type == "cuda":
                return self._generator(value)
            is_cuda = isinstance(value, torch.device) and value.type == "cuda"
            return torch.device("cpu") if is_cuda else value

        def up(value: Any) -> Any:
            if not isinstance(value, torch.Tensor) or target.type != "cuda":
                return given.get(id(value), value)
            if id(value) in given:
                return given[id(value)]
            made = torch.empty_strided(
                value.size(), value.stride(), dtype=value.dtype, device=target
            )
            as_host(made).copy_(value)
            return made

        return tree_map(up, func(*tree_map(down, args), **tree_map(down, kwargs)))

    def restore(self) -> None:
        """Undo what the capture computed: a real one computes nothing."""
        for at, content in self.before.items():
            ctypes.memmove(at, content, len(content))
        self.before, self.made = {}, set()

    def _keep_memory(self, values: Any) -> None:
        for tensor in _cuda_leaves(values):
            at = _address(tensor)
            if at not in self.before and at not in self.made:
                self.before[at] = ctypes.string_at(at, tensor.untyped_storage().nbytes())

    def _launch(self, index: int) -> None:
        """Launch one kernel that the runtime counts, so that its errors are raised as on a GPU."""
        if index not in self.probes:
            self.probes[index] = torch.empty(1, device=f"cuda:{index}")
        self.probes[index].fill_(0)

    def _generator(self, cuda: torch.Generator) -> torch.Generator:
        """Return a CPU generator of the same seed; its numbers are not CUDA's."""
        found = self.generators.get(id(cuda))
        if found is None or found[1] != cuda.initial_seed():
            found = torch.Generator().manual_seed(cuda.initial_seed()), cuda.initial_seed()
            self.generators[id(cuda)] = found
        return found[0]


def _cuda_leaves(values: Any) -> list[torch.Tensor]:
    return [value for value in tree_leaves(values) if on_cuda(value)]


def _address(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _is_view(func: Any) -> bool:
    arguments = func._schema.arguments
    return any(one.alias_info is not None and not one.alias_info.is_write for one in arguments)


def install() -> None:
    """Compute on the CPU from now on, and replay captures call by call."""
    mode = HostCuda()
    graph = torch.cuda.CUDAGraph
    begin, end, replay = graph.capture_begin, graph.capture_end, graph.replay
    captured: dict[int, list[tuple[Any, ...]]] = {}

    def capture_begin(self: Any, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        mode.calls = []

    def capture_end(self: Any) -> None:
        captured[id(self)], mode.calls = mode.calls or [], None
        mode.restore()
        end(self)

    def replay_calls(self: Any) -> None:
        replay(self)
        for func, args, kwargs, result in captured[id(self)]:
            again = mode.compute(func, args, kwargs)
            if isinstance(again, torch.Tensor) and again.data_ptr() != result.data_ptr():
                _bytes_of(result).copy_(_bytes_of(again))

    replaced: dict[str, Callable[..., None]] = {
        "capture_begin": capture_begin,
        "capture_end": capture_end,
        "replay": replay_calls,
    }
    for name, function in replaced.items():
        setattr(graph, name, function)
    mode.__enter__()  # type: ignore[no-untyped-call]  # torch has no types for it


def _bytes_of(tensor: torch.Tensor) -> torch.Tensor:
    return as_host(tensor) if on_cuda(tensor) else tensor
