"""An image as `docker save` writes it, read as a stream."""

import tarfile
from collections.abc import Iterator
from typing import IO, cast

from tools.list_layer import entries

from docker import DockerClient


def saved_image(client: DockerClient, image: str) -> IO[bytes]:
    """Return the tar of the image, which a `tarfile` reads as a stream."""
    # It needs no more of it than `read`.
    return cast("IO[bytes]", _Stream(client.images.get(image).save()))


def layer_entries(client: DockerClient, image: str, layers: list[str]) -> list[list[str]]:
    """Return the sorted entries of the layers with these digests, one list per layer."""
    names = {f"blobs/sha256/{layer.removeprefix('sha256:')}" for layer in layers}
    with tarfile.open(fileobj=saved_image(client, image), mode="r|") as archive:
        return [
            sorted(entries(content))
            for member in archive
            if member.name in names and (content := archive.extractfile(member))
        ]


class _Stream:
    """The chunks of a download as a file that can be read from start to end."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; fewer only at the end."""
        parts, missing = [], size
        while missing and (chunk := self._rest or next(self._chunks, b"")):
            parts.append(chunk[:missing])
            self._rest = chunk[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)
