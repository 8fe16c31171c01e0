"""The CDI spec of a simulated GPU, as `nvidia-ctk cdi generate` writes it for a real one.

The device's files are /dev/null under other names, the libraries are mounted, and a hook shows the
kernel module. Source: the Container Device Interface's SPEC.md, version 0.6.0.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

LAB = Path(__file__).parents[2] / "lab"
ENGINE = Path(__file__).parents[2] / "engine"
SITE = "import sysconfig; print(sysconfig.get_path('purelib'))"
LIBRARIES = "/usr/lib/x86_64-linux-gnu"


def packages_of(image: str) -> str:
    """Return the folder of an image's Python packages."""
    asked = subprocess.run(
        ["docker", "run", "--rm", "--network=none", image, "python", "-c", SITE],
        stdout=subprocess.PIPE, text=True, check=True, timeout=60,
    )  # fmt: skip
    return asked.stdout.strip()


def spec(machine: Path, site: str, kind: str = "nvidia.com/gpu") -> str:
    """Return the spec of the machine in a folder, for images whose packages are in `site`."""
    nodes = (machine / "nodes").read_text().split()
    lines = [
        "cdiVersion: 0.6.0",
        f"kind: {kind}",
        "devices:",
        "  - name: all",
        "    containerEdits:",
        "      deviceNodes:",
        *(f"        - path: /dev/{node}\n          hostPath: /dev/null" for node in nodes),
        "containerEdits:",
        "  env:",
        "    - NVIDIA_VISIBLE_DEVICES=void",
        "  hooks:",
        "    - hookName: createContainer",
        f"      path: {ENGINE}/nvidia-container-runtime-hook",
        f"      args: [nvidia-container-runtime-hook, createContainer, {machine}]",
        "  mounts:",
        *(
            f"    - hostPath: {here}\n      containerPath: {there}\n      options: [ro, bind]"
            for here, there in _mounts(machine, site)
        ),
    ]
    return "\n".join([*lines, ""])


def _mounts(machine: Path, site: str) -> Iterator[tuple[Path, str]]:
    for library in sorted((machine / "libraries").iterdir()):
        yield library.resolve(), f"{LIBRARIES}/{library.name}"
    yield machine / "table", "/etc/lab-table"
    if (machine / "libcudart").exists():
        yield (machine / "libcudart").resolve(), f"{site}/nvidia/cu13/lib/libcudart.so.13"
        yield LAB / "host/host_cuda.py", f"{site}/host_cuda.py"
        # Debian has a sitecustomize of its own.
        yield LAB / "host/sitecustomize.py", f"{site}/at_start.py"
        yield ENGINE / "at_start.pth", f"{site}/at_start.pth"
