"""Pushes and pulls of an engine: bytes, seconds, digests."""

import shutil
import time
from dataclasses import dataclass
from typing import Any

from support.registry.local_registry import LocalRegistry

from docker import DockerClient

REPOSITORY = "workload"
CPU = "workload:cpu"
NO_BYTECODE = shutil.ignore_patterns("__pycache__")  # written by tests at the same time


@dataclass(frozen=True)
class Move:
    """One push or pull. `moved_bytes`: what the registry then had more, or sent."""

    digest: str
    image_id: str
    seconds: float
    moved_bytes: int


class Shipping:
    """Moves images under tags of its own. Every move becomes a line of the table."""

    def __init__(self, client: DockerClient, registry: LocalRegistry, table: list[str]) -> None:
        self._client = client
        self._registry = registry
        self._table = table
        self._tags: set[str] = set()
        self.name = f"{registry.address}/{REPOSITORY}"

    def push(self, image: str, tag: str, words: str) -> Move:
        """Push a local image; its tag for the registry is removed here afterwards."""
        self._client.images.get(image).tag(self.name, tag)
        self._tags.add(f"{self.name}:{tag}")
        before = self._registry.kept_bytes()
        started = time.perf_counter()
        said = self._client.api.push(self.name, tag, stream=True, decode=True)
        (digest,) = [line["aux"]["Digest"] for line in checked(said) if "aux" in line]
        seconds = time.perf_counter() - started
        image_id = str(self._client.images.get(image).id)
        self.prune(tag)
        moved = self._registry.kept_bytes() - before
        self.info(words, seconds, moved)
        return Move(digest, image_id, seconds, moved)

    def pull(self, tag: str, words: str) -> Move:
        """Pull a tag; what the registry sent for it is counted."""
        before = self._registry.sent_bytes()
        started = time.perf_counter()
        self._tags.add(f"{self.name}:{tag}")
        checked(self._client.api.pull(self.name, tag, stream=True, decode=True))
        seconds = time.perf_counter() - started
        moved = self._registry.sent_bytes() - before
        self.info(words, seconds, moved)
        image = self._client.images.get(f"{self.name}:{tag}")
        (digest,) = [d.partition("@")[2] for d in image.attrs["RepoDigests"] if self.name in d]
        return Move(digest, str(image.id), seconds, moved)

    def prune(self, tag: str) -> None:
        """Remove a tag here, and with it the layers that no other image has."""
        self._client.images.remove(f"{self.name}:{tag}")
        self._tags.discard(f"{self.name}:{tag}")

    def remove_all(self) -> None:
        """Remove every tag that is left."""
        for tag in self._tags:
            self._client.images.remove(tag, force=True)

    def run(self, tag: str, *command: str) -> bytes:
        """What a command in a pulled image writes; it has no privilege and no network."""
        return bytes(
            self._client.containers.run(
                f"{self.name}:{tag}",
                list(command),
                remove=True,
                read_only=True,
                tmpfs={"/tmp": ""},  # noqa: S108  the container's, not ours
                cap_drop=["ALL"],
                network_mode="none",
            )
        )

    def layers(self, tag: str) -> dict[str, int]:
        """The blobs of a tag's layers with their compressed bytes, base first."""
        manifest, _ = self._registry.manifest(REPOSITORY, tag)
        return {layer["digest"]: layer["size"] for layer in manifest["layers"]}

    def stored_bytes(self, tag: str) -> int:
        """What a pull into an empty engine is sent: manifest, config and layers."""
        manifest, _ = self._registry.manifest(REPOSITORY, tag)
        path = f"/v2/{REPOSITORY}/manifests/{tag}"
        itself = len(self._registry.ask("GET", path, Accept=manifest["mediaType"]).read())
        return itself + int(manifest["config"]["size"]) + sum(self.layers(tag).values())

    def info(self, what: str, seconds: float, moved_bytes: int) -> None:
        """Add a line to the table."""
        self._table.append(f"{what:62} {moved_bytes / 1e6:9.3f} MB {seconds:7.1f} s")


def checked(said: Any) -> list[dict[str, Any]]:
    """Return the engine's lines of a move; raise RuntimeError with its error if it failed."""
    lines = list(said)
    failures = [line["error"] for line in lines if "error" in line]
    if failures:
        raise RuntimeError(failures[0])
    return lines
