"""What `workload doctor` prints: the verdict and what failed on top, passes in one line."""

from workload.core.models.action import Action, Advice
from workload.core.models.finding import Finding, State
from workload.doctor.checks.registry import CHECKS
from workload.report.terminal.findings import report, trouble_lines, verdict_line
from workload.report.terminal.summary import action_words
from workload.report.terminal.tables import wrapped

PASSED = Finding("disk", State.PASS, "9 GB free", "it matters", "do it")
WARNED = Finding("shm", State.WARN, "64 MB", "workers need more", "--shm-size=1g", "https://docs")
FAILED = Finding("mig", State.FAIL, "MIG is on", "no slice", "turn MIG off:\nnvidia-smi -mig 0")
UNKNOWN = Finding("clock", State.UNKNOWN, "cannot be checked")
NO_GPU = [Finding(id_, State.NOT_APPLICABLE, "no GPU found") for id_ in ("ecc", "pcie")]
NOT_DEEP = Finding("burn-in", State.NOT_APPLICABLE, "runs with --deep only")


def test_the_verdict_comes_first_then_failures_warnings_unknowns_and_passes() -> None:
    lines = report([PASSED, UNKNOWN, *NO_GPU, WARNED, FAILED])
    labels = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert labels == ["doctor", "FAIL", "WARN", "unknown", "pass", "n/a"]


def test_a_failure_is_followed_by_why_fix_and_link() -> None:
    assert report([WARNED])[1:] == [
        "WARN       shm: 64 MB",
        "           why: workers need more",
        "           fix: --shm-size=1g",
        "           https://docs",
    ]


def test_a_command_of_a_fix_stands_alone_on_its_line() -> None:
    lines = report([FAILED])
    assert lines[-2:] == ["           fix: turn MIG off:", "             nvidia-smi -mig 0"]


def test_a_command_of_a_fix_fits_into_80_columns() -> None:
    commands = [line for check in CHECKS for line in check.explanation.fix.splitlines()[1:]]
    assert commands
    assert max(map(len, commands)) <= 80 - len("             ")


def test_passes_are_named_in_one_line() -> None:
    assert report([PASSED, PASSED])[1:] == ["pass       disk, disk"]


def test_what_does_not_apply_takes_one_line_by_reason() -> None:
    assert report([*NO_GPU, NOT_DEEP])[1:] == [
        "n/a        no GPU found (2 checks); runs with --deep only (burn-in)"
    ]


def test_the_verdict_counts_the_states() -> None:
    assert verdict_line([PASSED, WARNED]) == "doctor     WARN: 1 warning, 1 passed"
    assert verdict_line([PASSED]) == "doctor     PASS: 1 passed"


def test_a_machine_that_is_asked_for_an_action_does_not_pass() -> None:
    asked = Advice(Action.RESET_GPU, "GPU 0: the driver asks for a reset of the GPU")
    assert report([PASSED], advice=asked)[0] == (
        "doctor     WARN: 1 passed; action: reset-gpu "
        "(GPU 0: the driver asks for a reset of the GPU)"
    )
    assert report([PASSED], advice=Advice(Action.NONE, "nothing is wrong"))[0] == (
        "doctor     PASS: 1 passed; action: none"
    )


def test_no_line_ends_before_the_action_that_scripts_read() -> None:
    asked = Advice(Action.CONTACT_SUPPORT, "GPU 0: it came back")
    for words in range(40, 100):
        line = f"doctor     {'x' * words}; {action_words(asked)}"
        assert "; action: contact-support" in wrapped(line, 100)


def test_an_unknown_result_fails_the_verdict_only_with_strict() -> None:
    assert verdict_line([UNKNOWN]) == "doctor     PASS: 1 unknown"
    assert verdict_line([UNKNOWN], strict=True) == "doctor     FAIL: 1 unknown"


def test_no_findings_are_a_failure() -> None:
    assert verdict_line([]) == "doctor     FAIL: no check ran"


def test_a_run_shows_a_line_for_each_failure_and_warning() -> None:
    assert trouble_lines([WARNED, PASSED, FAILED]) == [
        "FAIL       mig: MIG is on",
        "WARN       shm: 64 MB",
    ]


def test_control_characters_of_a_text_are_not_printed() -> None:
    (_, line) = report([Finding("home", State.UNKNOWN, "a\x1b[31mb")])
    assert line == "unknown    home: a?[31mb"
