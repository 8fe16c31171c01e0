"""Facts about the machine, the container and the user."""

from workload.core.models.model import Fact


class System(Fact, frozen=True):
    """Python, the operating system, and the container that this process runs in.

    `container` is the kind of container; None outside a container. `image` is the image's digest or
    ID, from WORKLOAD_IMAGE; None if that variable is not set.
    """

    python: str
    os: str | None
    kernel: str
    machine: str  # "x86_64", "aarch64"
    container: str | None
    image: str | None = None


class Cpu(Fact, frozen=True):
    """The processor. Core counts are the machine's, even if this process may use fewer."""

    model: str | None
    vendor: str | None  # x86: "GenuineIntel"; Arm: the implementer's number
    isa: tuple[str, ...]
    physical_cores: int | None
    logical_cpus: int | None
    part: str | None = None  # Arm: the part's number; None if cores differ
    sve_bits: int | None = None  # width of Arm's scalable vectors
    numa_nodes: int | None = None  # nodes that have CPUs
    kernel_machine: str | None = None  # the kernel's architecture; None before Linux 6.1


class User(Fact, frozen=True):
    """The user of this process, and where it may write."""

    uid: int
    gid: int
    has_passwd_entry: bool
    has_name_in_environment: bool
    home: str | None
    home_writable: bool
    tmp: str
    tmp_writable: bool


class DeviceNode(Fact, frozen=True):
    """A GPU device file in /dev.

    `accessible` means that this process can read and write the file. `permitted` means that the
    file's owner, group and mode permit this. If a file is permitted but not accessible, a control
    group denies access.
    """

    path: str
    accessible: bool
    permitted: bool = True


class Limits(Fact, frozen=True):
    """What the kernel and the container allow this process. None means unknown or unlimited."""

    cpu_quota: float | None  # in cores; the lowest of the process's group and its parents
    affinity_cpus: int  # CPUs that the affinity mask and cpusets allow
    memory_limit_bytes: int | None  # of the control group with the least free memory
    memory_used_bytes: int | None  # in that same group, without reclaimable file cache
    memory_available_bytes: int | None  # of the whole machine: MemAvailable
    shm_bytes: int | None  # size of the file system at /dev/shm

    @property
    def usable_threads(self) -> int:
        """The number of whole CPUs that this process can keep busy; at least 1.

        The quota is rounded down, because a second thread on half a core makes matmuls slower.
        """
        if self.cpu_quota is None:
            return max(1, self.affinity_cpus)
        return max(1, int(min(self.affinity_cpus, self.cpu_quota)))

    @property
    def available_bytes(self) -> int | None:
        """Bytes that can still be allocated, on the machine or in the cgroup, whichever is less."""
        known = [self.memory_available_bytes, self._group_room_bytes]
        return min((room for room in known if room is not None), default=None)

    @property
    def _group_room_bytes(self) -> int | None:
        if self.memory_limit_bytes is None:
            return None
        return max(0, self.memory_limit_bytes - (self.memory_used_bytes or 0))


class ImportLimits(Fact, frozen=True):
    """Whether PyTorch's threads can start, and the limits of this process. None means unlimited."""

    threads_wanted: int  # in addition to the running threads
    threads_started: int
    thread_error: str | None  # the system's message if a thread did not start
    pids_left: int | None  # of the control group with the least room, before the threads started
    user_limit: int | None  # processes and threads of this user; None for root
    stack_bytes: int | None  # of each thread
    address_bytes: int | None
    data_bytes: int | None


class Compilers(Fact, frozen=True):
    """Paths of the compilers; None if missing. `headers` is true if Python.h was found."""

    c: str | None  # Triton builds its launchers with it
    cxx: str | None  # Inductor builds its CPU kernels with it
    headers: bool


class Folder(Fact, frozen=True):
    """A folder or, if it does not exist, its nearest existing parent."""

    purpose: str  # "TMPDIR", "HOME", "results" or the variable of a cache
    path: str
    problem: str | None  # why a file could not be written: the system's message
    executable: bool | None  # whether programs and libraries may be loaded from it
    free_bytes: int | None


class Clock(Fact, frozen=True):
    """The machine's clocks, in seconds since 1970 (UTC). Unknown values are None."""

    now_sec: float
    hardware_sec: float | None  # the battery-backed clock, which may keep local time
    synchronized: bool | None  # whether the kernel's clock follows a time server
