"""The steps of a proof, in their order, each with its share of the time."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PLANNED_SEC = 420.0  # the shares and budgets below are those of a proof of seven minutes
SMOKE_SEC = 117.0
STEP_SEC = "GPU_PROOF_STEP_SEC"  # the variable with the time that is really left for a step
PACK_SEC = 3.0  # kept back for the archive
# Modules that a step needs, and the distributions that have them.
DISTRIBUTIONS = {
    "torch": "torch",
    "msgspec": "msgspec",
    "rich": "rich",
    "safetensors": "safetensors",
    "pynvml": "nvidia-ml-py",
    "pytest": "pytest",
    "pytest_benchmark": "pytest-benchmark",
    "pytest_timeout": "pytest-timeout",
    "pygal": "pygal",
    "jinja2": "jinja2",
}
PACKAGE = ("torch", "msgspec", "rich", "safetensors", "pynvml")
TEST_TOOLS = ("pytest", "pytest_benchmark", "pytest_timeout")
PAGE = ("pygal", "jinja2")
# The first compilation takes longer than a step, and the report's page needs no GPU.
CASES = "not compile and not report"

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """One command: what it needs, how long it may take, and which files of it are kept."""

    name: str
    share_sec: float
    command: tuple[str, ...]
    gpu: bool = False  # whether it needs one
    modules: tuple[str, ...] = ()
    keep: tuple[str, str] | None = None  # a pattern in the scratch folder, a name in the proof's
    result: str | None = None  # a pattern in the scratch folder, of a document for the events
    cuda_build: bool = False  # whether it needs a PyTorch for CUDA
    not_applicable: str | None = None  # why it is not taken here at all


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    device: str  # cuda; cpu rehearses the steps of a GPU on the CPU
    budget_sec: float
    smoke: bool = False

    @property
    def target(self) -> str:
        """Return the tests' name of the device."""
        return {"cuda": "gpu", "cpu": "cpu"}[self.device]


def steps(options: Options, scratch: Path) -> list[Step]:
    """Return the steps, with shares that add up to the budget."""
    planned = _planned(options, scratch)
    if options.device == "cpu":
        planned = [_rehearsed(step, options) for step in planned]
    scale = (options.budget_sec - PACK_SEC) / sum(step.share_sec for step in planned)
    return [replace(step, share_sec=scale * step.share_sec) for step in planned]


def _rehearsed(step: Step, options: Options) -> Step:
    """Return a step that needs no GPU."""
    reasons = {"tests-gpu": "a rehearsal on the CPU"}
    if options.smoke:
        reasons["modes"] = "a rehearsal on the CPU, where it takes 40 s"
    reason = reasons.get(step.name)
    share_sec = 0.0 if reason else step.share_sec
    return replace(step, gpu=False, not_applicable=reason, share_sec=share_sec)


def _planned(options: Options, scratch: Path) -> list[Step]:
    """Return the steps, each as a whole or, in a smoke test, with the least that it can do."""
    device, scale = options.device, options.budget_sec / PLANNED_SEC

    def of(whole: T, least: T) -> T:
        return least if options.smoke else whole

    least = ("--budget", "1", "--sizes", "256", "--dtypes", "float32")
    case_sec, cases = of((0.4 * scale, CASES), (0.05, "1024-float32 or launch"))
    case = ("--case-budget", f"{case_sec:.2f}", "-k", cases)
    return [
        _facts(scratch, of(12, 18)),  # the first to import torch, from a disk that may be cold
        _doctor(device, scratch, of(13, 8)),
        _run("gpu", device, scratch, of(80, 15), *of(("--budget", f"{60 * scale:.0f}"), least)),
        _run("cpu", "cpu", scratch, of(40, 13), *of(("--budget", f"{20 * scale:.0f}"), least)),
        _tests(of(60, 8), *of((f"--timeout={45 * scale:.0f}",), ("-k", "auto or memory"))),
        _benchmarks("gpu", options.target, scratch, of(45, 8), *case),
        _benchmarks("cpu", "cpu", scratch, of(35, 8), *case),
        _modes(device, of(45, 8), "--rounds", of("5", "1")),
        _own("determinism", device, scratch, of(25, 10), f"--seconds={of(15 * scale, 1):.0f}"),
        _sweep(device, scratch, of(30, 7), of(20 * scale, 1)),
        _cuts(device, scratch, of(30, 10), *of((), ("--quick",))),
    ]


