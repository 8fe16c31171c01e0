"""The README tells what the code does."""

import ast
import re
from pathlib import Path

import pytest

import workload
from workload.errors import ExitCode

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PACKAGE = Path(workload.__file__).parent
# The modules of the package, in the order of the README's tree.
TREE = re.findall(
    r"^  (\w+)(?:\.py|/) ",
    README.partition("workload/            ")[2].partition("\ndocker/")[0],
    flags=re.MULTILINE,
)


def test_every_exit_code_is_in_the_readme() -> None:
    rows = re.findall(r"^\| ([0-9, ]+) \|", README, flags=re.MULTILINE)
    listed = {int(code) for row in rows for code in row.split(",")}
    assert listed == {int(code) for code in ExitCode}


def test_the_tree_in_the_readme_is_the_package() -> None:
    files = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert sorted(TREE) == sorted(files | folders)


@pytest.mark.parametrize("name", TREE)
def test_a_module_imports_only_what_stands_above_it(name: str) -> None:
    allowed = {*TREE[: TREE.index(name) + 1]}
    place = PACKAGE / name
    paths = place.glob("*.py") if place.is_dir() else [place.with_suffix(".py")]
    imported = {module for path in paths for module in imported_modules(path)}
    # cli imports the session only when it needs it; `workload` itself holds the version.
    assert imported - allowed == set()


def imported_modules(path: Path) -> set[str]:
    """The modules of the package that a file imports, by the first name below `workload`."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "workload":
            modules |= {alias.name for alias in node.names if not alias.name.startswith("__")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("workload."):
            modules.add(str(node.module).split(".")[1])
    return modules


def test_nothing_in_the_readme_waits_to_be_filled_in() -> None:
    assert re.findall(r"@[A-Z]+@|TODO|TBD", README) == []
