"""The exit codes are defined once for Python and once for the shell, and these are equal."""

import re
from pathlib import Path

import pytest

from workload.core.errors import ExitCode

DOCKER = Path(__file__).parents[3] / "docker"
CODES = DOCKER / "host/exit-codes"
SCRIPTS = [
    path
    for path in sorted(DOCKER.rglob("*"))
    if path.is_file() and path.read_bytes().startswith((b"#!/bin/sh", b"#!/usr/bin/env bash"))
]


def test_the_shell_has_the_codes_of_the_package() -> None:
    codes = dict(re.findall(r"^(\w+)=(\d+)$", CODES.read_text(), flags=re.MULTILINE))
    assert codes == {name: str(ExitCode[name.upper()].value) for name in codes}
    assert {"bad_input", "unfit"} <= codes.keys()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(DOCKER)))
def test_a_script_has_no_code_of_its_own(script: Path) -> None:
    codes = "|".join(str(int(code)) for code in ExitCode if code > ExitCode.BUG)
    assert re.findall(rf"\b(?:exit|fail|refuse\w*) (?:{codes})\b", script.read_text()) == []
