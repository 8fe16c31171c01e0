"""The status of a machine in a cloud has the action of the verdict, and no other words."""

import subprocess
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT

RESET = "reset-gpu (GPU 0 NVIDIA H200: the driver asks for a reset of the GPU)"


def action_in(output: str, tmp_path: Path) -> str:
    """Return what the script finds in the output of doctor or run."""
    path = tmp_path / "output"
    path.write_text(output)
    script = f". {CHECKOUT}/docker/cloud/machine; action_in {path}"
    found = subprocess.run(
        ["/bin/sh", "-euc", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stderr == ""
    return found.stdout.strip()


@pytest.mark.parametrize(
    ("output", "action"),
    [
        ("doctor     PASS: 33 passed; action: none\n", "none"),
        (f"doctor     FAIL: 1 failed, 32 passed; action: {RESET}\n", "reset-gpu"),
        (
            "doctor     FAIL: 10 failed, 12 warnings, 10 unknown, 20 passed, 16 not\n"
            "           applicable; action: contact-support (GPU 0: it came back)\n"
            "FAIL       ecc: uncorrectable memory errors\n",
            "contact-support",
        ),
        (
            f"doctor     FAIL: 1 failed; action: {RESET}\n"
            "action     GPU 0 NVIDIA H200: restart-app, Xid 31\n"
            "           Xid 31 during this run: pid=7, name=x; action: none\n"
            "WARN       xid: name=x; action: none\n",
            "reset-gpu",
        ),
        (f"doctor     PASS: 33 passed\nWARN  cuda:0 NVIDIA H200; action: {RESET}\n", "reset-gpu"),
        ("WRONG NUMBERS  cuda:0 NVIDIA H200; action: drain (wrong numbers)\n", "drain"),
        ("FAILED, exit 1  GPU 0 of 2 NVIDIA H200; action: retry (its process died)\n", "retry"),
        ("device cuda is not usable: no driver\n", ""),
        ("", ""),
    ],
    ids=[
        "doctor",
        "a fault",
        "a verdict on two lines",
        "a program with a name like an action",
        "run",
        "wrong numbers",
        "several GPUs",
        "no verdict",
        "nothing",
    ],
)
def test_the_action_is_that_of_the_verdict(output: str, action: str, tmp_path: Path) -> None:
    assert action_in(output, tmp_path) == action
