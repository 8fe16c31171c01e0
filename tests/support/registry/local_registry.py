"""A registry server on loopback that counts the bytes an engine pulls."""

import json
import re
import shutil
import socket
import subprocess
import time
from hashlib import sha256
from pathlib import Path
from typing import Any, Self
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

# Never through a proxy: the server is on this host.
OPENER = build_opener(ProxyHandler({}))
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
START_SEC = 10
# Bytes sent to an engine; our own requests have another user agent.
SENT = re.compile(r'"GET /v2/\S+/(?:manifests|blobs)/\S+ HTTP/1\.1" 200 (\d+) "[^"]*" "docker/')
SETTINGS = """
version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: {storage}}}
http:
  addr: 127.0.0.1:{port}
"""


class LocalRegistry:
    """A server from `with` to its end; its storage and log lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        settings = SETTINGS.format(storage=folder / "storage", port=port)
        (folder / "settings.yaml").write_text(settings)

    def __enter__(self) -> Self:
        """Start the server and wait until it answers."""
        program = shutil.which("docker-registry")
        if program is None:
            raise FileNotFoundError("needs docker-registry: .ci/provision-registry installs it")
        command = [program, "serve", str(self._folder / "settings.yaml")]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait_until_it_answers()
        return self

    def __exit__(self, *_: object) -> None:
        """End the server that was started."""
        self._process.terminate()
        self._process.wait(timeout=10)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SEC
        while True:
            try:
                self.ask("GET", "/v2/").close()
                return
            except URLError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self.__exit__()
                    raise
                time.sleep(0.1)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        """Send a request; return its response. A path may also be a whole address."""
        url = path if "://" in path else f"http://{self.address}{path}"
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return OPENER.open(Request(url, body, fields, method=method), timeout=30)  # noqa: S310

    def manifest(self, repository: str, reference: str) -> tuple[dict[str, Any], str]:
        """An image's manifest, and its digest."""
        with self.ask("GET", f"/v2/{repository}/manifests/{reference}", Accept=MANIFEST) as sent:
            text = sent.read()
        return json.loads(text), f"sha256:{sha256(text).hexdigest()}"

    def blob(self, repository: str, digest: str) -> bytes:
        """The bytes of a blob."""
        with self.ask("GET", f"/v2/{repository}/blobs/{digest}") as sent:
            return bytes(sent.read())

    def add_blob(self, repository: str, blob: bytes) -> dict[str, Any]:
        """Store a blob; its size and digest as manifests have them."""
        digest = f"sha256:{sha256(blob).hexdigest()}"
        with self.ask("POST", f"/v2/{repository}/blobs/uploads/", b"") as begun:
            place = begun.headers["Location"]
        kind = "application/octet-stream"
        self.ask("PUT", f"{place}&digest={digest}", blob, Content_Type=kind).close()
        return {"size": len(blob), "digest": digest}

    def add_manifest(
        self, repository: str, manifest: dict[str, Any], tag: str | None = None
    ) -> dict[str, Any]:
        """Store a manifest whose blobs are there, under a tag or its digest; its descriptor."""
        body, kind = json.dumps(manifest).encode(), manifest["mediaType"]
        digest = f"sha256:{sha256(body).hexdigest()}"
        path = f"/v2/{repository}/manifests/{tag or digest}"
        self.ask("PUT", path, body, Content_Type=kind).close()
        return {"mediaType": kind, "digest": digest, "size": len(body)}

    def kept_bytes(self) -> int:
        """Return the bytes that the server stores, each blob once."""
        kept = (self._folder / "storage").rglob("data")
        return sum(path.stat().st_size for path in kept)

    def sent_bytes(self) -> int:
        """Return the bytes sent to engines so far, once the server's log is complete."""
        log = ""
        while log != (log := self._log.read_text()):
            time.sleep(0.3)
        return sum(map(int, SENT.findall(log)))
