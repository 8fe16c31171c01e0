"""imported.py ROOT: copy the library sources that a run imports into ROOT.

The sources are found by imports alone, so they are the same on every machine, with or without a
GPU. ROOTS also lists modules that a run imports later: tests/image/test_bytecode.py and
test_hardening.py find missing ones.
"""

import importlib
import shutil
import sys
from pathlib import Path

VENV = Path("/opt/venv")
ROOTS = (
    "torch",
    # DistributedDataParallel imports them, the second in torch.profiler's functions.
    "torch._dynamo",
    "torch.profiler._cupti_monitor",
    # For --ranks.
    "torch.distributed.elastic.agent.server.local_elastic_agent",
    "torch.distributed.elastic.rendezvous.c10d_rendezvous_backend",
    "torch.fx.experimental.symbolic_shapes",  # for autograd with a given gradient; imports SymPy
    "msgspec",
    "safetensors.torch",
    "rich.markup",
    "rich.progress",
    "rich.table",
    "jinja2",
    "pygal",
    "pynvml",
)


def sources() -> list[Path]:
    """Return the sources of the imported modules in the venv, sorted."""
    specs = [getattr(module, "__spec__", None) for module in list(sys.modules.values())]
    origins = {Path(spec.origin) for spec in specs if spec and spec.has_location and spec.origin}
    return sorted(path for path in origins if path.suffix == ".py" and path.is_relative_to(VENV))


def main(root: Path) -> None:
    """Import the modules and copy their sources."""
    for name in ROOTS:
        importlib.import_module(name)
    found = sources()
    for path in found:
        to = root / path.relative_to("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)
    print(f"{len(found)} modules")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
