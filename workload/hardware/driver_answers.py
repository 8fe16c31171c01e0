"""Query libcuda and NVML in a separate process, since either may hang or abort.

`python -m workload.hardware.driver_answers cuda INDEX` starts CUDA without PyTorch and creates
a context on one GPU; `… nvml` and `… links` query NVML. Each prints one line. Source of names and
numbers: CUDA Driver API.
"""

import ctypes
import json
import sys
from pathlib import Path
from typing import Any

from workload.core.descriptors import reserve_stdout
from workload.core.files import read_text
from workload.core.models.gpu import CudaStart
from workload.core.models.model import as_json
from workload.hardware.child import end_with_parent
from workload.hardware.nvml import HardwareError, read_driver, read_links

ANSWER = "driver: "  # prefix of the line; libraries may print other lines


def start_cuda(index: int | None = None) -> CudaStart:
    """Initialize CUDA with cuInit, and create a context on GPU `index` unless it is None."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
        version, count = ctypes.c_int(), ctypes.c_int()
        cuda.cuDriverGetVersion(ctypes.byref(version))
        code = cuda.cuInit(0)
        if code == 0:
            code = cuda.cuDeviceGetCount(ctypes.byref(count))
    except (OSError, AttributeError) as error:  # no such library or function
        return CudaStart(error=str(error))
    return CudaStart(
        library=mapped("libcuda.so"),
        version=version.value or None,
        code=code,
        count=count.value if code == 0 else None,
        context=_context(cuda, index) if index is not None and index < count.value else None,
    )


def _context(cuda: Any, index: int) -> int:
    """Create and use the GPU's context; return the `CUresult` of the first failure, or 0."""
    context = ctypes.c_void_p()
    code = cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), index)
    if code == 0:
        code = cuda.cuCtxSetCurrent(context) or cuda.cuCtxSynchronize()
        cuda.cuDevicePrimaryCtxRelease_v2(index)
    return int(code)


def mapped(name: str) -> str | None:
    """Return the path of the loaded library whose file name starts with `name`, if any."""
    lines = read_text(Path("/proc/self/maps")).splitlines()
    paths = (line[line.find("/") :] for line in lines if "/" in line)
    return next((path for path in paths if path.rpartition("/")[2].startswith(name)), None)


def ask_nvml() -> dict[str, Any]:
    """Return the facts about the driver, or the text and the code of NVML's error."""
    try:
        return {"driver": as_json(read_driver())}
    except HardwareError as error:
        return {"error": str(error), "code": error.code}


def answer_to(question: str, *arguments: str) -> Any:
    """Return the answer to a query, to be printed as JSON."""
    match question:
        case "nvml":
            return ask_nvml()
        case "links":
            return as_json(read_links())
    return as_json(start_cuda(*map(int, arguments)))


if __name__ == "__main__":
    end_with_parent()
    answers = reserve_stdout()
    answer = answer_to(*sys.argv[1:])
    if answers:
        answers.write(f"{ANSWER}{json.dumps(answer)}\n".encode())
        answers.close()
