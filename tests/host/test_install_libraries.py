"""docker/steps/layers/install-libraries: a PyTorch that is not to be had is one line."""

import subprocess
from pathlib import Path

import pytest
from support.fakes.host import Host

STEP = "docker/steps/layers/install-libraries"
NOWHERE = 'echo "error: Failed to fetch"; echo "  cause: dns error" >&2; exit 2'


@pytest.fixture
def install(host: Host, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Install on an Arm CPU where no index answers; this machine has no folder /wheelhouse."""
    (tmp_path / "lock.txt").write_text("torch==9.1.0+cpu \\\n    --hash=sha256:aa\n")
    host.add("uname", "echo aarch64")
    host.add("uv", NOWHERE)
    host.environment["TORCH_CPU_INDEX"] = "https://example.com/cpu"
    return host.run("sh", STEP, str(tmp_path / "lock.txt"), str(tmp_path / "layers"))


def test_it_names_the_build_the_processor_and_what_to_set(
    install: subprocess.CompletedProcess[str],
) -> None:
    assert (install.returncode, install.stdout) == (1, "")
    assert install.stderr == (
        "install-libraries: there is no torch==9.1.0+cpu for aarch64 in the wheelhouse or at "
        "https://example.com/cpu: set WHEELHOUSE= to a folder that has it "
        "(error: Failed to fetch cause: dns error )\n"
    )


def test_nothing_is_installed_then(install: subprocess.CompletedProcess[str], host: Host) -> None:
    assert install.returncode
    (call,) = [call for call in host.called if call.startswith("uv ")]
    assert call == (
        "uv pip install --dry-run --no-deps --find-links https://example.com/cpu/torch/ "
        "torch==9.1.0+cpu"
    )
