"""The folder of a proof: written as it goes, packed last, small enough to be sent anywhere.

    proof.jsonl       one line for each event, as it happens: read by gpu-proof-read
    log.txt           what the steps printed, the beginning and the end of each
    run-….json, …     the records of the steps
    gpu-proof.tar.gz  all of these

An error of the disk is noted and the proof goes on: what cannot be kept is still printed.
"""

import json
import os
import tarfile
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workload.core.errors import BadInputError
from workload.core.files import read_regular, write_atomically

if TYPE_CHECKING:  # it needs msgspec
    from workload.doctor.redaction import Redaction

NAME = "gpu-proof"  # of the archive, and of the folder in it
ARCHIVE = f"{NAME}.tar.gz"
EVENTS = "proof.jsonl"
LOG = "log.txt"
MAX_FILES = 8  # with the archive
MAX_FILE_BYTES = 16 << 20
# Of each step's output; twelve steps fit into a file.
MAX_HEAD_BYTES = 1 << 20
MAX_TAIL_BYTES = 1 << 17


class Folder:
    """The folder that a proof writes."""

    def __init__(self, path: Path) -> None:
        """Create it. Raises BadInputError if it is in use or cannot be written."""
        self.path = path
        self.redaction: Redaction | None = None  # removes names and secrets
        self.problem: str | None = None  # the first error of the disk
        self._torn = False  # whether a line may have been written in part
        try:
            path.mkdir(parents=True, exist_ok=True)
            used = any(path.iterdir())
        except OSError as error:
            raise BadInputError(
                f"{path} cannot be written: {error.strerror}; choose another OUT="
            ) from error
        if used:
            raise BadInputError(f"{path} is not empty: choose another OUT=")

    def event(self, event: str, **fields: Any) -> None:
        """Add a line to the events; it is on the disk when this returns."""
        document = {"event": event, **fields}
        self._append(EVENTS, json.dumps(self._redacted(document), default=str).encode() + b"\n")

    def log(self, data: bytes) -> None:
        """Add a step's output to the log."""
        text = data.decode(errors="replace")
        self._append(LOG, (self.redaction.text(text) if self.redaction else text).encode())

    def keep(self, source: Path, name: str) -> str | None:
        """Copy a document of a step in; return why it was left out."""
        try:
            document = json.loads(read_regular(source, MAX_FILE_BYTES))
        except (OSError, ValueError) as error:
            return f"{name} was not kept: {error}"
        try:
            text = json.dumps(self._redacted(document), indent=1) + "\n"
            write_atomically(self.path / name, text.encode())
        except OSError as error:
            self._failed(error)
            return f"{name} was not kept: {error.strerror or error}"
        return None

    def pack(self) -> Path | None:
        """Put all files into the archive; None, with `problem` set, if it could not be written."""
        target, unfinished = self.path / ARCHIVE, self.path / f"{ARCHIVE}.part"
        files = sorted(path for path in self.path.iterdir() if path.is_file())
        try:
            with tarfile.open(unfinished, "w:gz") as tar:
                for path in files:
                    tar.add(path, f"{NAME}/{path.name}", recursive=False, filter=_anonymous)
            unfinished.replace(target)
        except OSError as error:
            self._failed(error)
            with suppress(OSError):
                unfinished.unlink()
            return None
        return target

    def _append(self, name: str, data: bytes) -> None:
        try:
            with (self.path / name).open("ab") as file:
                if file.tell() + len(data) > MAX_FILE_BYTES:
                    raise OSError(f"{name} would be larger than {MAX_FILE_BYTES >> 20} MiB")
                if name == LOG:
                    file.write(data)
                    return
                torn, self._torn = self._torn, True  # until it is written
                file.write(b"\n" * torn + data)
                file.flush()
                os.fsync(file.fileno())
                self._torn = False
        except OSError as error:
            self._failed(error)

    def _redacted(self, document: Any) -> Any:
        return self.redaction.value(document) if self.redaction else document

    def _failed(self, error: OSError) -> None:
        self.problem = self.problem or f"{self.path}: {error.strerror or error}"


class Output:
    """One step's output on its way to the log: too much of it loses its middle."""

    def __init__(self, folder: Folder) -> None:
        """Write to the log of `folder`."""
        self._folder = folder
        self._left_bytes = MAX_HEAD_BYTES
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._omitted_bytes = 0
        self.last: deque[str] = deque(maxlen=1000)  # lines

    def write(self, line: bytes) -> None:
        """Take a line."""
        if line.strip():
            self.last.append(line.decode(errors="replace").rstrip())
        if len(line) <= self._left_bytes:
            self._left_bytes -= len(line)
            self._folder.log(line)
            return
        self._left_bytes = 0
        self._tail.append(line)
        self._tail_bytes += len(line)
        while self._tail_bytes > MAX_TAIL_BYTES:
            self._tail_bytes -= len(self._tail[0])
            self._omitted_bytes += len(self._tail.popleft())

    def finish(self) -> None:
        """Write the end of an output that was too long."""
        if self._tail:
            note = f"[{self._omitted_bytes} bytes are left out here]\n".encode()
            self._folder.log((note if self._omitted_bytes else b"") + b"".join(self._tail))


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o644
    return member
