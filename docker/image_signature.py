"""Who signed an image, by what cosign says."""

import os
import re
import shutil
import subprocess

from image_checks import Finding


def signature(digests: list[str], image: str) -> Finding:
    """Whoever is named signed this digest, says cosign; a signer that nobody can check fails."""
    key, identity = os.environ.get("COSIGN_KEY"), os.environ.get("COSIGN_IDENTITY")
    if not key and not identity:
        return Finding("signature", None, "no COSIGN_KEY or COSIGN_IDENTITY to check it with")
    if not shutil.which("cosign"):
        return Finding("signature", False, "cannot be told: cosign is not installed")
    repository = re.sub(r"(@.+|:[^/]+)$", "", image)
    known = [name for name in digests if name.startswith(f"{repository}@")]
    if not known:
        return Finding("signature", False, f"{repository} never had it, so nobody signed it")
    issuer = os.environ.get("COSIGN_ISSUER", "https://token.actions.githubusercontent.com")
    keyless = ["--certificate-identity", identity or "", "--certificate-oidc-issuer", issuer]
    whose = ["--key", key] if key else keyless
    command = ["cosign", "verify", *whose, known[0]]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    said = checked.stderr.strip().rpartition("\n")[2]
    return Finding("signature", checked.returncode == 0, f"by {key or identity}: {said}")
