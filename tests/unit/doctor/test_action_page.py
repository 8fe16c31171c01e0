"""docker/host/ACTIONS.md says what to do for each action in commands that can be pasted."""

import json
import re
import subprocess
from itertools import pairwise

import pytest
from support.doctor.action_page import ENVIRONMENTS, page

from workload.core.models.action import Action

SCREEN_LINES, SCREEN_COLUMNS = 50, 110
SECTIONS = dict(pairwise(re.split(r"^## `([a-z-]+)`$", page(), flags=re.MULTILINE)[1:]))
SECTIONS = {name: SECTIONS[name] for name in Action}
COMMANDS = [
    text for part in SECTIONS.values() for text in re.findall(r"```sh\n(.*?)```", part, re.S)
]


def test_every_action_has_commands_for_every_environment() -> None:
    for action in (action for action in Action if action is not Action.NONE):
        for title in ENVIRONMENTS.values():
            assert f"\n{title}:\n\n```sh\n" in SECTIONS[action], (action, title)


@pytest.mark.parametrize("action", Action)
def test_a_section_fits_on_a_screen(action: Action) -> None:
    lines = SECTIONS[action].strip().splitlines()
    assert len(lines) + 2 <= SCREEN_LINES
    in_blocks = [line for text in COMMANDS for line in text.splitlines()]
    assert max(map(len, in_blocks)) <= SCREEN_COLUMNS


@pytest.mark.parametrize("commands", COMMANDS)
def test_commands_can_be_pasted_into_a_shell(commands: str) -> None:
    sh = ["/bin/sh", "-n"]
    read = subprocess.run(sh, input=commands, text=True, capture_output=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")
    for overrides in re.findall(r"--overrides='(.*?)'", commands, re.S):
        assert json.loads(overrides)["spec"]["nodeName"] == "NODE"


def test_support_is_asked_with_the_field_diagnostic_first() -> None:
    text = SECTIONS[Action.CONTACT_SUPPORT].strip()
    assert text.startswith("Run NVIDIA's field diagnostic")
