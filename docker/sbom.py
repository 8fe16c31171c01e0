"""The software bill of materials of a built image, beside what its lock says.

    PYTHONPATH=. python docker/sbom.py cpu|gpu [--image IMAGE] [--output FILE]

Writes CycloneDX 1.6 (ECMA-424), the same document each time for the same image. Ends with 4, and a
line for each, where Python packages differ from docker/locks/TARGET.txt: one that is not in it, one
that is missing, one of another version. Hashes stay in the lock, which has one for each wheel.
"""

import argparse
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from image_packages import Image, Package, read_image
from packageurl import PackageURL
from packaging.markers import Marker
from printable import printable

from workload.core.errors import ExitCode
from workload.core.files import write_atomically

LOCKS = Path(__file__).parent / "locks"
LOCKED = re.compile(r"^([a-z0-9-]+)===?([^\s;\\]+)(?: ; ([^\\\n]+))?", re.MULTILINE)
OURS = "workload"  # built from the checkout, so in no lock
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def bill(image: Image) -> str:
    """The CycloneDX document, as JSON text."""
    root = Component(
        name=image.labels.get("org.opencontainers.image.title", image.name),
        version=image.id,
        type=ComponentType.CONTAINER,
        bom_ref="image",
        properties=[Property(name=name, value=value) for name, value in image.labels.items()],
    )
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, image.id),
        metadata=BomMetaData(component=root, timestamp=datetime.fromisoformat(image.created)),
        components=[_component(package, image.system) for package in image.packages],
    )
    bom.register_dependency(root, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=2)


def locked(target: str, python: str, architecture: str) -> dict[str, str]:
    """The versions of a lock that hold for this Python, "3.11", and architecture, "amd64"."""
    environment = {
        "python_full_version": f"{python}.0",
        "python_version": python,
        "platform_machine": MACHINES.get(architecture, architecture),
        "sys_platform": "linux",
        "platform_system": "Linux",
    }
    found = LOCKED.findall((LOCKS / f"{target}.txt").read_text())
    return {
        name: version
        for name, version, marker in found
        if not marker or Marker(marker.strip()).evaluate(environment)
    }


def differences(packages: Iterable[Package], lock: dict[str, str]) -> list[str]:
    """What a person must know of each Python package that is not as the lock has it."""
    found = {one.name: one.version for one in packages if one.kind == "pypi" and one.name != OURS}
    extra = [f"{name} {found[name]} is not in the lock" for name in sorted({*found} - {*lock})]
    missing = [f"{name} {lock[name]} is not in the image" for name in sorted({*lock} - {*found})]
    other = [
        f"{name} is {found[name]} in the image, {lock[name]} in the lock"
        for name in sorted({*found} & {*lock})
        if found[name] != lock[name]
    ]
    return extra + missing + other


def _component(package: Package, system: str | None) -> Component:
    distribution = system.partition("-")[0] if system and package.kind == "deb" else None
    qualifiers = {"arch": package.architecture, "distro": system} if distribution else None
    url = PackageURL(package.kind, distribution, package.name, package.version, qualifiers)
    licences = [LicenseFactory().make_from_string(package.licence)] if package.licence else []
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=url,
        bom_ref=url.to_string(),
        licenses=licences,
    )


def main() -> int:
    """Write the bill, and name what differs from the lock."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=("cpu", "gpu", "cpu-devel", "gpu-devel"))
    parser.add_argument("--image", help="default: workload:TARGET")
    parser.add_argument("--output", type=Path, help="default: results/sbom-TARGET.cdx.json")
    arguments = parser.parse_args()
    name = arguments.image or f"workload:{arguments.target}"
    path = arguments.output or Path(f"results/sbom-{arguments.target}.cdx.json")
    if name.startswith("-"):
        print(f"sbom: {name} is no image's name", file=sys.stderr)
        return ExitCode.BAD_INPUT
    try:
        image = read_image(name)
    except subprocess.CalledProcessError as error:
        print(f"sbom: {name}: {error.stderr.strip()}", file=sys.stderr)
        return ExitCode.UNFIT
    except (ValueError, tarfile.TarError) as error:
        print(f"sbom: {name}: {printable(str(error))}", file=sys.stderr)
        return ExitCode.UNFIT
    if image.python is None:
        print(f"sbom: {name} has no packages in /opt/venv: is it one of ours?", file=sys.stderr)
        return ExitCode.UNFIT
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, bill(image).encode())
    except OSError as error:
        print(f"sbom: {path} could not be written: {error.strerror or error}", file=sys.stderr)
        return ExitCode.NOT_SAVED
    lock = locked(arguments.target.removesuffix("-devel"), image.python, image.architecture)
    found = differences(image.packages, lock)
    for difference in found:
        print(f"sbom: {name}: {printable(difference)}", file=sys.stderr)
    verdict = f"{len(found)} differ from the lock" if found else "as locked"
    kinds = [package.kind for package in image.packages]
    counts = f"{kinds.count('pypi')} Python packages, {verdict}; {kinds.count('deb')} of the system"
    print(f"sbom  {path}: {counts}")
    return ExitCode.UNFIT if found else ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
