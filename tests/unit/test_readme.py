"""The README tells what the code does."""

import re
from pathlib import Path

from workload.errors import ExitCode

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_every_exit_code_is_in_the_readme() -> None:
    rows = re.findall(r"^\| ([0-9, ]+) \|", README, flags=re.MULTILINE)
    listed = {int(code) for row in rows for code in row.split(",")}
    assert listed == {int(code) for code in ExitCode}


def test_the_tree_in_the_readme_names_every_module() -> None:
    import workload  # noqa: PLC0415  the installed package, in the container too

    package = Path(workload.__file__).parent
    tree = README.partition("## The tree")[2]
    public = {path.name for path in package.glob("*.py")} - {"__init__.py", "__main__.py"}
    folders = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert {name for name in public | folders if name not in tree} == set()
