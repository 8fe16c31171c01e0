"""docker/host/in-docker explains why a container did not start, and changes nothing else."""

from typing import Any

import pytest
from support.fakes.host import CHECKOUT, Host
from support.fakes.machine import IDS, make_machine, rows

REFUSALS = rows("refusals")
WORDINGS = [
    pytest.param(refusal, said, id=f"{refusal['name']} {number}")
    for refusal in REFUSALS
    for number, said in enumerate(refusal["said"])
]


@pytest.fixture
def sound(host: Host) -> Host:
    """Return a healthy machine that has the image."""
    return make_machine(host, {"image": ""})


def runs(host: Host) -> list[str]:
    """What was run in a container, in turn."""
    return [call.split()[-1] for call in host.called if call.startswith("docker run")]


@pytest.mark.parametrize(("refusal", "said"), WORDINGS)
def test_a_refusal_is_shown_and_translated(host: Host, refusal: dict[str, Any], said: str) -> None:
    answers = {"image": "", "run": {"code": refusal["code"], "text": said}}
    machine = make_machine(host, {**answers, **refusal.get("machine", {})})
    result = machine.run("docker/host/in-docker", "gpu", "mine")
    translation = f"in-docker: {refusal['line']}; {refusal['next']}"
    assert result.stderr == f"{said}\n{translation}\n"
    assert (result.returncode, result.stdout) == (4, "")
    assert runs(host) == ["true"]


def test_a_refusal_is_translated_from_elsewhere_too(host: Host) -> None:
    said = "no space left on device"
    machine = make_machine(host, {"image": "", "run": {"code": 125, "text": said}})
    place = f"cd {CHECKOUT.parent} && {CHECKOUT.name}/docker/host/in-docker gpu mine"
    result = machine.run("sh", "-c", place)
    assert (result.returncode, result.stderr.count("\n")) == (4, 2)
    assert "\nin-docker: " in result.stderr


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal["name"])
def test_a_refusal_has_a_check_and_its_sources(refusal: dict[str, Any]) -> None:
    assert refusal["id"] in IDS
    assert len(refusal["seen"]) >= 1


@pytest.mark.parametrize("target", ["gpu", "cpu"])
def test_an_unknown_refusal_keeps_its_words_and_is_an_unfit_engine(host: Host, target: str) -> None:
    said = "docker: Error response from daemon: something new"
    machine = make_machine(host, {"image": "", "run": {"code": 125, "text": said}})
    machine.environment["LIMITS"] = "--memory 1k"
    result = machine.run("docker/host/in-docker", target, "mine")
    translation = (
        "the engine does not start the container; see its message above, and check LIMITS="
    )
    assert (result.returncode, result.stderr) == (4, f"{said}\nin-docker: {translation}\n")
    assert runs(host) == ["true"]


@pytest.mark.parametrize("target", ["gpu", "cpu"])
@pytest.mark.parametrize(
    ("image", "pulled"),
    [("nosuch", "nosuch:latest"), ("a:5000/x", "a:5000/x:latest"), ("x:1", "x:1"), ("x@1", "x@1")],
)
def test_an_image_that_is_nowhere_is_one_line(
    host: Host, target: str, image: str, pulled: str
) -> None:
    said = {"code": 1, "text": "Error response from daemon: pull access denied for it"}
    host.environment["IMAGE"] = image
    result = make_machine(host, {"pull": said}).run("docker/host/in-docker", target, "mine")
    assert result.stderr == (
        f"in-docker: the image {pulled} is not here and cannot be pulled (pull access denied for "
        "it); check IMAGE=, or log in to its registry (docker login)\n"
    )
    assert (result.returncode, runs(host)) == (4, [])


def test_a_container_keeps_its_streams_and_its_own_125(sound: Host) -> None:
    sound.add("mine", "echo out; echo 'no space left on device' >&2; exit 125")
    script = (sound.bin / "docker").read_text()
    sound.add("docker", script.replace("run*--gpus*)", "run*mine) exec mine ;;\nrun*--gpus*)"))
    result = sound.run("docker/host/in-docker", "gpu", "mine")
    assert result.returncode == 125
    assert (result.stdout, result.stderr) == ("out\n", "no space left on device\n")


def test_the_container_takes_the_scripts_place_for_signals_and_terminal(sound: Host) -> None:
    script = (sound.bin / "docker").read_text()
    sound.add("docker", script.replace("run*--gpus*)", "run*mine) echo $$ ;;\nrun*--gpus*)"))
    result = sound.run("sh", "-c", "echo $$; exec docker/host/in-docker gpu mine")
    before, after = result.stdout.split()
    assert before == after


def test_the_trial_is_the_same_container_with_another_command(sound: Host) -> None:
    sound.run("docker/host/in-docker", "gpu", "mine")
    trial, real = [call for call in sound.called if call.startswith("docker run")]
    assert trial.replace(" true", " mine") == real
    assert " --gpus all " in real


def test_an_image_without_the_trials_command_runs(host: Host) -> None:
    said = 'docker: Error: exec: "true": executable file not found in $PATH: unknown'
    machine = make_machine(host, {"image": "", "run": {"code": 127, "text": said}})
    assert machine.run("docker/host/in-docker", "gpu", "mine").stderr == f"{said}\n"
    assert runs(host) == ["true", "mine"]


def test_the_cpu_target_without_limits_has_no_trial(sound: Host) -> None:
    sound.run("docker/host/in-docker", "cpu", "mine")
    assert runs(sound) == ["mine"]


def test_a_missing_image_is_pulled_in_sight(host: Host) -> None:
    host.environment["IMAGE"] = "example.com/workload:gpu"
    result = make_machine(host, {"pull": "Pulling"}).run("docker/host/in-docker", "gpu", "mine")
    assert "Pulling\n" in result.stderr
    assert runs(host) == ["true", "mine"]


def test_a_pull_that_fills_the_disk_is_translated(host: Host) -> None:
    full = {"code": 1, "text": "failed to register layer: write /x: no space left on device"}
    host.environment["IMAGE"] = "example.com/workload:gpu"
    result = make_machine(host, {"pull": full}).run("docker/host/in-docker", "gpu", "mine")
    assert result.returncode == 4
    assert (
        "in-docker: no space left for the image or its container; free disk space" in result.stderr
    )
    assert runs(host) == []
