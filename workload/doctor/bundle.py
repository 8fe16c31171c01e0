"""What a colleague needs beside the record: files and answers of this machine, and the archive.

Nothing here is printed or judged. Serial numbers and processes are left out here, names and
secrets by `commands.bundling`; a card keeps its UUID, by which its log lines are found.
"""

import gzip
import io
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from workload.core.errors import first_line
from workload.doctor.probes.facts import Facts
from workload.hardware.cgroups import control_groups

FOLDER = "workload-doctor"  # in the archive
ARCHIVE_NAME = f"{FOLDER}.tar"  # in the head of the gzip file, by which a bundle is known
GROUP_FILES = """
    memory.max memory.high memory.current memory.events memory.swap.max cpu.max cpu.stat
    cpuset.cpus.effective pids.max memory.limit_in_bytes memory.usage_in_bytes memory.failcnt
    cpu.cfs_quota_us cpu.cfs_period_us
    """.split()  # noqa: SIM905  a list of words reads better than one of strings
SMI_SEC = 15.0  # a card that wakes takes some seconds
# Names of other people's programs, and the card's own number.
_UNTOLD_LINES = re.compile(r"^\s+(Name|Serial Number|Process ID)\s*:.*\n?", re.MULTILINE)


def texts(facts: Facts, root: Path = Path("/")) -> dict[str, str]:
    """File name -> text. What is not there is left out."""
    found = {
        "packages.txt": packages(),
        "os-release.txt": _read(root / "etc/os-release"),
        "cgroup.txt": group_limits(root),
        # Of the process that worked with torch: what its /proc/self/maps has of CUDA.
        "libraries.txt": "\n".join(facts.mapped_libraries),
        "nvidia-smi.txt": nvidia_smi(),
    }
    return {name: text.rstrip() + "\n" for name, text in found.items() if text}


def packages() -> str:
    """Every installed package and its version, a line each."""
    lines = {f"{found.name}=={found.version}" for found in metadata.distributions()}
    return "\n".join(sorted(lines, key=str.lower))


def group_limits(root: Path) -> str:
    """This process's control groups, and what their files say of memory and CPUs."""
    blocks = [f"/proc/self/cgroup\n{_read(root / 'proc/self/cgroup')}"]
    for folder in control_groups(root):
        files = {name: _read(folder / name) for name in GROUP_FILES}
        blocks += [f"{folder / name}\n{text}" for name, text in files.items() if text]
    return "\n".join(blocks)


def nvidia_smi(command: str = "nvidia-smi", limit_sec: float = SMI_SEC) -> str:
    """What `nvidia-smi -q` says, without other people's programs; "" where there is none."""
    path = shutil.which(command)
    if path is None:
        return ""
    try:
        ended = subprocess.run(  # noqa: S603  the driver's own tool
            [path, "-q"], capture_output=True, text=True, timeout=limit_sec, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer in {limit_sec:.0f} s"
    except (OSError, UnicodeDecodeError) as error:
        return f"it failed: {first_line(error)}"
    return _UNTOLD_LINES.sub("", ended.stdout + ended.stderr)


def archive(members: Mapping[str, str]) -> bytes:
    """The texts as a .tar.gz: no owner, no time, for the same texts the same bytes."""
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
    """Whether a file that starts so is one of `archive`: gzip's head with our name in it."""
    return start[:4] == b"\x1f\x8b\x08\x08" and start[10:].startswith(ARCHIVE_NAME.encode() + b"\0")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
