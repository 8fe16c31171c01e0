"""Every fault has its id, state and words, and every check and every word its fault."""

from dataclasses import replace

import pytest
from support.doctor.fault_matrix import faults
from support.doctor.machines import (
    CPU_BUILD,
    CPU_RUN,
    DRIVER,
    GPU_MACHINE,
    GPU_RUNS,
    NO_DRIVER,
    NOT_STARTED,
    OLD_DRIVER,
    machine,
)
from support.doctor.rows import ROWS, Row
from support.fakes.devices import H200, HEALTHY

from workload.core.errors import ExitCode
from workload.core.results import Finding, State
from workload.doctor import exit_code
from workload.doctor.checks.registry import CHECKS, judge
from workload.doctor.checks.verdicts import CRASHED, NO_CHECKS, WRONG, Check, passed, run_checks
from workload.doctor.checks.wording import check_words, explain, reasons, word
from workload.doctor.probes.facts import DEFAULT, QUICK, Facts


def findings(facts: Facts) -> dict[str, Finding]:
    return {finding.id: finding for finding in word(judge(facts))}


def failing(facts: Facts) -> list[str]:
    return [verdict.id for verdict in judge(facts) if verdict.state is State.FAIL]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.id}-{row.case}")
def test_each_machine_gets_its_verdict_and_its_words(row: Row):
    found = findings(row.facts)[row.id]
    assert (found.state, found.found) == (row.state, row.found)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.id}-{row.case}")
def test_a_failure_or_warning_says_why_it_matters_and_what_to_do(row: Row):
    troubles = [
        found for found in findings(row.facts).values() if found.state in (State.FAIL, State.WARN)
    ]
    assert all(found.why and found.fix for found in troubles)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.id}-{row.case}")
def test_whoever_insists_on_a_gpu_gets_a_right_product_or_a_failure(row: Row):
    facts = replace(row.facts, requested_device="cuda", depth=DEFAULT)
    product_is_right = findings(facts)["cublas"].state is State.PASS
    assert product_is_right or failing(facts)


def test_no_words_lack_a_machine_and_no_machine_lacks_words():
    met = {(row.id, row.case) for row in ROWS} | {(row["id"], row["case"]) for row in faults()}
    apart = {(CRASHED, CRASHED), ("doctor", NO_CHECKS)}  # tested below
    words = {(id_, case) for id_, check in check_words().items() for case in check.cases}
    given = {case for _, case in met - words}
    assert (words - met, given) == (apart, reasons().keys())


def test_every_check_has_words_and_no_words_are_of_no_check():
    assert check_words().keys() == {check.id for check in CHECKS} | {CRASHED, "doctor"}


def test_words_stand_in_the_order_of_the_checks():
    assert list(check_words())[2:] == [check.id for check in CHECKS]


def test_what_stands_for_a_check_speaks_of_no_single_machine():
    texts = [text for id_ in check_words() for text in vars(explain(id_)).values()]
    assert not [text for text in texts if text and "{" in text]


def test_no_check_lacks_a_healthy_machine():
    assert {row.id for row in ROWS if row.state is State.PASS} == {check.id for check in CHECKS}


def test_no_two_checks_share_an_id():
    assert len({check.id for check in CHECKS}) == len(CHECKS)


def test_words_end_without_a_full_stop_for_they_are_joined_into_a_line():
    checks = check_words().values()
    words = [*checks, *(case for check in checks for case in check.cases.values())]
    texts = [getattr(one, name, None) for one in words for name in ("found", "why", "fix")]
    assert not [text for text in texts if text and text.endswith(".")]


def test_a_healthy_gpu_machine_passes_every_check():
    assert {verdict.state for verdict in judge(GPU_MACHINE)} == {State.PASS}


def test_the_first_failure_without_a_driver_is_the_driver():
    assert failing(machine(**NO_DRIVER)) == ["gpu-driver"]


def test_the_first_failure_of_a_cpu_build_is_the_build():
    assert failing(machine(**NO_DRIVER | CPU_BUILD)) == ["torch-build", "gpu-driver"]


def test_an_old_driver_is_the_only_failure_it_causes():
    assert failing(machine(driver=OLD_DRIVER, **NOT_STARTED)) == ["driver-version"]


def test_missing_device_nodes_are_the_only_failure_they_cause():
    assert failing(machine(device_nodes=(), **NOT_STARTED)) == ["device-nodes"]


def test_a_number_out_of_range_is_the_only_failure_it_causes():
    assert failing(machine(requested_device="cuda:9")) == ["device-index"]


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_machine_without_a_gpu_is_fit_unless_one_is_asked_for(device: str):
    assert not failing(machine(requested_device=device, **NO_DRIVER | CPU_BUILD))


def test_under_auto_a_gpu_that_cannot_be_used_is_a_warning():
    facts = machine(requested_device="auto", driver=OLD_DRIVER, **NOT_STARTED)
    assert findings(facts)["driver-version"].state is State.WARN


