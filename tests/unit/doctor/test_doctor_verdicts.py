"""Every machine gets the expected findings, and every check and every case has a machine."""

import ast
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.doctor.fault_matrix import faults
from support.doctor.machines import (
    CPU_BUILD,
    CPU_RUN,
    DRIVER,
    GPU_MACHINE,
    GPU_RUNS,
    NO_DRIVER,
    NODES,
    NOT_STARTED,
    OLD_DRIVER,
    machine,
)
from support.doctor.row import Row
from support.doctor.rows import ROWS
from support.fakes.devices import H200, HEALTHY

from workload.core.errors import ExitCode
from workload.core.models.facts import DEFAULT, QUICK, Facts
from workload.core.models.finding import Finding, State
from workload.doctor import exit_code
from workload.doctor.checks import registry
from workload.doctor.checks.check import WRONG
from workload.doctor.checks.registry import CHECKS, run_all

CHECKS_FOLDER = Path(registry.__file__).parent


def findings(facts: Facts) -> dict[str, Finding]:
    return {finding.id: finding for finding in run_all(facts)}


def failing(facts: Facts) -> list[str]:
    return [finding.id for finding in run_all(facts) if finding.state is State.FAIL]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.id}-{row.case}")
def test_each_machine_gets_its_state_and_text(row: Row) -> None:
    found = findings(row.facts)[row.id]
    assert (found.state, found.found) == (row.state, row.found)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.id}-{row.case}")
def test_a_failure_or_warning_says_why_it_matters_and_what_to_do(row: Row) -> None:
    troubles = [
        found for found in findings(row.facts).values() if found.state in (State.FAIL, State.WARN)
    ]
    assert all(found.why and found.fix for found in troubles)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.id}-{row.case}")
def test_device_cuda_ends_in_a_correct_matmul_or_a_failure(row: Row) -> None:
    facts = replace(row.facts, requested_device="cuda", depth=DEFAULT)
    matmul_is_correct = findings(facts)["cublas"].state is State.PASS
    assert matmul_is_correct or failing(facts)


def test_every_case_of_every_check_has_a_machine() -> None:
    met = {(row.id, row.case) for row in ROWS} | {(row["id"], row["case"]) for row in faults()}
    for path in CHECKS_FOLDER.glob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        ids = check_ids(tree)
        cases = {case for id_, case in met if id_ in ids}
        assert not ids or case_arguments(tree) <= cases, path.name


def check_ids(tree: ast.Module) -> set[str]:
    """The ids given to the decorators of a file of checks."""
    decorators = [
        decorator
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
        for decorator in function.decorator_list
    ]
    return {ast.literal_eval(call.args[0]) for call in decorators if isinstance(call, ast.Call)}


def case_arguments(tree: ast.Module) -> set[str]:
    """Every literal `case="..."` of a call."""
    arguments = [node for node in ast.walk(tree) if isinstance(node, ast.keyword)]
    return {
        ast.literal_eval(argument.value)
        for argument in arguments
        if argument.arg == "case" and isinstance(argument.value, ast.Constant)
    }


def test_every_need_has_a_machine_that_does_not_meet_it() -> None:
    met = {row.case for row in ROWS if row.state is State.NOT_APPLICABLE}
    assert {need.id for check in CHECKS for need in check.needs} <= met


def test_no_two_checks_share_an_id() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.id}-{row.case}")
def test_no_text_ends_with_a_full_stop_because_they_are_joined_into_a_line(row: Row) -> None:
    texts = [
        text for found in run_all(row.facts) for text in (found.found, found.why, found.fix) if text
    ]
    assert not [text for text in texts if text.endswith(".")]


def test_a_healthy_gpu_machine_passes_every_check() -> None:
    assert {finding.state for finding in run_all(GPU_MACHINE)} == {State.PASS}


def test_the_first_failure_without_a_driver_is_the_driver() -> None:
    assert failing(machine(**NO_DRIVER)) == ["gpu-driver"]


def test_the_first_failure_of_a_cpu_build_is_the_build() -> None:
    assert failing(machine(**NO_DRIVER | CPU_BUILD)) == ["torch-build", "gpu-driver"]


def test_an_old_driver_is_the_only_failure_it_causes() -> None:
    assert failing(machine(driver=OLD_DRIVER, **NOT_STARTED)) == ["driver-version"]


def test_missing_device_nodes_are_the_only_failure_they_cause() -> None:
    assert failing(machine(device_nodes=(), **NOT_STARTED)) == ["device-nodes"]


