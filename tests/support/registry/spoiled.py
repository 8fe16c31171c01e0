"""Images that differ from a right one in one thing each."""

import io
import tarfile
from collections.abc import Iterator

from docker import DockerClient

REPOSITORY = "workload-spoiled"


class Spoiled:
    """Makes such images; removes every one of them."""

    def __init__(self, client: DockerClient, image: str, tag: str) -> None:
        self._client = client
        self._image = image
        self._tag = tag
        self._made: list[str] = []

    def with_files(self, files: dict[str, bytes]) -> str:
        """The image with other files in place of its own, or more of them."""
        return self._committed(files, [])

    def with_setting(self, instruction: str) -> str:
        """The image after an instruction of a Dockerfile, such as LABEL or ENV."""
        return self._committed({}, [instruction])

    def file(self, path: str) -> bytes:
        """A file of the right image."""
        container = self._client.containers.create(self._image)
        try:
            chunks, _ = container.get_archive(path)
            with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
                return b"".join(contents(archive))
        finally:
            container.remove()

    def remove_all(self) -> None:
        """Remove what was made."""
        for tag in self._made:
            self._client.images.remove(tag)

    def _committed(self, files: dict[str, bytes], changes: list[str]) -> str:
        container = self._client.containers.create(self._image)
        try:
            if files:
                container.put_archive("/", archived(files))
            tag = f"{self._tag}-{len(self._made)}"
            container.commit(REPOSITORY, tag, changes=changes)
        finally:
            container.remove()
        self._made.append(f"{REPOSITORY}:{tag}")
        return self._made[-1]


def contents(archive: tarfile.TarFile) -> Iterator[bytes]:
    """The bytes of the files in an archive."""
    for member in archive:
        if stored := archive.extractfile(member):
            yield stored.read()


def archived(files: dict[str, bytes]) -> bytes:
    """Files as an archive, by their paths."""
    stored = io.BytesIO()
    with tarfile.open(fileobj=stored, mode="w") as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path.lstrip("/"))
            info.size, info.mode = len(content), 0o644
            archive.addfile(info, io.BytesIO(content))
    return stored.getvalue()
