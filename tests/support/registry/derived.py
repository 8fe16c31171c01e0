"""Images that differ from the CPU image in one thing each, in the registry."""

import uuid

from support.registry.shipping import CPU, Shipping
from support.tars import packed

from docker import DockerClient

REPOSITORY = "workload-derived"


class Derived:
    """Pushes such images; `remove_all` removes what it and verify-image left in the engine."""

    def __init__(self, client: DockerClient, shipping: Shipping) -> None:
        self._client = client
        self._shipping = shipping
        self._pushed: set[str] = set()

    def push(self, tag: str, *instructions: str, files: dict[str, bytes] | None = None) -> str:
        """Push the CPU image after instructions such as LABEL and with more files.

        Returns its name with its digest.
        """
        name = uuid.uuid4().hex
        container = self._client.containers.create(CPU)
        try:
            container.put_archive("/", packed(files or {}))
            container.commit(REPOSITORY, name, changes=[*instructions])
        finally:
            container.remove()
        try:
            digest = self._shipping.push(f"{REPOSITORY}:{name}", tag, f"push of {tag}").digest
        finally:
            self._client.images.remove(f"{REPOSITORY}:{name}")
        self._pushed.add(f"{self._shipping.name}@{digest}")
        return f"{self._shipping.name}@{digest}"

    def remove_all(self) -> None:
        """Remove the images that were pulled again."""
        # Not images.list(), which inspects each: others may be removed at the same time.
        images = self._client.api.images()
        here = {one for image in images for one in image["RepoDigests"] or ()}
        for name in self._pushed & here:
            self._client.images.remove(name)