def test_a_number_out_of_range_is_the_only_failure_it_causes() -> None:
    assert failing(machine(requested_device="cuda:9")) == ["device-index"]


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_machine_without_a_gpu_is_fit_unless_one_is_requested(device: str) -> None:
    assert not failing(machine(requested_device=device, **NO_DRIVER | CPU_BUILD))


def test_under_auto_a_gpu_that_cannot_be_used_is_a_warning() -> None:
    facts = machine(requested_device="auto", driver=OLD_DRIVER, **NOT_STARTED)
    assert findings(facts)["driver-version"].state is State.WARN


def test_under_auto_a_gpu_that_computes_wrong_numbers_is_a_failure() -> None:
    kernels = (CPU_RUN, replace(GPU_RUNS[0], wrong=1), *GPU_RUNS[1:])
    assert failing(machine(requested_device="auto", torch__kernels=kernels)) == ["gpu-kernel"]


def test_under_auto_a_failure_of_a_gpu_that_is_used_is_a_failure() -> None:
    assert failing(machine(requested_device="auto", gpu__ecc_uncorrected=1)) == ["ecc"]


def test_of_several_gpus_the_worst_counts_where_cuda_did_not_start() -> None:
    broken = replace(H200, index=1, state=replace(HEALTHY, remap_failed=True))
    facts = machine(driver=replace(DRIVER, gpus=(H200, broken, H200)), **NOT_STARTED)
    assert findings(facts)["row-remap"].found == "GPU 1 NVIDIA H200 could not remap a memory row"


def test_of_several_gpus_only_the_requested_one_counts_where_cuda_identifies_it() -> None:
    other = replace(H200, index=1, uuid="GPU-1111", state=replace(HEALTHY, remap_failed=True))
    facts = machine(driver=replace(DRIVER, gpus=(other, H200)))
    assert findings(facts)["row-remap"].state is State.PASS


def test_a_wrong_element_outweighs_an_unfit_environment() -> None:
    wrong = Finding("cublas", State.FAIL, "1 is wrong", case=WRONG)
    unfit = Finding("gpu-driver", State.FAIL, "no driver", case="missing")
    assert exit_code((unfit, wrong)) is ExitCode.WRONG_NUMBERS


def test_quick_fails_where_the_requested_gpu_is_missing() -> None:
    no_driver = {name: value for name, value in NO_DRIVER.items() if "torch" not in name}
    assert failing(machine(torch=None, depth=QUICK, **no_driver)) == ["gpu-driver"]


def test_quick_finds_nothing_wrong_with_a_healthy_gpu_machine() -> None:
    states = {
        finding.state for finding in run_all(machine(torch=None, depth=QUICK, gpu__processes=0))
    }
    assert states == {State.PASS, State.NOT_APPLICABLE}


def test_an_unknown_result_fails_with_strict() -> None:
    unknown = (Finding("shm", State.UNKNOWN, "there is no shared memory"),)
    assert exit_code(unknown, strict=True) is ExitCode.UNFIT


def test_windows_subsystem_for_linux_has_one_node_for_all() -> None:
    node = replace(NODES[0], path="/dev/dxg")
    assert findings(machine(device_nodes=(node,)))["device-nodes"].state is State.PASS


def test_a_cuda_12_build_needs_a_driver_for_cuda_12_only() -> None:
    facts = machine(driver=OLD_DRIVER, torch__cuda_version="12.8")
    assert findings(facts)["driver-version"].state is State.PASS


def test_a_missing_driver_has_text_why_and_fix() -> None:
    found = findings(machine(**NO_DRIVER))["gpu-driver"]
    assert (found.found, found.why, found.fix) == (
        "no NVIDIA driver (NVML: Shared Library Not Found)",
        "CUDA needs the host's driver",
        "on the host, install NVIDIA driver 580 or newer and the NVIDIA Container Toolkit, "
        "and start the container with --gpus all",
    )
    assert found.link == (
        "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/"
    )


def test_the_line_for_an_old_driver_names_the_one_that_is_needed() -> None:
    found = findings(machine(driver=OLD_DRIVER, **NOT_STARTED))["driver-version"]
    assert found.why == "CUDA 13.0 needs driver 580 or newer"


def test_an_error_of_many_lines_becomes_one() -> None:
    found = findings(machine(torch=None, torch_error="first\n\n  second"))["torch-import"]
    assert found.found == "PyTorch cannot be imported (first second)"


def test_braces_in_a_value_stay_as_they_are() -> None:
    found = findings(machine(torch=None, torch_error="{version} {0}"))["torch-import"]
    assert found.found == "PyTorch cannot be imported ({version} {0})"
