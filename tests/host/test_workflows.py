"""The workflows: actions are pinned, each job has few rights and a time limit, one gate decides."""

import re
import shutil
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.fakes.host import CHECKOUT, Host

FILES = {path.stem: path for path in sorted((CHECKOUT / ".github/workflows").glob("*.yml"))}
WORKFLOWS: dict[str, dict[str, Any]] = {
    name: yaml.safe_load(path.read_text()) for name, path in FILES.items()
}
EACH = pytest.mark.parametrize("workflow", WORKFLOWS)
GATED = pytest.mark.parametrize("workflow", ["ci", "publish"])
PUBLISH = WORKFLOWS["publish"]["jobs"]
# What a job may do besides reading the code.
PERMISSIONS = {
    "ci/gate": {},
    "publish/build": {"contents": "read", "packages": "write"},
    "publish/index": {"contents": "read", "packages": "write"},
    "publish/sign": {
        "contents": "read",
        "packages": "write",
        "id-token": "write",
        "attestations": "write",
    },
    "publish/gate": {},
    "update/update": {"contents": "write", "pull-requests": "write"},
}
# Jobs without which a run is still complete.
OPTIONAL = {"gpu"}


def steps(workflow: str) -> list[dict[str, Any]]:
    """The steps of every job."""
    return [step for job in WORKFLOWS[workflow]["jobs"].values() for step in job["steps"]]


def starts(job: dict[str, Any], **results: str) -> bool:
    """Whether a job starts after these results of the jobs that it needs."""
    expression = job["if"].strip("${} ").replace("&&", "and").replace("||", "or")
    expression = expression.replace("!cancelled()", "True")
    for needed in job["needs"]:
        expression = expression.replace(f"needs.{needed}.result", repr(results[needed]))
    return bool(eval(expression))  # noqa: S307  this repository's own text


def test_there_are_workflows_to_look_at() -> None:
    assert [*WORKFLOWS] == ["ci", "nightly", "publish", "update"]


@EACH
def test_every_action_is_pinned_by_its_commit_with_the_version_beside_it(workflow: str) -> None:
    text = FILES[workflow].read_text()
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w./-]+@[0-9a-f]{40}", action)
        assert re.search(rf"uses: {re.escape(action)} # v\d+\.\d+\.\d+$", text, re.MULTILINE)


def test_each_action_is_used_at_one_commit() -> None:
    used = {step["uses"] for name in WORKFLOWS for step in steps(name) if "uses" in step}
    assert len(used) == len({action.partition("@")[0] for action in used})


@EACH
def test_a_workflow_has_no_permission_by_itself(workflow: str) -> None:
    assert WORKFLOWS[workflow]["permissions"] == {}


@EACH
def test_a_job_may_read_the_code_and_no_more_unless_it_is_named_here(workflow: str) -> None:
    for name, job in WORKFLOWS[workflow]["jobs"].items():
        allowed = PERMISSIONS.get(f"{workflow}/{name}", {"contents": "read"})
        assert job["permissions"] == allowed, name


@EACH
def test_every_job_has_a_time_limit(workflow: str) -> None:
    jobs = WORKFLOWS[workflow]["jobs"]
    assert all(0 < job.get("timeout-minutes", 0) <= 120 for job in jobs.values())


@EACH
def test_no_checkout_leaves_its_token_behind(workflow: str) -> None:
    checkouts = [one for one in steps(workflow) if "actions/checkout@" in one.get("uses", "")]
    assert checkouts
    assert all(one["with"] == {"persist-credentials": False} for one in checkouts)


@GATED
def test_the_gate_needs_every_other_job_and_always_answers(workflow: str) -> None:
    jobs = WORKFLOWS[workflow]["jobs"]
    assert sorted(jobs["gate"]["needs"]) == sorted({*jobs} - {"gate"})
    assert jobs["gate"]["if"] == "always()"


@GATED
def test_the_gate_is_green_only_when_every_job_is(host: Host, workflow: str) -> None:
    gate = WORKFLOWS[workflow]["jobs"]["gate"]
    (step,) = gate["steps"]
    assert step["env"] == {"RESULTS": "${{ join(needs.*.result, ' ') }}"}

    def is_green(results: dict[str, str]) -> bool:
        host.environment["RESULTS"] = " ".join(results.values())
        return host.run("bash", "-e", "-c", step["run"]).returncode == 0

    passed = dict.fromkeys(gate["needs"], "success")
    assert is_green(passed)
    for job, result in product(gate["needs"], ("failure", "cancelled", "skipped")):
        expected = result == "skipped" and job in OPTIONAL
        assert is_green(passed | {job: result}) is expected, (job, result)


@EACH
def test_what_a_person_can_name_reaches_a_script_as_a_variable_only(workflow: str) -> None:
    """A tag or a title inside of a script would be run as code."""
    scripts = [step["run"] for step in steps(workflow) if "run" in step]
    assert scripts
    assert [script for script in scripts if "${{" in script] == []


