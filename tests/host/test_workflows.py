"""The workflows: nothing floats, no job may more than it must, one gate."""

import re
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT

WORKFLOWS = sorted((CHECKOUT / ".github/workflows").glob("*.yml"))
PINNED = re.compile(r"[\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
EACH = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
# What a job may ask for beyond reading the code.
ASKED = {
    "publish/publish": "contents: read, packages: write",
    "publish/sign": "contents: read, packages: write, id-token: write",
    "ci/gate": "{}",
    "publish/gate": "{}",
}


def jobs(workflow: Path) -> dict[str, str]:
    """The text of each job, by its name."""
    text = workflow.read_text().partition("\njobs:\n")[2]
    parts = re.split(r"^  ([a-z][\w-]*):\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def permissions(job: str) -> str:
    """What a job says that it may do, in one line."""
    found = re.search(r"^    permissions:( \{\})?\n((?:      .+\n)*)", job, re.MULTILINE)
    if found is None:
        return "whatever the workflow may"
    return (found[1] or "").strip() or ", ".join(found[2].split("\n")).replace("      ", "")[:-2]


def test_there_are_workflows_to_look_at() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "publish"]


@EACH
def test_every_action_is_pinned_by_its_commit_with_the_version_beside_it(workflow: Path) -> None:
    used = re.findall(r"uses: *(.*)", workflow.read_text())
    assert used
    assert [action for action in used if not PINNED.fullmatch(action)] == []


@EACH
def test_one_commit_of_an_action_is_used(workflow: Path) -> None:
    used = {action for path in WORKFLOWS for action in re.findall("uses: *(.*)", path.read_text())}
    assert len(used) == len({action.partition("@")[0] for action in used}), workflow


@EACH
def test_a_job_that_scans_has_what_scans(workflow: Path) -> None:
    scanning = [job for job in jobs(workflow).values() if "-scan" in job]
    assert all("download-grype@" in job.partition('-scan"')[0] for job in scanning)
    assert bool(scanning) is (workflow.stem == "publish")


def test_every_image_that_is_published_is_scanned_before() -> None:
    job = jobs(CHECKOUT / ".github/workflows/publish.yml")["test"]
    assert "target: [cpu, gpu]" in job
    assert 'make "$TARGET-scan" "$TARGET-devel-scan"' in job


@EACH
def test_a_workflow_may_nothing_by_itself(workflow: Path) -> None:
    assert "\npermissions: {}\n" in workflow.read_text()


@EACH
def test_a_job_may_read_the_code_and_no_more_unless_it_is_named_here(workflow: Path) -> None:
    for name, job in jobs(workflow).items():
        assert permissions(job) == ASKED.get(f"{workflow.stem}/{name}", "contents: read"), name


@EACH
def test_every_job_has_a_time_limit(workflow: Path) -> None:
    assert [name for name, job in jobs(workflow).items() if "timeout-minutes: " not in job] == []


@EACH
def test_the_gate_needs_every_other_job_and_always_answers(workflow: Path) -> None:
    others = [name for name in jobs(workflow) if name != "gate"]
    gate = jobs(workflow)["gate"]
    assert f"needs: [{', '.join(others)}]" in gate
    assert "if: always()" in gate


@EACH
def test_what_a_person_can_name_reaches_a_script_as_a_variable_only(workflow: Path) -> None:
    """A tag or a title inside of a script would be run as code."""
    scripts = re.findall(r"run: (.*\n(?: {10,}.*\n)*)", workflow.read_text())
    assert scripts
    assert [script for script in scripts if "${{" in script.partition("env:")[0]] == []
