"""`make doctor` with engines that fail, hang or print warnings: no answer ends the checks."""

import pytest
from support.fakes.host import Host
from support.fakes.machine import ANSWERS, ASKED, IDS, make_machine
from support.host_report import states

QUESTIONS = [name for name in ASKED.values() if name not in ("info", "run", "pull")]


ANSWERS_OF_NO_USE = [
    (0, "<no value>"),
    (0, "99999999999999999999"),
    (1, "Error: template: <.X>: can't evaluate field\\n"),
    (124, ""),
]


@pytest.mark.parametrize(("code", "text"), ANSWERS_OF_NO_USE)
@pytest.mark.parametrize("question", QUESTIONS)
def test_no_answer_of_an_engine_ends_the_checks(
    host: Host, question: str, code: int, text: str
) -> None:
    answer = text if code == 0 else {"code": code, "text": text}
    result = make_machine(host, {question: answer}).run("docker/host/doctor")
    assert list(states(result)) == IDS
    assert result.stderr == ""
    assert result.returncode == (4 if "fail" in states(result).values() else 0)


UNKILLABLE = "trap '' TERM; while :; do sleep 1; done"


def test_an_engine_that_hangs_has_a_deadline(host: Host) -> None:
    machine = make_machine(host, {"environment": {"HOST_DEADLINE_SEC": "1"}, "python": "3.12"})
    machine.add("docker", f"case $1 in info) {UNKILLABLE} ;; esac")
    result = machine.run("docker/host/doctor")
    assert "no engine: no answer in 30 s at the" in result.stdout
    assert list(states(result)) == IDS


@pytest.mark.parametrize("script", ["exit 0", 'echo "$*"; exit 0', "echo .; exit 0"])
def test_a_program_that_knows_no_version_and_succeeds_is_no_engine(host: Host, script: str) -> None:
    host.add("docker", script)
    said = "no engine: docker prints no version: it is another program"
    assert said in " ".join(host.run("docker/host/doctor", "docker").stdout.split())
    result = host.run("docker/host/check-engine", "docker")
    assert result.returncode == 4
    assert result.stderr == f"check-engine: {said}; see which file it is: command -v docker\n"


def test_an_error_on_stdout_is_read_where_stderr_is_empty(host: Host) -> None:
    machine = make_machine(host, {"python": "3.12"})
    machine.add(
        "docker", "echo \"The command 'docker' could not be found in this WSL 2 distro.\"; exit 1"
    )
    result = machine.run("docker/host/doctor")
    assert "Docker Desktop is not available in this WSL" in result.stdout


@pytest.mark.parametrize("script", [UNKILLABLE, "(trap '' TERM; sleep 20) & exit 9"])
def test_a_driver_that_hangs_has_a_deadline(host: Host, script: str) -> None:
    machine = make_machine(host, {"environment": {"HOST_DEADLINE_SEC": "1"}})
    machine.add("nvidia-smi", script)
    result = machine.run("docker/host/doctor")
    assert states(result)["gpu-driver"] == "fail"
    assert list(states(result)) == IDS


def test_an_engine_whose_every_answer_is_an_error_gets_every_check(host: Host) -> None:
    silent = {question: {"code": 125, "text": ""} for question in QUESTIONS}
    result = make_machine(host, {**silent, "python": "3.12"}).run("docker/host/doctor")
    assert list(states(result)) == IDS


@pytest.mark.parametrize("noise", ["WARNING: No swap limit support", "Emulate Docker CLI", ""])
def test_warnings_among_an_engines_answers_change_nothing(host: Host, noise: str) -> None:
    quiet = make_machine(host, {}).run("docker/host/doctor").stdout
    noisy = {
        question: f"{noise}\n{ANSWERS[question]}"
        for question in QUESTIONS
        if isinstance(ANSWERS[question], str)
    }
    assert make_machine(host, noisy).run("docker/host/doctor").stdout == quiet


def test_an_engine_that_hangs_in_mid_list_is_not_asked_again(host: Host) -> None:
    change = {"memory": {"code": 124, "text": ""}, "lacks": ["nvidia-smi"]}
    result = make_machine(host, change).run("docker/host/doctor")
    assert list(states(result)) == IDS
    questions = [call for call in host.called if call.startswith("docker")]
    assert questions[-1] == "docker info --format {{.MemTotal}}"