def test_nothing_is_pushed_before_every_image_is_tested_and_scanned() -> None:
    test, build = PUBLISH["test"], PUBLISH["build"]
    assert test["strategy"]["matrix"]["target"] == ["cpu", "gpu"]
    assert test["strategy"]["matrix"]["runner"] == build["strategy"]["matrix"]["runner"]
    scripts = [step.get("run", "") for step in test["steps"]]
    (scan,) = [place for place, script in enumerate(scripts) if "-scan" in script]
    assert scripts[scan].endswith('make "$TARGET-scan" "$TARGET-devel-scan"')
    assert any("download-grype@" in step.get("uses", "") for step in test["steps"][:scan])
    assert starts(build, test="success", gpu="success")
    assert starts(build, test="success", gpu="skipped")
    for result in ("failure", "cancelled"):
        assert not starts(build, test=result, gpu="success")
        assert not starts(build, test="success", gpu=result)


def test_only_what_is_pushed_is_joined_and_only_what_is_joined_is_signed() -> None:
    for job, needed in (("index", "build"), ("sign", "index")):
        assert starts(PUBLISH[job], **{needed: "success"})
        assert not starts(PUBLISH[job], **{needed: "failure"})


def test_each_platform_that_is_joined_is_built_on_a_runner_of_its_own() -> None:
    runners = PUBLISH["build"]["strategy"]["matrix"]["runner"]
    built = {"linux/arm64" if runner.endswith("-arm") else "linux/amd64" for runner in runners}
    (platforms,) = [
        step["env"]["PLATFORMS"]
        for step in PUBLISH["index"]["steps"]
        if "PLATFORMS" in step.get("env", {})
    ]
    assert {*platforms.split(",")} == built


def test_every_lane_runs_in_a_workflow() -> None:
    lanes = re.search(r"^    (quick \|.+)\) ;;$", (CHECKOUT / ".ci/run").read_text(), re.MULTILINE)
    assert lanes
    scripts = " ".join(step.get("run", "") for name in WORKFLOWS for step in steps(name))
    assert [lane for lane in lanes[1].split(" | ") if f".ci/run {lane}" not in scripts] == []


def test_arm64_is_tested_on_an_arm_machine() -> None:
    assert WORKFLOWS["nightly"]["jobs"]["arm64"]["runs-on"].endswith("-arm")


def test_every_published_image_is_signed() -> None:
    recipe = (CHECKOUT / "docker/release/publish.hcl").read_text()
    published = re.search(r'group "published" \{\n  targets = \[(.+)\]', recipe)
    assert published
    targets = PUBLISH["sign"]["strategy"]["matrix"]["target"]
    assert targets == re.findall(r'"([\w-]+)"', published[1])


def test_a_signature_and_an_sbom_belong_to_a_digest(host: Host) -> None:
    image = "example.com/me/workload@sha256:1234"
    host.environment |= {"IMAGE": image, "TARGET": "cpu"}
    host.add("cosign")
    (sign,) = [one for one in PUBLISH["sign"]["steps"] if "cosign sign" in one.get("run", "")]
    assert sign["env"] == {"IMAGE": "${{ steps.image.outputs.image }}"}
    assert host.run("bash", "-e", "-c", sign["run"]).returncode == 0
    assert host.called == [f"cosign sign --yes --recursive {image}"]
    (attest,) = [one for one in PUBLISH["sign"]["steps"] if "/attest@" in one.get("uses", "")]
    assert attest["with"]["subject-digest"] == "${{ steps.image.outputs.digest }}"
    assert attest["with"]["sbom-path"] == "results/sbom-${{ matrix.target }}.cdx.json"


def test_the_records_are_attached_to_a_digest_as_one_artifact(host: Host, tmp_path: Path) -> None:
    image = "example.com/me/workload@sha256:1234"
    (attach,) = [one for one in PUBLISH["sign"]["steps"] if "oras attach" in one.get("run", "")]
    for tool in ("sort", "xargs"):
        (host.bin / tool).symlink_to(str(shutil.which(tool)))
    host.add("oras")
    (tmp_path / "records/deep").mkdir(parents=True)
    for name in ("run 1.json", "deep/run-2.json"):
        (tmp_path / "records" / name).touch()
    host.environment["IMAGE"] = image
    result = host.run("bash", "-e", "-o", "pipefail", "-c", f"cd {tmp_path}\n{attach['run']}")
    assert result.returncode == 0, result.stderr
    assert host.called == [
        f"oras attach --artifact-type application/vnd.workload.record.v1+json {image}"
        " records/deep/run-2.json:application/json records/run 1.json:application/json"
    ]


def propose(host: Host, tmp_path: Path, state: str) -> str:
    """Run the step that opens the monthly pull request; return the commands of git and gh."""
    (step,) = [one for one in steps("update") if "git push" in one.get("run", "")]
    host.add("git", 'case "$1" in diff) [ -z "$CHANGED" ] ;; esac')
    host.add("gh", f'case "$1 $2" in "pr view") echo {state} ;; esac')
    result = host.run("bash", "-e", "-o", "pipefail", "-c", f"cd {tmp_path}\n{step['run']}")
    assert result.returncode == 0, result.stderr
    return "\n".join(host.called)


def test_an_update_without_changes_proposes_nothing(host: Host, tmp_path: Path) -> None:
    host.environment["CHANGED"] = ""
    assert propose(host, tmp_path, "") == "git diff --quiet"


@pytest.mark.parametrize(("state", "creates"), [("", True), ("MERGED", True), ("OPEN", False)])
def test_an_update_is_one_pull_request(
    host: Host, tmp_path: Path, state: str, creates: bool
) -> None:
    host.environment["CHANGED"] = "yes"
    called = propose(host, tmp_path, state)
    assert "git push --force origin update" in called
    assert ("gh pr create --fill" in called) is creates
