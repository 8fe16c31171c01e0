"""Facts about the machine, the container and the user, from files and the standard library."""

import os
import platform
import pwd
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from workload.core.files import read_text
from workload.core.models.machine import Cpu, DeviceNode, System, User
from workload.core.places import container_kind
from workload.core.variables import known_variables
from workload.doctor.probes.folders import write_problem
from workload.hardware.processor import read_processor

# Instruction sets by which PyTorch's CPU libraries select kernels.
RELEVANT_ISA = frozenset(
    """
    sse4_2 avx avx2 fma f16c avx_vnni avx512f avx512bw avx512vl avx512_vnni avx512_bf16
    avx512_fp16 amx_tile amx_bf16 amx_int8
    asimd asimdhp asimddp sve sve2 bf16 svebf16 i8mm svei8mm
    """.split()  # noqa: SIM905  a list of words reads better than one of strings
)
# These and those of core/variables.toml are the only variables in a record; no other is read.
ENVIRONMENT_ALLOWED = frozenset(
    """
    CUDA_HOME CUDA_VERSION NVIDIA_DISABLE_REQUIRE NVIDIA_DRIVER_CAPABILITIES NVIDIA_REQUIRE_CUDA
    NVIDIA_VISIBLE_DEVICES TORCHINDUCTOR_CACHE_DIR TRITON_CACHE_DIR LD_LIBRARY_PATH WORKLOAD_VARIANT
    """.split()  # noqa: SIM905  as above
)
USER_NAME_VARIABLES = ("LOGNAME", "USER", "LNAME", "USERNAME")  # read by getpass.getuser()


def read_system(root: Path, environment: Mapping[str, str]) -> System:
    """Return Python, distribution, kernel and kind of container."""
    return System(
        python=platform.python_version(),
        os=_os_name(root),
        kernel=platform.release(),
        machine=platform.machine(),
        container=container_kind(root, environment),
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
    """Return the user, HOME and the temporary folder; writable means that a file was written."""
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
    """Return NVIDIA's files in /dev, or WSL's /dev/dxg, which replaces them."""
    dev = root / "dev"
    paths = [path for pattern in ("nvidia*", "dxg") for path in sorted(dev.glob(pattern))]
    return tuple(
        DeviceNode(f"/dev/{path.name}", os.access(path, os.R_OK | os.W_OK), _permitted(path))
        for path in paths
        if not path.is_dir()
    )


def _permitted(path: Path) -> bool:
    """Return whether owner, group and mode permit this process to read and write."""
    status = path.stat()
    own, group = status.st_uid == os.getuid(), status.st_gid in (os.getgid(), *os.getgroups())
    needed = 0o600 if own else 0o060 if group else 0o006
    return os.getuid() == 0 or status.st_mode & needed == needed


def read_kernel_driver(root: Path) -> str | None:
    """Return the version of the NVIDIA kernel module; a container without a GPU sees it too."""
    match = re.search(
        r"Kernel Module.*?\s(\d+\.\d+[.\d]*)",
        read_text(root / "proc/driver/nvidia/version"),
    )
    return match[1] if match else None


def read_link_widths(root: Path) -> dict[str, int]:
    """Return the number of lanes that each NVIDIA device supports, by PCI address."""
    return {
        device.name: int(lanes)
        for device in sorted(root.glob("sys/bus/pci/devices/*"))
        if read_text(device / "vendor").strip() == "0x10de"
        and (lanes := read_text(device / "max_link_width").strip()).isdecimal()
    }


def read_environment(
    environment: Mapping[str, str], redact: Callable[[str], str] = str
) -> dict[str, str]:
    """Return the allowed variables that are set."""
    allowed = ENVIRONMENT_ALLOWED | known_variables().keys()
    return {name: redact(environment[name]) for name in sorted(allowed & environment.keys())}