def _facts(scratch: Path, share_sec: float) -> Step:
    command = (sys.executable, str(HERE / "facts.py"), "--result", str(scratch / "facts.json"))
    return Step("facts", share_sec, command, gpu=False, result="facts.json")


def _doctor(device: str, scratch: Path, share_sec: float) -> Step:
    command = _workload("doctor", "--device", device, "--output", str(scratch / "doctor"))
    return Step("doctor", share_sec, command, False, PACKAGE, result="doctor/*.json")


def _run(kind: str, device: str, scratch: Path, share_sec: float, *options: str) -> Step:
    name = f"run-{kind}"
    command = _workload("run", "--device", device, *options, "--output", str(scratch / name))
    keep = (f"{name}/*.json", f"{name}.json")
    return Step(name, share_sec, command, kind == "gpu", PACKAGE, keep)


def _tests(share_sec: float, *options: str) -> Step:
    command = _pytest("--target", "gpu", "-v", *options, "tests/gpu")
    return Step("tests-gpu", share_sec, command, True, PACKAGE + TEST_TOOLS)


def _benchmarks(kind: str, target: str, scratch: Path, share_sec: float, *options: str) -> Step:
    name = f"benchmarks-{kind}"
    record = f"--benchmark-json={scratch / name}.json"
    command = _pytest("--target", target, record, *options, "tests/benchmarks")
    modules = PACKAGE + TEST_TOOLS + PAGE
    return Step(name, share_sec, command, kind == "gpu", modules, (f"{name}.json", f"{name}.json"))


def _modes(device: str, share_sec: float, *options: str) -> Step:
    program = str(ROOT / "tests/benchmarks/mode_targets.py")
    command = (sys.executable, program, "--device", device, "--without", "compile", *options)
    return Step("modes", share_sec, command, True, PACKAGE)


def _sweep(device: str, scratch: Path, share_sec: float, seconds: float) -> Step:
    program = str(HERE.parent / "record_sweep.py")
    path = str(scratch / "sweep.json")
    what = ("--device", device, "--dtype", "bfloat16", "--readings", "1", "--output", path)
    command = (sys.executable, program, *what, "--seconds", f"{seconds:.0f}")
    return Step("sweep", share_sec, command, True, PACKAGE, ("sweep.json", "sweep.json"))


def _own(name: str, device: str, scratch: Path, share_sec: float, *options: str) -> Step:
    """Return a step that a program beside this file does; it writes its result as it goes."""
    result = f"{name}.json"
    command = (sys.executable, str(HERE / f"{name}.py"), "--device", device, *options)
    command += ("--result", str(scratch / result))
    return Step(name, share_sec, command, True, PACKAGE, result=result)


def _cuts(device: str, scratch: Path, share_sec: float, *options: str) -> Step:
    """Return the step about files that a CPU build of PyTorch does not have."""
    return replace(_own("cuts", device, scratch, share_sec, *options), cuda_build=True)


def _workload(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "workload", *arguments)


def _pytest(*arguments: str) -> tuple[str, ...]:
    """Return a pytest command with the named plugins alone, in which warnings are not errors."""
    plugins = ("-p", "no:cacheprovider", "-p", "pytest_benchmark.plugin", "-p", "pytest_timeout")
    return (sys.executable, "-m", "pytest", *plugins, "-o", "filterwarnings=default", *arguments)
