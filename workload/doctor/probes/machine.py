"""Read facts about the machine, its clock and folders, the container and the user.

Uses only files and the standard library.
"""

import ctypes
import os
import platform
import pwd
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from workload.core.files import read_text
from workload.core.models.machine import Clock, Cpu, DeviceNode, Folder, System, User
from workload.core.places import container_kind, write_error
from workload.core.variables import known_variables
from workload.hardware.processor import read_processor

# Instruction sets that determine which kernels PyTorch's CPU libraries select.
RELEVANT_ISA = frozenset(
    """
    sse4_2 avx avx2 fma f16c avx_vnni avx512f avx512bw avx512vl avx512_vnni avx512_bf16
    avx512_fp16 amx_tile amx_bf16 amx_int8
    asimd asimdhp asimddp sve sve2 bf16 svebf16 i8mm svei8mm
    """.split()  # noqa: SIM905  easier to read than a list of strings
)
# Only these variables, and those in core/variables.toml, are read and put into a record.
ENVIRONMENT_ALLOWED = frozenset(
    """
    CUDA_HOME CUDA_VERSION NVIDIA_DISABLE_REQUIRE NVIDIA_DRIVER_CAPABILITIES NVIDIA_REQUIRE_CUDA
    NVIDIA_VISIBLE_DEVICES TORCHINDUCTOR_CACHE_DIR TRITON_CACHE_DIR LD_LIBRARY_PATH WORKLOAD_VARIANT
    """.split()  # noqa: SIM905  as above
)
CACHE_VARIABLES = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "XDG_CACHE_HOME")
STA_UNSYNC = 0x40  # sys/timex.h
USER_NAME_VARIABLES = ("LOGNAME", "USER", "LNAME", "USERNAME")  # read by getpass.getuser()


def read_system(root: Path, environment: Mapping[str, str]) -> System:
    """Return Python's version, the OS, kernel and architecture, and the container and its image."""
    return System(
        python=platform.python_version(),
        os=_os_name(root),
        kernel=platform.release(),
        machine=platform.machine(),
        container=container_kind(root, environment),
        image=environment.get("WORKLOAD_IMAGE") or None,
    )


def _os_name(root: Path) -> str | None:
    match = re.search(r'^PRETTY_NAME="?([^"\n]*)', read_text(root / "etc/os-release"), re.MULTILINE)
    return match[1] if match else None


def read_cpu(root: Path) -> Cpu:
    """Return the CPU as /proc/cpuinfo describes it."""
    processor = read_processor(root)
    return Cpu(
        model=processor.brand,
        vendor=processor.vendor,
        isa=tuple(sorted(RELEVANT_ISA & processor.flags)),
        physical_cores=processor.cores,
        logical_cpus=os.cpu_count(),
        part=processor.part,
        sve_bits=processor.sve_bits,
        numa_nodes=processor.numa_nodes,
        kernel_machine=processor.kernel_machine,
    )


def read_user(environment: Mapping[str, str]) -> User:
    """Return the user, HOME and the temporary folder. Tests each folder by writing a file."""
    home, tmp = environment.get("HOME"), environment.get("TMPDIR") or "/tmp"  # noqa: S108
    return User(
        uid=os.getuid(),
        gid=os.getgid(),
        has_passwd_entry=_has_passwd_entry(os.getuid()),
        has_name_in_environment=any(environment.get(name) for name in USER_NAME_VARIABLES),
        home=home,
        home_writable=bool(home) and write_problem(str(home)) is None,
        tmp=tmp,
        tmp_writable=write_problem(tmp) is None,
    )


