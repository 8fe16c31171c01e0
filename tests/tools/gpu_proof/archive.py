"""Take the files of a proof from its folder or its archive, which may come from anyone.

Only the files that a proof writes are taken, each of at most 16 MiB. Everything else in an archive
is refused before anything of it is used: links, devices, paths, and sizes that grow.
"""

import io
import tarfile
import zlib
from pathlib import Path

from tools.gpu_proof.folder import ARCHIVE, EVENTS, LOG, MAX_FILE_BYTES, MAX_FILES, NAME

from workload.core.errors import BadInputError, first_line
from workload.core.files import read_regular

RECORDS = (
    "run-gpu.json",
    "run-cpu.json",
    "benchmarks-gpu.json",
    "benchmarks-cpu.json",
    "sweep.json",
)
KNOWN = (EVENTS, LOG, *RECORDS)
MAX_TOTAL_BYTES = MAX_FILES * MAX_FILE_BYTES
GZIP = 16 + zlib.MAX_WBITS  # zlib's number for the format


def read(path: Path) -> dict[str, bytes]:
    """Return file name -> content. Raises BadInputError in one line."""
    try:
        found = _of_folder(path) if path.is_dir() else _of_archive(path)
    except BadInputError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise BadInputError(f"{path} cannot be read: {reason}; check FILE=") from error
    except (ValueError, tarfile.TarError, EOFError, zlib.error, OverflowError) as error:
        raise BadInputError(
            f"{path} is not an archive of gpu-proof ({first_line(error)}): choose {ARCHIVE}"
        ) from error
    if EVENTS not in found:
        raise BadInputError(f"{path} has no {EVENTS}: choose a folder or {ARCHIVE} of gpu-proof")
    return found


def _of_folder(folder: Path) -> dict[str, bytes]:
    found = {}
    for name in KNOWN:
        path = folder / name
        if path.is_symlink():
            raise BadInputError(f"{path} is a link: a proof writes none")
        if path.exists():
            found[name] = read_regular(path, MAX_FILE_BYTES)
    return found


def _of_archive(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    packed = io.BytesIO(_unpacked(read_regular(path, MAX_TOTAL_BYTES)))
    with tarfile.open(fileobj=packed, mode="r:") as tar:
        for member in tar:
            name = _accepted(member)
            if name in found:
                raise ValueError(f"{name} is in it twice")
            content = tar.extractfile(member)
            found[name] = content.read(MAX_FILE_BYTES) if content else b""
    return found


def _unpacked(data: bytes) -> bytes:
    """Decompress, up to the size that a proof may have."""
    stream = zlib.decompressobj(GZIP)
    found = stream.decompress(data, MAX_TOTAL_BYTES)
    if stream.unconsumed_tail:
        raise ValueError(f"more than {MAX_TOTAL_BYTES >> 20} MiB")
    if not stream.eof:
        raise ValueError("it is cut off")
    return found


def _accepted(member: tarfile.TarInfo) -> str:
    """Return the file's name. Raises ValueError for what a proof does not write."""
    folder, _, name = member.name.partition("/")
    if folder != NAME or name not in KNOWN:
        raise ValueError(f"{member.name[:80]!r} is none of its files")
    if not member.isreg() or member.issparse():
        raise ValueError(f"{name} is not a plain file")
    if member.size > MAX_FILE_BYTES:
        raise ValueError(f"{name} is larger than {MAX_FILE_BYTES >> 20} MiB")
    return name
