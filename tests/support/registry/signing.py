"""Images in the registry that are signed with a key made here; nothing leaves this host."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
NOWHERE = "http://127.0.0.1:1"  # a proxy that does not answer: a request to another host fails


class Signer:
    """A key pair in a folder of its own, and cosign with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        proxies = dict.fromkeys(("http_proxy", "https_proxy"), NOWHERE)
        # HOME: neither a cached root of trust nor this user's credentials.
        self.environment = os.environ | proxies | {"HOME": str(folder), "COSIGN_PASSWORD": ""}
        self._cosign("generate-key-pair")
        self.public_key = str(folder / "cosign.pub")

    def sign(self, image: str) -> None:
        """Sign an image, which is named with its digest."""
        self._cosign("sign", "--yes", "--tlog-upload=false", "--key", "cosign.key", image)

    def verify(self, image: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run verify-image without the contract tests."""
        about = {"COSIGN_KEY": self.public_key, "COSIGN_OFFLINE": "1", "CONTRACT": "0"}
        return subprocess.run(
            [str(ROOT / "docker/release/verify-image"), image],
            env=self.environment | about | settings,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def refusal(self, image: str, **settings: str) -> str:
        """Return the last line that verify-image prints about an image that it refuses."""
        result = self.verify(image, **settings)
        assert result.returncode == 4, result.stdout + result.stderr
        return result.stderr.splitlines()[-1]

    def _cosign(self, *words: str) -> None:
        command = ["cosign", *words]
        done = subprocess.run(
            command,
            cwd=self._folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
