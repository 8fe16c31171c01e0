"""Let the scripts of an environment find the Python in their folder, whatever is in its path.

pip starts such a script with a line for the shell that has the path in double quotes, where a
quote, `$` or a backtick is special, and a line feed breaks any path after `#!`.

Usage: FOLDER/bin/python docker/host/script_headers.py
"""

import os
import re
import sys
from pathlib import Path

# Of both shells and Python: for Python it is a string of three lines.
BESIDE = b"""#!/bin/sh
'''exec' "$(dirname "$(readlink -f "$0")")/python" "$0" "$@"
' '''
"""


def rewrite(folder: Path) -> None:
    """Replace the first lines of the scripts in `folder` that a shell reads, or that are broken."""
    header = rb"#!/bin/sh\n'''exec' \".*?\n' '''\n"
    if "\n" in str(folder):
        header += rb"|#!" + re.escape(os.fsencode(folder)) + rb"/python[0-9.]*\n"
    for script in folder.iterdir():
        if script.is_symlink() or not script.is_file():
            continue
        content = script.read_bytes()
        if found := re.match(header, content, re.DOTALL):
            script.write_bytes(BESIDE + content[found.end() :])


if __name__ == "__main__":
    rewrite(Path(os.path.abspath(sys.executable)).parent)
