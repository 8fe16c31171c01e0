"""Archives of files, as containers and layers take them."""

import io
import tarfile
from collections.abc import Mapping


def packed(files: Mapping[str, str | bytes], links: Mapping[str, str] | None = None) -> bytes:
    """Return a tar of files and symbolic links by their paths."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for path, text in files.items():
            content = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for path, target in (links or {}).items():
            member = tarfile.TarInfo(path.lstrip("/"))
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return data.getvalue()
