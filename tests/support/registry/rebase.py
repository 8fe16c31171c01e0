"""The same image on another base: what an engine that chains layers cannot share."""

import gzip
import json
import uuid
from hashlib import sha256

from support.registry.local_registry import LocalRegistry
from support.tars import packed

# A text that no engine has in a layer.
MARK = uuid.uuid4().hex


def on_another_base(registry: LocalRegistry, repository: str, tag: str, new_tag: str) -> None:
    """Publish an image again with one more layer, a file of the text MARK, below all others.

    Its other layers are the same blobs. No engine has that text, so none has any of its chain of
    layers, and each must be pulled.
    """
    manifest, _ = registry.manifest(repository, tag)
    config = json.loads(registry.blob(repository, manifest["config"]["digest"]))
    layer = packed({"base-mark": MARK})
    config["rootfs"]["diff_ids"].insert(0, f"sha256:{sha256(layer).hexdigest()}")
    config["history"].insert(0, {"created_by": "another base"})
    added = registry.add_blob(repository, gzip.compress(layer, mtime=0))
    kind = manifest["layers"][0]["mediaType"]
    manifest["layers"].insert(0, {"mediaType": kind, **added})
    manifest["config"] |= registry.add_blob(repository, json.dumps(config).encode())
    registry.add_manifest(repository, manifest, new_tag)
