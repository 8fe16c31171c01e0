"""docker/verify_image.py with images that no build makes: a stub stands for the engine."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RIGHT: dict[str, Any] = {
    "Id": "sha256:1",
    "Architecture": "amd64",
    "Config": {"Env": ["WORKLOAD_VARIANT=cpu"]},
}


@pytest.fixture
def verified(tmp_path: Path) -> Any:
    """What is found out about an image that the engine tells of, once `script` has run."""

    def verify(attributes: dict[str, Any], script: str = "") -> subprocess.CompletedProcess[str]:
        (tmp_path / "said").write_text(json.dumps([attributes]))
        command = tmp_path / "docker"
        command.write_text(f"#!/bin/sh\ncase $1 in image) cat {tmp_path}/said ;; esac\n{script}\n")
        command.chmod(stat.S_IRWXU)
        environment = os.environ | {
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": "ascii:strict",
        }
        return subprocess.run(
            [sys.executable, "docker/verify_image.py", "image"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return verify


@pytest.mark.parametrize("config", [None, {}, {"Env": None}, {"Env": ["WITHOUT_A_VALUE"]}])
def test_an_image_that_says_nothing_is_none_of_ours(verified: Any, config: Any) -> None:
    result = verified(RIGHT | {"Config": config})
    assert (result.returncode, result.stderr) == (
        2,
        "verify-image: this is no image of this project\n",
    )


def test_an_image_that_no_container_is_made_of_is_named_in_one_line(verified: Any) -> None:
    refusal = "case $1 in create) echo 'invalid: working directory\nő' >&2; exit 1 ;; esac"
    result = verified(RIGHT, refusal)
    words = r"verify-image: image cannot be read: 'invalid: working directory \u0151'"
    assert (result.returncode, result.stderr) == (4, words + "\n")


def test_an_image_whose_files_are_no_archive_is_named_in_one_line(verified: Any) -> None:
    result = verified(RIGHT, "case $1 in export) echo not an archive ;; esac")
    assert (result.returncode, result.stderr.count("\n")) == (4, 1)
    assert result.stderr.startswith("verify-image: image cannot be read: ")


def test_an_image_without_files_fails_in_every_check_of_them(verified: Any) -> None:
    script = "case $1 in export) head -c 10240 /dev/zero ;; esac"
    result = verified(RIGHT, script)
    assert (result.returncode, result.stderr) == (4, "")
    assert "FAIL  packages   there is no package in /opt/venv\n" in result.stdout
    assert "FAIL  files      changed: opt/venv/pyvenv.cfg; of no package" in result.stdout
