"""Checks of the results of `--deep`: matmuls, memory and the GPU's sensors under load."""

from workload.core.models.facts import DEEP, Facts
from workload.core.models.stress import BurnIn, Deep
from workload.core.units import format_bytes, format_rate, plural
from workload.doctor.checks.check import (
    WRONG,
    CheckResult,
    Need,
    check,
    failed,
    known,
    passed,
    unknown,
    warned,
    worst,
)
from workload.doctor.checks.machine import emulator_of
from workload.hardware.sensors import UNCORRECTABLE

# If the rate of a GPU in the last quarter of the test is below this share of its rate in the first
# quarter, the GPU is too hot or its power supply too weak. The speed of a CPU is not checked,
# because other programs may slow it down as well.
STEADY_SHARE = 0.9
LONGER = "give the test more time:\nworkload doctor --deep --budget 600"
NO_MATMUL = ("no matmul was completed", "whether the device works under load is unknown")

ASKED = Need("not-deep", "runs with --deep only", lambda facts: facts.depth == DEEP)
BURNED = Need(
    "no-device", "there is no device for the stress test", lambda facts: facts.deep is not None
)
NOT_CPU = Need(
    "cpu-burned",
    "not supported by the CPU",
    lambda facts: facts.deep is None or facts.deep.device != "cpu",
)


@check(
    "burn-in",
    asks="Are all results correct and is the speed steady under load?",
    why="this device computes wrong results, so none of its results can be trusted",
    fix="run the test again; improve cooling, undo overclocking, update driver and firmware; "
    "replace the device if it fails again",
    link="https://research.google/pubs/cores-that-dont-count/",
    needs=(ASKED, BURNED),
)
def burn_in(facts: Facts) -> CheckResult:
    """Check every element of the matmuls, and the speed of a GPU."""
    deep = known(facts.deep)
    burned = deep.burn_ins
    if not burned:
        return _not_run(deep, *NO_MATMUL)
    results = [_judge_dtype(one, deep) for one in burned]
    wrong = [result for result in results if result.case == WRONG]  # more severe than an error
    result = worst(wrong or results)
    if result.case != "pass":
        return result
    matmuls, elements = (
        sum(getattr(one, name) for one in burned) for name in ("products", "elements")
    )
    rates = (
        f"GFLOP/s from the first to the last quarter of the test: {', '.join(map(_rates, burned))}"
    )
    return passed(
        f"{plural(matmuls, 'matmul')} on {burned[0].device}: all {elements} elements correct; "
        f"{'no rate because the CPU is emulated' if emulator_of(facts) else rates}"
    )


def _judge_dtype(burned: BurnIn, deep: Deep) -> CheckResult:
    where = f"{burned.dtype} on {burned.device}"
    if burned.wrong_elements:
        return failed(
            f"{burned.wrong_products} of {burned.products} matmuls in {where} are wrong; "
            f"mismatches in total: {burned.wrong_elements}, in the first wrong matmul "
            f"(number {burned.first_wrong}): {burned.first_wrong_elements}",
            case=WRONG,
        )
    if burned.error is not None:
        return failed(
            f"a matmul in {where} failed after {burned.products} correct ones ({burned.error})",
            case="error",
            why="the device stops working under load",
        )
    if not burned.products:
        return _not_run(deep, *NO_MATMUL)
    if _slowed(burned):
        return warned(
            f"{burned.device} slowed down under load: {_rates(burned)} GFLOP/s",
            case="slowed",
            why="high temperature or a power limit slows it down, so measured rates change",
            fix="improve cooling; see the check burn-watch",
        )
    return passed(f"{where} is correct")


def _not_run(deep: Deep, found: str, why: str) -> CheckResult:
    if deep.elapsed_sec < deep.budget_sec:
        return unknown("the stress test ended before this check", case="interrupted")
    return failed(found, case="not_run", why=why, fix=LONGER)


def _slowed(burned: BurnIn) -> bool:
    first, last = burned.first_gflops, burned.last_gflops
    on_gpu = burned.device != "cpu"
    return on_gpu and first is not None and last is not None and last < STEADY_SHARE * first


def _rates(burned: BurnIn) -> str:
    """Return the rates in the first and the last quarter of the test: `float32 210 to 208`."""
    first, last = burned.first_gflops, burned.last_gflops
    if first is None or last is None:
        return f"{burned.dtype} unknown"
    return f"{burned.dtype} {format_rate(first)} to {format_rate(last)}"


@check(
    "memory-pattern",
    asks="Does memory keep every pattern written to it?",
    why="stored data changes, so no result of this machine can be trusted",
    fix="run the test again; see the ecc check and the kernel's log; test host memory with a "
    "memory tester such as memtest86+, and a GPU with NVIDIA's field diagnostic; replace the "
    "part that fails",
    link="https://www.memtest.org/",
    needs=(ASKED, BURNED),
)
def memory_pattern(facts: Facts) -> CheckResult:
    """Check that memory kept the patterns that were written."""
    deep = known(facts.deep)
    memory = deep.memory
    if memory is None or not (memory.compared_bytes or memory.error):
        why = "it is unknown whether memory keeps what is written"
        return _not_run(deep, "no pattern was written and read back", why)
    compared = format_bytes(memory.compared_bytes)
    if memory.wrong_words:
        return failed(
            f"the memory of {memory.device} changed; wrong 8-byte words: {memory.wrong_words} in "
            f"{compared} (first: {memory.first_wrong})",
            case=WRONG,
        )
    if memory.error is not None:
        return failed(
            f"the memory of {memory.device} could not be tested ({memory.error})",
            case="error",
            why="its state is unknown",
            fix="free memory or raise the container's limit, and run the test again",
        )
    return passed(
        f"{format_bytes(memory.tested_bytes)} of memory on {memory.device} kept "
        f"{plural(memory.patterns, 'pattern')}; {compared} were read back and compared"
    )


@check(
    "burn-watch",
    asks="Did the GPU run under load without memory errors and slowdowns?",
    why="a GPU that overheats or has memory errors, even corrected ones, is likely to fail or "
    "slow down",
    fix="improve cooling; replace the GPU if the error counters keep rising after a reset:\n"
    "sudo nvidia-smi --gpu-reset -i INDEX",
    link="https://docs.nvidia.com/deploy/gpu-debug-guidelines/",
    needs=(ASKED, BURNED, NOT_CPU),
)
def burn_watch(facts: Facts) -> CheckResult:
    """Check the GPU's error counters and clocks during the stress test."""
    deep = known(facts.deep)
    gpu, watch = f"{deep.device} {deep.name}", deep.watch
    if watch is None or watch.risen is None:
        found = f"error counters are not reported by the driver for {gpu}"
        return unknown(found, case="unwatched")
    counted = ", ".join(f"{count} {name}" for name, count in watch.risen.items())
    if UNCORRECTABLE & watch.risen.keys():
        return failed(f"{gpu} had errors under load: {counted}", case="errors")
    if watch.risen:
        return warned(f"{gpu} had errors under load: {counted}", case="repaired")
    if watch.throttled:
        reasons = ", ".join(watch.throttled)
        return warned(f"{gpu} was slowed down under load ({reasons})", case="throttled")
    temperature = _shown("at most {:.0f} °C", watch.highest_celsius)
    clocks = _shown("{:.0f} to {:.0f} MHz", watch.lowest_mhz, watch.highest_mhz)
    return passed(f"{gpu}: temperature {temperature}, clocks {clocks}, no new errors")


def _shown(template: str, *numbers: float | None) -> str:
    return "unknown" if None in numbers else template.format(*numbers)
