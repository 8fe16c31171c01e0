"""Write the SBOM of an image and compare its Python packages with the lock.

    PYTHONPATH=. python docker/release/sbom.py cpu|gpu[-devel] IMAGE

Writes results/sbom-TARGET.cdx.json in CycloneDX 1.6 format (ECMA-424). For one image, the output is
always the same. The image's own pip and dpkg list its packages, in a container without network or
privileges. Exits with 4 if a Python package of docker/locks/TARGET.txt is missing, or if an
installed Python package is not in that file with the same version.
"""

import argparse
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from locks import Packages, read_lock
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from workload.core.errors import ExitCode
from workload.core.files import write_atomically
from workload.core.units import printable

LOCKS = Path(__file__).parents[1] / "locks"
OURS = "workload"  # built from the checkout, so not in a lock
SANDBOX = "--pull never --network none --read-only --cap-drop ALL --security-opt no-new-privileges"
PIP = ("python", "-I", "-m", "pip", "inspect", "--local")
DPKG = r""". /usr/lib/os-release && echo "$ID $VERSION_ID" && dpkg-query --show --showformat \
'${db:Status-Status} ${Package} ${Version} ${Architecture} ${source:Package}\n'"""


def docker(*words: str) -> str:
    """Return what a docker command prints. Raises CalledProcessError."""
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout


def run_in(image: str, *command: str) -> str:
    """Run a command of the image for at most two minutes; return its output."""
    return docker(
        "run", "--rm", *SANDBOX.split(), "--entrypoint", "timeout", image, "120", *command
    )


def python_packages(report: dict[str, Any]) -> list[Component]:
    """Return the packages of a `pip inspect` report."""
    about = [one["metadata"] for one in report["installed"]]
    urls = [
        PackageURL("pypi", None, canonicalize_name(one["name"]), one["version"]) for one in about
    ]
    return [component(url, license_of(one)) for url, one in zip(urls, about, strict=True)]


def license_of(about: dict[str, Any]) -> str | None:
    """Return the first license that a package declares, but never a full license text."""
    classes = [
        one.rpartition(":: ")[2] for one in about.get("classifier", ()) if "License ::" in one
    ]
    declared = [about.get("license_expression"), about.get("license"), *classes]
    return next((one for one in declared if one and "\n" not in one), None)


def os_packages(listed: str) -> list[Component]:
    """Return the installed packages of the distribution, from the output of DPKG."""
    (name, release), *rows = (line.split() for line in listed.splitlines())
    found = []
    for state, package, version, arch, source in rows:
        if state == "installed":
            about = {"arch": arch, "distro": f"{name}-{release}", "upstream": source}
            found.append(component(PackageURL("deb", name, package, version, about)))
    return found


def component(url: PackageURL, license_: str | None = None) -> Component:
    """Create a component from its package URL.

    Scanners also read the Linux distribution and the source package from this URL.
    """
    licenses = [LicenseFactory().make_from_string(license_)] if license_ else []
    return Component(
        name=url.name, version=url.version, purl=url, bom_ref=url.to_string(), licenses=licenses
    )


def document(about: dict[str, Any], components: list[Component]) -> str:
    """Return the SBOM of an image; `about` is the output of `docker image inspect`."""
    labels = about["Config"].get("Labels") or {}
    image = Component(
        name=OURS,
        version=about["Id"],
        type=ComponentType.CONTAINER,
        bom_ref="image",
        properties=[Property(name=name, value=value) for name, value in labels.items()],
    )
    created = datetime.fromisoformat(about["Created"])
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, about["Id"]),
        metadata=BomMetaData(component=image, timestamp=created),
        components=components,
    )
    bom.register_dependency(image, components)
    document: str = JsonV1Dot6(bom).output_as_string(indent=2)
    return document


def differences(found: Packages, lock: Packages) -> list[str]:
    """Return a line for each package and version that is only in the image or only in the lock."""
    extra = [f"{name} {version} is not in the lock" for name, version in sorted(found - lock)]
    return extra + [
        f"{name} {version} is not in the image" for name, version in sorted(lock - found)
    ]


def write_sbom(target: str, image: str, path: Path) -> list[str]:
    """Write the SBOM of an image to `path`; return how its Python packages differ from the lock.

    Raises CalledProcessError if docker fails, OSError if the file cannot be written, and what the
    parsers of pip's and dpkg's output raise.
    """
    (about,) = json.loads(docker("image", "inspect", image))
    report = json.loads(run_in(about["Id"], *PIP))
    python, system = python_packages(report), os_packages(run_in(about["Id"], "sh", "-c", DPKG))
    text = document(about, python + system)
    found = {(one.name, str(one.version)) for one in python if one.name != OURS}
    lock = read_lock(LOCKS / f"{target.removesuffix('-devel')}.txt", report["environment"])
    unlike = differences(found, lock)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.encode())
    verdict = f"differences from the lock: {len(unlike)}" if unlike else "all as locked"
    print(f"{path}: {len(python)} Python packages, {verdict}; {len(system)} OS packages")
    return unlike


def main() -> int:
    """Write the SBOM and print the differences; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=("cpu", "gpu", "cpu-devel", "gpu-devel"))
    parser.add_argument("image")
    target, image = vars(parser.parse_args()).values()
    path = Path(f"results/sbom-{target}.cdx.json")
    try:
        unlike = write_sbom(target, image, path)
    except subprocess.CalledProcessError as error:
        return failed(image, error.stderr.strip() or str(error), ExitCode.UNFIT)
    except OSError as error:
        return failed(str(path), f"cannot be written: {error.strerror}", ExitCode.NOT_SAVED)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return failed(image, f"its pip or dpkg lists no packages: {error}", ExitCode.UNFIT)
    return max((failed(image, one, ExitCode.UNFIT) for one in unlike), default=ExitCode.OK)


def failed(what: str, reason: str, code: ExitCode) -> ExitCode:
    """Print one line on stderr; return the exit code."""
    print(f"sbom: {printable(what)}: {printable(' '.join(reason.split()))}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
