"""Look up what error codes of CUDA and NVML mean, and what to do. Pure functions.

The table is driver_codes.toml. PyTorch's text for each code was recorded in tests/lab.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path

from workload.core.files import read_table


class Kind(StrEnum):
    """Classes of error codes that are handled alike."""

    START = "start"  # CUDA does not start for any program on this machine
    MEMORY = "memory"  # the GPU's memory ran out
    BUSY = "busy"  # another process uses the GPU exclusively
    NO_DEVICE = "no-device"
    KERNEL_IMAGE = "kernel-image"  # PyTorch has no code for this GPU
    ECC = "ecc"
    LAUNCH = "launch"  # a kernel failed; later CUDA calls of this process fail too
    PERMISSION = "permission"
    LOST = "lost"  # the GPU no longer responds


@dataclass(frozen=True)
class Cause:
    """The meaning of an error code; `case` names the cause in the doctor's findings."""

    code: int
    kind: Kind
    case: str
    text: str  # NVIDIA's text for the code
    why: str
    fix: str

    @property
    def sticky(self) -> bool:
        """Return whether every later CUDA call of the process fails with this error too."""
        return self.kind in (Kind.LAUNCH, Kind.ECC, Kind.LOST)

    def with_code(self) -> str:
        """Return NVIDIA's text and the code."""
        return f"{self.text}, error {self.code}"


TABLE = Path(__file__).with_name("driver_codes.toml")
# CUDA codes for messages of PyTorch, and for messages of libraries, whose own codes differ.
_TEXTS = {
    "No CUDA GPUs are available": 100,
    "CUDA driver initialization failed": 3,
    "CUDA unknown error": 999,
    "CUBLAS_STATUS_ALLOC_FAILED": 2,
    "CUBLAS_STATUS_ARCH_MISMATCH": 209,
    "CUDNN_STATUS_ARCH_MISMATCH": 209,
    "CUDNN_STATUS_ALLOC_FAILED": 2,
}
_OLD_DRIVER = re.compile(r"driver on your system is too old \(found version (\d+)\)")
# nvmlReturn_t
NVML_PERMISSION = 4  # usual for GPUs of the host that a container may not use
NVML_RESET_REQUIRED = 16
NVML_MISMATCH = 18
NVML_UNKNOWN = 999  # for example in a container that lost its devices while it ran


@cache
def causes() -> dict[int, Cause]:
    """Return the table as a mapping from error codes to causes."""
    table = read_table(TABLE)
    return {
        int(code): Cause(
            code=int(code),
            kind=Kind(row["kind"]),
            case=row["case"],
            text=text,
            why=row["why"],
            fix=row["fix"].replace("{xid}", table["xid"]),
        )
        for row in table["cuda"]
        for code, text in row["texts"].items()
    }


def cuda_cause(code: int) -> Cause:
    """Return the cause of a CUDA code; an unknown code is treated as a failed start."""
    unknown = replace(causes()[999], code=code, kind=Kind.START, case="error", text="CUDA error")
    return causes().get(code, unknown)


def cause_of(error: BaseException | str) -> Cause | None:
    """Return the cause of a PyTorch exception, or of its text; None if it has no known code."""
    code = getattr(error, "error_code", None)  # torch.AcceleratorError
    text = str(error)
    if isinstance(code, int) and code in causes():
        return causes()[code]
    numbered = re.search(r"\bError (\d+): ", text)
    if numbered:
        return cuda_cause(int(numbered[1]))
    if _OLD_DRIVER.search(text):
        return causes()[35]
    if "CUDA out of memory" in text:
        return causes()[2]
    known = [code for words, code in _TEXTS.items() if words in text]
    if not known and "CUDA error" in text:
        known = [cause.code for cause in causes().values() if f"CUDA error: {cause.text}" in text]
    return causes()[known[0]] if known else None


def start_cause(code: int, library: str | None, hiding: str | None) -> Cause:
    """Return why CUDA does not start, given libcuda's path and CUDA_VISIBLE_DEVICES."""
    cause = cuda_cause(code)
    if cause.kind is Kind.NO_DEVICE and hiding is not None:
        return replace(
            cause,
            case="hidden",
            why=f"CUDA_VISIBLE_DEVICES is set to '{hiding}', which may hide every GPU",
            fix="unset CUDA_VISIBLE_DEVICES, or set it to a GPU that exists",
        )
    if cause.case in ("stub_library", "driver_mismatch") and library:
        return replace(cause, why=f"{cause.why}; the loaded libcuda is {library}")
    return cause


def shortened(text: str) -> str:
    """Return the reason in PyTorch's error text, without PyTorch's prefix and suffix."""
    reason = re.search(r"\bError \d+: .*", text)
    text = reason[0] if reason else text.removeprefix("CUDA initialization: ")
    return re.sub(r" \(Triggered internally at .*\)$", "", text)