def _has_passwd_entry(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def read_device_nodes(root: Path) -> tuple[DeviceNode, ...]:
    """Return the GPU device files in /dev: those of NVIDIA or, in WSL, /dev/dxg."""
    dev = root / "dev"
    paths = [path for pattern in ("nvidia*", "dxg") for path in sorted(dev.glob(pattern))]
    return tuple(
        DeviceNode(f"/dev/{path.name}", os.access(path, os.R_OK | os.W_OK), _permitted(path))
        for path in paths
        if not path.is_dir()
    )


def _permitted(path: Path) -> bool:
    """Return whether the file's owner, group and mode permit this process to read and write it."""
    status = path.stat()
    own, group = status.st_uid == os.getuid(), status.st_gid in (os.getgid(), *os.getgroups())
    needed = 0o600 if own else 0o060 if group else 0o006
    return os.getuid() == 0 or status.st_mode & needed == needed


def read_kernel_driver(root: Path) -> str | None:
    """Return the NVIDIA kernel module's version, which containers without GPUs can read too."""
    match = re.search(
        r"Kernel Module.*?\s(\d+\.\d+[.\d]*)",
        read_text(root / "proc/driver/nvidia/version"),
    )
    return match[1] if match else None


def read_link_widths(root: Path) -> dict[str, int]:
    """Return the number of PCIe lanes that each NVIDIA device supports, by PCI address."""
    return {
        device.name: int(lanes)
        for device in sorted(root.glob("sys/bus/pci/devices/*"))
        if read_text(device / "vendor").strip() == "0x10de"
        and (lanes := read_text(device / "max_link_width").strip()).isdecimal()
    }


def read_environment(
    environment: Mapping[str, str], redact: Callable[[str], str] = str
) -> dict[str, str]:
    """Return the allowed variables that are set, with their values redacted by `redact`."""
    allowed = ENVIRONMENT_ALLOWED | known_variables().keys()
    return {name: redact(environment[name]) for name in sorted(allowed & environment.keys())}


def read_folders(environment: Mapping[str, str]) -> tuple[Folder, ...]:
    """Return facts about HOME and the folders for temporary files, caches and records."""
    places = {
        "TMPDIR": environment.get("TMPDIR") or "/tmp",  # noqa: S108  the default
        "HOME": environment.get("HOME"),
        "results": "results",
        **{name: environment.get(name) for name in CACHE_VARIABLES},
    }
    return tuple(read_folder(purpose, Path(path)) for purpose, path in places.items() if path)


def read_folder(purpose: str, path: Path) -> Folder:
    """Return facts about a folder, or about its nearest parent if it does not exist.

    Writes a test file, because permission bits do not show whether root can write.
    """
    places = (path, *path.absolute().parents)
    folder = next(place for place in places if os.path.isdir(place))  # isdir never raises
    try:
        status = os.statvfs(folder)
    except OSError:
        return Folder(purpose, str(path), write_problem(str(folder)), None, None)
    return Folder(
        purpose=purpose,
        path=str(path),
        problem=write_problem(str(folder)),
        executable=not status.f_flag & os.ST_NOEXEC,
        free_bytes=status.f_bavail * status.f_frsize if status.f_blocks else None,
    )


def write_problem(folder: str) -> str | None:
    """Return why no file can be written to `folder`; None if a test file was written."""
    error = write_error(Path(folder))
    return None if error is None else error.strerror or str(error)


class _Timex(ctypes.Structure):
    """The first fields of struct timex (adjtimex(2)); `rest` reserves space for the others."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


def read_clock(root: Path) -> Clock:
    """Return the time of the system clock and of the hardware clock.

    Also return whether the system clock is synchronized. Does not use a network.
    """
    return Clock(datetime.now(UTC).timestamp(), _hardware_sec(root), _synchronized())


def _hardware_sec(root: Path) -> float | None:
    try:
        return float((root / "sys/class/rtc/rtc0/since_epoch").read_text())
    except (OSError, ValueError):
        return None


def _synchronized() -> bool | None:
    """Return whether the system clock is synchronized; None if unknown.

    This call to adjtimex(2) changes nothing and needs no privileges. A sandbox may still forbid it;
    then it returns -1.
    """
    timex = _Timex()
    try:
        allowed = ctypes.CDLL(None).adjtimex(ctypes.byref(timex)) >= 0
    except (AttributeError, OSError):  # not Linux
        return None
    return not timex.status & STA_UNSYNC if allowed else None
