"""Collect information about this machine for a bug report, and pack it into an archive.

This module removes serial numbers and the names and IDs of processes. `cli.commands.doctor` redacts
secrets and the names of users and machines. GPU UUIDs are kept, because they identify the GPUs in
logs.
"""

import gzip
import io
import re
import shutil
import tarfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from workload.core.errors import first_line
from workload.core.files import read_text
from workload.core.models.facts import Facts
from workload.hardware.cgroups import control_groups
from workload.hardware.child import Child, HungError

FOLDER = "workload-doctor"  # in the archive
ARCHIVE_NAME = f"{FOLDER}.tar"  # in the gzip header; `is_bundle` looks for it
GROUP_FILES = """
    memory.max memory.high memory.current memory.events memory.swap.max cpu.max cpu.stat
    cpuset.cpus.effective pids.max memory.limit_in_bytes memory.usage_in_bytes memory.failcnt
    cpu.cfs_quota_us cpu.cfs_period_us
    """.split()  # noqa: SIM905  easier to read than a list of strings
SMI_SEC = 15.0  # a GPU in standby takes several seconds to answer
# Serial numbers, and processes, which may belong to other users.
_PRIVATE_LINES = re.compile(r"^\s+(Name|Serial Number|Process ID)\s*:.*\n?", re.MULTILINE)


def texts(facts: Facts, root: Path = Path("/")) -> dict[str, str]:
    """Return the texts for the archive by file name, without missing and empty ones."""
    found = {
        "packages.txt": packages(),
        "os-release.txt": read_text(root / "etc/os-release"),
        "cgroup.txt": group_limits(root),
        # CUDA libraries in /proc/self/maps of the process that ran torch.
        "libraries.txt": "\n".join(facts.mapped_libraries),
        "nvidia-smi.txt": nvidia_smi(),
    }
    return {name: text.rstrip() + "\n" for name, text in found.items() if text}


def packages() -> str:
    """Return every installed package and its version, one per line."""
    lines = {f"{found.name}=={found.version}" for found in metadata.distributions()}
    return "\n".join(sorted(lines, key=str.lower))


def group_limits(root: Path) -> str:
    """Return this process's cgroups and their limits on memory, CPUs and processes."""
    blocks = [f"/proc/self/cgroup\n{read_text(root / 'proc/self/cgroup')}"]
    for folder in control_groups(root):
        files = {name: read_text(folder / name) for name in GROUP_FILES}
        blocks += [f"{folder / name}\n{text}" for name, text in files.items() if text]
    return "\n".join(blocks)


def nvidia_smi(command: str = "nvidia-smi", limit_sec: float = SMI_SEC) -> str:
    """Return the output of `nvidia-smi -q` without processes and serial numbers; "" if missing."""
    path = shutil.which(command)
    if path is None:
        return ""
    try:
        child = Child([path, "-q"], with_errors=True)
    except OSError as error:
        return f"nvidia-smi failed: {first_line(error)}"
    try:
        return _PRIVATE_LINES.sub("", child.output(limit_sec))
    except HungError:
        return f"no answer in {limit_sec:.0f} s"
    finally:
        child.close()


def archive(members: Mapping[str, str]) -> bytes:
    """Return the texts as a reproducible .tar.gz, without owners and timestamps."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(ARCHIVE_NAME, "wb", fileobj=packed, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, text in members.items():
            data = text.encode(errors="replace")
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size, member.mode = len(data), 0o600
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def is_bundle(start: bytes) -> bool:
    """Return whether a file that begins with `start` was written by `archive`."""
    return start[:4] == b"\x1f\x8b\x08\x08" and start[10:].startswith(ARCHIVE_NAME.encode() + b"\0")
