#!/usr/bin/env python3
"""Is this image what was published?

    PYTHONPATH=. python docker/verify_image.py IMAGE

Digest, signature, labels, settings, packages, files and size, read from outside: nothing of the
image is run. COSIGN_KEY, or COSIGN_IDENTITY with COSIGN_ISSUER, says who must have signed it.
Exit 0: yes. Exit 4: no, and each check that does not hold names what. Exit 2: there is no image,
or none of this project's.
"""

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import cuts
import image_checks as checks
import image_venv as venv
from image_checks import Finding
from image_contents import Contents, read
from image_history import history
from image_packages import Package, exported
from image_signature import signature
from printable import printable
from sbom import differences, locked

DOCKER = Path(__file__).resolve().parent
STATES = {True: "pass", False: "FAIL", None: "n/a"}


def inspected(image: str) -> dict[str, Any]:
    """What the engine says of an image."""
    if image.startswith("-"):
        print(f"verify-image: {image} is no image's name", file=sys.stderr)
        raise SystemExit(2)
    asked = subprocess.run(
        ["docker", "image", "inspect", image], capture_output=True, text=True, check=False
    )
    if asked.returncode and "No such image" not in asked.stderr:
        print(f"verify-image: {asked.stderr.strip()}", file=sys.stderr)
        raise SystemExit(4)
    if asked.returncode:
        print(f"verify-image: there is no image {image} here: docker pull it", file=sys.stderr)
        raise SystemExit(2)
    (attributes,) = json.loads(asked.stdout)
    return dict(attributes)


def target_of(attributes: dict[str, Any]) -> str:
    """Which recipe it says it was built from: cpu or gpu."""
    target = checks.variables(attributes).get("WORKLOAD_VARIANT", "")
    if target not in ("cpu", "gpu"):
        print("verify-image: this is no image of this project", file=sys.stderr)
        raise SystemExit(2)
    return target


def unlike_the_lock(attributes: dict[str, Any], target: str, contents: Contents) -> list[str]:
    """What is to say of each Python package that is not as locked."""
    python = venv.python(contents)
    if not python:
        return ["there is no package in /opt/venv"]
    inside = [Package("pypi", name, version) for name, version in contents.versions.items()]
    return differences(inside, locked(target, python, attributes.get("Architecture") or ""))


def findings(image: str) -> list[Finding]:
    """Every check of an image, in the order in which they are worth reading."""
    attributes = inspected(image)
    target = target_of(attributes)
    recipe = checks.recipe(attributes, target)
    budgets = json.loads((DOCKER / "size-budget.json").read_text())
    with exported(attributes["Id"]) as stream:
        contents = read(stream)
    return [
        checks.digest(attributes, image),
        signature(attributes.get("RepoDigests") or [], image),
        checks.labels(attributes, target, contents),
        checks.settings(attributes),
        checks.packages(contents, unlike_the_lock(attributes, target, contents)),
        checks.files(contents, cuts.of(recipe, cuts.read())),
        checks.size(history(attributes["Id"]), budgets[recipe]),
    ]


def main(image: str) -> int:
    """Print the findings; the exit code."""
    try:
        found = findings(image)
    except subprocess.CalledProcessError as error:
        return unreadable(image, error.stderr or str(error))
    except (tarfile.TarError, OSError) as error:
        return unreadable(image, str(error))
    for finding in found:
        print(f"{STATES[finding.holds]:5} {finding.check:10} {printable(finding.words)}")
    return 4 if any(finding.holds is False for finding in found) else 0


def unreadable(image: str, why: str) -> int:
    """Say that the engine does not hand out the image's files; the exit code."""
    line = printable(" ".join(why.split()))
    print(f"verify-image: {image} cannot be read: {line}", file=sys.stderr)
    return 4


if __name__ == "__main__":
    if len(sys.argv) != len(("script", "IMAGE")):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
