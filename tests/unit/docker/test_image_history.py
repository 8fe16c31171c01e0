"""docker/image_history.py: what made each layer of an image, asked of a stub engine."""

import importlib
from pathlib import Path

import pytest


def test_a_step_of_many_lines_is_one_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = tmp_path / "rows"
    rows.write_text(
        r'{"CreatedBy": "RUN <<EOF\na\tb\nEOF # buildkit", "Size": "7"}' + "\n"
        '{"CreatedBy": "base", "Size": "5"}\n'
    )
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\ncat {rows}\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "docker")
    layers = importlib.import_module("image_history").history("a")
    assert layers == [("base", 5), ("RUN <<EOF\na\tb\nEOF # buildkit", 7)]
