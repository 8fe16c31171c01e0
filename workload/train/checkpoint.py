"""Save and read the checkpoints of a training run.

A checkpoint is a safetensors file, which has a JSON header and raw numbers, so reading it never
executes code. It is written atomically, and a damaged checkpoint is refused. The metadata in the
header contains the specification of the run and a SHA-256 of the metadata and the numbers, because
safetensors does not detect a flipped bit.
"""

import ctypes
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, TensorSpec, serialize
from safetensors.torch import load
from torch import Tensor

from workload.core.errors import BadInputError, NotSavedError, first_line
from workload.core.files import read_regular, write_atomically
from workload.core.places import fix_of
from workload.core.train_spec import TrainSpec
from workload.core.units import storage_dtype

FORMAT = "workload-train/2"
# Exceptions that the parsers may raise for a hostile or damaged file.
_MALFORMED = (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
MAX_BYTES = 1 << 36
TENSORS = ("losses", "w1", "w2")


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training run after `step` steps.

    `losses` has the shape (step,) and is float64. The weights have the dtype of the run,
    or float32 if that is tf32.
    """

    spec: TrainSpec
    step: int
    w1: Tensor
    w2: Tensor
    losses: Tensor
    threads: int | None = None  # None on a GPU; the last bits of the numbers depend on this
    ranks: int = 1  # the last bits depend on this number too


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write the checkpoint to `path` atomically. Raises NotSavedError if that fails."""
    tensors = {name: getattr(checkpoint, name).detach().cpu().contiguous() for name in TENSORS}
    metadata = {
        "format": FORMAT,
        "spec": json.dumps(asdict(checkpoint.spec)),
        "step": str(checkpoint.step),
        "threads": json.dumps(checkpoint.threads),
        "ranks": json.dumps(checkpoint.ranks),
    }
    metadata["sha256"] = _digest(metadata, tensors)
    specs = {
        name: TensorSpec(
            dtype=str(tensor.dtype).removeprefix("torch."),
            shape=list(tensor.shape),
            data_ptr=tensor.data_ptr(),
            data_len=tensor.nbytes,
        )
        for name, tensor in tensors.items()
    }
    try:
        write_atomically(path, serialize(specs, metadata))
    except OSError as error:
        reason = error.strerror or error
        raise NotSavedError(
            f"checkpoint {path} could not be written: {reason}; "
            f"{fix_of(error, path.parent, '--checkpoint')}"
        ) from error


def read(path: Path, max_bytes: int = MAX_BYTES) -> Checkpoint:
    """Read the checkpoint at `path`. Raises BadInputError unless it is complete and intact."""
    try:
        data = read_regular(path, max_bytes)
    except OSError as error:
        raise BadInputError(
            f"checkpoint {path} cannot be read: {error.strerror or error}; "
            "check the path, or start again without --resume"
        ) from error
    try:
        return _parse(data)
    except _MALFORMED as error:
        raise BadInputError(
            f"{path} is not a complete checkpoint of `workload train` ({first_line(error)}); "
            "the file is unchanged: resume from another file, or start again with another "
            "--checkpoint"
        ) from error


def weights_sha256(w1: Tensor, w2: Tensor) -> str:
    """Return the SHA-256 of the bytes of w1 and w2, to compare weights bit for bit."""
    digest = hashlib.sha256()
    for tensor in (w1, w2):
        digest.update(_bytes(tensor.detach().cpu().contiguous()))
    return digest.hexdigest()


def _parse(data: bytes) -> Checkpoint:
    tensors = load(data)
    metadata = _metadata(data)
    if metadata.get("format") != FORMAT:
        raise ValueError(f"its format is {metadata.get('format')!r}, not {FORMAT!r}")
    if set(tensors) != set(TENSORS):
        raise ValueError("losses, w1 or w2 is missing")
    if metadata["sha256"] != _digest(metadata, tensors):
        raise ValueError("its checksum does not match its content")
    spec = TrainSpec(**json.loads(metadata["spec"]))
    step = int(metadata["step"])
    expected = {"losses": (step,), "w1": spec.w1_shape, "w2": spec.w2_shape}
    for name, shape in expected.items():
        if tuple(tensors[name].shape) != shape:
            raise ValueError(f"{name} has the shape {tuple(tensors[name].shape)}, not {shape}")
    weights = storage_dtype(spec.dtype)
    for name, dtype in (("losses", "float64"), ("w1", weights), ("w2", weights)):
        if str(tensors[name].dtype) != f"torch.{dtype}":
            raise ValueError(f"{name} has the dtype {tensors[name].dtype}, not torch.{dtype}")
        if not bool(torch.isfinite(tensors[name]).all()):
            raise ValueError(f"{name} is not finite")
    threads = None if metadata["threads"] == "null" else _number(metadata["threads"], "threads")
    ranks = _number(metadata.get("ranks", "1"), "ranks")  # version 0.2.0 did not store it
    return Checkpoint(spec, step, **tensors, threads=threads, ranks=ranks)


def _number(text: str, of: str) -> int:
    number = json.loads(text)
    if type(number) is int and number > 0:
        return number
    raise ValueError(f"{text} is not a number of {of}")


def _metadata(data: bytes) -> dict[str, str]:
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    return {str(key): str(value) for key, value in metadata.items()}


def _digest(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for key in ("format", "spec", "step", "threads", "ranks"):
        if key in metadata:
            digest.update(metadata[key].encode() + b"\0")
    for name in TENSORS:
        digest.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        digest.update(_bytes(tensors[name]))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    """Return the raw bytes of a contiguous CPU tensor; `tensor.numpy()` would need NumPy."""
    return ctypes.string_at(tensor.data_ptr(), tensor.nbytes)
