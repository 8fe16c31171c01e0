"""compose.yaml, as text: the test image has no compose; `make lint` runs `config` on it."""

import re

from fake_host import CHECKOUT

TEXT = (CHECKOUT / "compose.yaml").read_text()


def service(name: str) -> str:
    """The lines of one service."""
    found = re.search(rf"^  {name}:\n((?:    .*\n|\n)+)", TEXT, re.MULTILINE)
    assert found is not None
    return found[1]


def test_both_services_share_the_anchor() -> None:
    assert "<<: *workload" in service("cpu")
    assert "<<: *workload" in service("gpu")


def test_only_the_gpu_service_reserves_devices() -> None:
    assert "reservations:" in service("gpu")
    assert "capabilities: [gpu]" in service("gpu")
    assert "reservations:" not in service("cpu")


def test_the_gpu_service_insists_on_its_device() -> None:
    assert "command: [workload, run, --device, cuda]" in service("gpu")


def test_gpus_all_which_some_releases_ignore_is_not_used() -> None:
    assert not re.search(r"^\s*gpus:", TEXT, re.MULTILINE)
