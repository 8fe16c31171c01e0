"""docker/host/script_headers.py: the scripts of an environment start wherever it is."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT

REWRITE = CHECKOUT / "docker/host/script_headers.py"
BODY = "import sys\nprint(sys.prefix, *sys.argv[1:])\n"


def header(python: Path) -> str:
    """As pip writes it (distlib's `_build_shebang`)."""
    if " " in str(python):
        return f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n"
    return f"#!{python}\n"


def with_script(folder: Path) -> Path:
    """A script in an environment that is made in `folder`, its header rewritten."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    script = folder / "bin/tool"
    script.write_text(header(folder / "bin/python") + BODY)
    script.chmod(0o755)
    subprocess.run([folder / "bin/python", REWRITE], check=True)
    return script


@pytest.mark.parametrize(
    "name", ["a b", 'a "b', "a `id` b", "a $HOME b", "it's a", "a\nb", "plain"]
)
def test_a_script_finds_its_python(tmp_path: Path, name: str) -> None:
    script = with_script(tmp_path / name)
    said = subprocess.run([script, "x y"], check=True, capture_output=True, text=True).stdout
    assert said == f"{tmp_path / name} x y\n"


def test_a_link_to_a_script_finds_it_too(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(with_script(tmp_path / "a b"))
    said = subprocess.run([link], check=True, capture_output=True, text=True).stdout
    assert said == f"{tmp_path / 'a b'}\n"


def test_a_header_that_works_stays(tmp_path: Path) -> None:
    assert (
        with_script(tmp_path / "plain").read_text().startswith(f"#!{tmp_path}/plain/bin/python\n")
    )


def test_other_files_stay(tmp_path: Path) -> None:
    folder = with_script(tmp_path / "a b").parent
    (folder / "mine").write_text("#!/bin/sh\necho mine\n")
    subprocess.run([folder / "python", REWRITE], check=True)
    assert (folder / "mine").read_text() == "#!/bin/sh\necho mine\n"
