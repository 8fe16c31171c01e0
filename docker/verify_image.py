#!/usr/bin/env python3
"""Is this image what was published? Usage: verify_image.py IMAGE; docker/verify-image calls it.

Digest, signature, labels, packages, files and size, read from outside: nothing of the image is
run. COSIGN_KEY, or COSIGN_IDENTITY with COSIGN_ISSUER, says who must have signed it.
Exit 0: yes. Exit 4: no, and each check that does not hold names what. Exit 2: there is no image.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import image_checks as checks
from image_checks import Finding
from image_contents import exported, read

DOCKER = Path(__file__).resolve().parent
STATES = {True: "pass", False: "FAIL", None: "n/a"}


def inspected(image: str) -> dict[str, Any]:
    """What the engine says of an image."""
    asked = subprocess.run(
        ["docker", "image", "inspect", image], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        print(f"verify-image: there is no image {image} here: docker pull it", file=sys.stderr)
        raise SystemExit(2)
    (attributes,) = json.loads(asked.stdout)
    return dict(attributes)


def target_of(attributes: dict[str, Any]) -> str:
    """Which recipe it says it was built from: cpu or gpu."""
    settings = dict(setting.split("=", 1) for setting in attributes["Config"]["Env"])
    target = str(settings.get("WORKLOAD_VARIANT", ""))
    if target not in ("cpu", "gpu"):
        print("verify-image: this is no image of this project", file=sys.stderr)
        raise SystemExit(2)
    return target


def history(image: str) -> list[tuple[str, int]]:
    """What made each layer and its bytes, base first."""
    form = "{{.Size}}\t{{.CreatedBy}}"
    command = ["docker", "history", "--no-trunc", "--human=false", "--format", form, image]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    split = [line.partition("\t") for line in reversed(lines)]
    return [(made_by, int(count)) for count, _, made_by in split]


def signature(attributes: dict[str, Any], image: str) -> Finding:
    """Whoever is named signed this digest, says cosign; a signer that nobody can check fails."""
    key, identity = os.environ.get("COSIGN_KEY"), os.environ.get("COSIGN_IDENTITY")
    if not key and not identity:
        return Finding("signature", None, "no COSIGN_KEY or COSIGN_IDENTITY to check it with")
    if not shutil.which("cosign"):
        return Finding("signature", False, "cannot be told: cosign is not installed")
    repository = re.sub(r"(@.+|:[^/]+)$", "", image)
    known = [name for name in attributes["RepoDigests"] if name.startswith(f"{repository}@")]
    if not known:
        return Finding("signature", False, f"{repository} never had it, so nobody signed it")
    issuer = os.environ.get("COSIGN_ISSUER", "https://token.actions.githubusercontent.com")
    keyless = ["--certificate-identity", identity or "", "--certificate-oidc-issuer", issuer]
    whose = ["--key", key] if key else keyless
    command = ["cosign", "verify", *whose, known[0]]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    said = checked.stderr.strip().rpartition("\n")[2]
    return Finding("signature", checked.returncode == 0, f"by {key or identity}: {said}")


def findings(image: str) -> list[Finding]:
    """Every check of an image, in the order in which they are worth reading."""
    attributes = inspected(image)
    target = target_of(attributes)
    budget = json.loads((DOCKER / "size-budget.json").read_text())[target]
    lock = (DOCKER / f"locks/{target}.txt").read_text()
    with exported(attributes["Id"]) as stream:
        contents = read(stream)
    return [
        checks.digest(attributes, image),
        signature(attributes, image),
        checks.labels(attributes, target, contents),
        checks.packages(contents, lock),
        checks.files(contents),
        checks.size(history(image), budget),
    ]


def main(image: str) -> int:
    """Print the findings; the exit code."""
    found = findings(image)
    for finding in found:
        print(f"{STATES[finding.holds]:5} {finding.check:10} {finding.words}")
    return 4 if any(finding.holds is False for finding in found) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