def test_under_auto_a_gpu_that_computes_wrong_numbers_is_a_failure():
    kernels = (CPU_RUN, replace(GPU_RUNS[0], wrong=1), *GPU_RUNS[1:])
    assert failing(machine(requested_device="auto", torch__kernels=kernels)) == ["gpu-kernel"]


def test_under_auto_what_fails_on_a_gpu_that_is_taken_all_the_same_is_a_failure():
    assert failing(machine(requested_device="auto", card__ecc_uncorrected=1)) == ["ecc"]


def test_of_several_cards_the_worst_answers_for_all_where_cuda_did_not_start():
    broken = replace(H200, index=1, state=replace(HEALTHY, remap_failed=True))
    facts = machine(driver=replace(DRIVER, gpus=(H200, broken, H200)), **NOT_STARTED)
    assert (
        findings(facts)["row-remap"].found == "GPU 1 NVIDIA H200 could not replace a broken "
        "memory row"
    )


def test_of_several_cards_only_the_one_asked_for_counts_where_cuda_tells_which():
    other = replace(H200, index=1, uuid="GPU-1111", state=replace(HEALTHY, remap_failed=True))
    facts = machine(driver=replace(DRIVER, gpus=(other, H200)))
    assert findings(facts)["row-remap"].state is State.PASS


def test_a_wrong_element_outweighs_an_unfit_environment():
    wrong = Finding("cublas", State.FAIL, "1 is wrong", case=WRONG)
    unfit = Finding("gpu-driver", State.FAIL, "no driver", case="missing")
    assert exit_code((unfit, wrong)) is ExitCode.WRONG_NUMBERS


def test_a_quick_look_for_a_gpu_that_is_not_here_fails():
    no_driver = {name: value for name, value in NO_DRIVER.items() if "torch" not in name}
    assert failing(machine(torch=None, depth=QUICK, **no_driver)) == ["gpu-driver"]


def test_a_quick_look_at_a_healthy_gpu_machine_finds_nothing():
    states = {
        verdict.state for verdict in judge(machine(torch=None, depth=QUICK, card__processes=0))
    }
    assert states == {State.PASS, State.NOT_APPLICABLE}


def test_what_could_not_be_told_fails_where_strict():
    unknown = (Finding("shm", State.UNKNOWN, "there is no shared memory"),)
    assert exit_code(unknown, strict=True) is ExitCode.UNFIT


def test_windows_subsystem_for_linux_has_one_node_for_all():
    node = replace(GPU_MACHINE.device_nodes[0], path="/dev/dxg")
    assert findings(machine(device_nodes=(node,)))["device-nodes"].state is State.PASS


def test_a_cuda_12_build_is_content_with_a_driver_for_cuda_12():
    facts = machine(driver=OLD_DRIVER, torch__cuda_version="12.8")
    assert findings(facts)["driver-version"].state is State.PASS


def test_the_line_for_a_missing_driver_says_what_why_and_what_to_do():
    found = findings(machine(**NO_DRIVER))["gpu-driver"]
    assert (found.found, found.why, found.fix) == (
        "no NVIDIA driver (NVML: Shared Library Not Found)",
        "CUDA needs the host's driver",
        "on the host install driver 580 or newer and the NVIDIA Container Toolkit, "
        "and start the container with --gpus all",
    )
    assert found.link == (
        "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/"
    )


def test_the_line_for_an_old_driver_names_the_one_that_is_needed():
    found = findings(machine(driver=OLD_DRIVER, **NOT_STARTED))["driver-version"]
    assert found.why == "CUDA 13.0 needs driver 580 or newer"


def test_an_error_of_many_lines_becomes_one():
    found = findings(machine(torch=None, torch_error="first\n\n  second"))["torch-import"]
    assert found.found == "PyTorch cannot be imported (first second)"


def test_braces_in_a_value_stay_as_they_are():
    found = findings(machine(torch=None, torch_error="{version} {0}"))["torch-import"]
    assert found.found == "PyTorch cannot be imported ({version} {0})"


def crash(_: Facts):
    raise ZeroDivisionError("division by zero")


def test_a_check_that_crashes_fails_and_says_so():
    (found,) = word(run_checks((Check("new", crash),), GPU_MACHINE))
    assert (found.id, found.state, found.found) == (
        "new-crashed",
        State.FAIL,
        "this check crashed (ZeroDivisionError: division by zero)",
    )


def test_a_check_that_crashes_does_not_stop_the_others():
    checks = (Check("new", crash), Check("tmp", lambda _: passed(tmp="/elsewhere")))
    assert [verdict.state for verdict in run_checks(checks, GPU_MACHINE)] == [
        State.FAIL,
        State.PASS,
    ]


def test_no_checks_is_a_failure():
    (found,) = word(run_checks((), GPU_MACHINE))
    assert (found.state, found.found) == (State.FAIL, "no check ran")


def test_no_findings_are_unfit():
    assert exit_code(()) is ExitCode.UNFIT


def test_what_could_not_be_told_does_not_fail():
    assert exit_code((Finding("shm", State.UNKNOWN, "there is no shared memory"),)) is ExitCode.OK
