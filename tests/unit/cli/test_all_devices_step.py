"""Which devices a command takes with `--device all` and `--ranks`."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.doctor.machines import DRIVER
from support.outcome import Outcome

from workload.cli import signals
from workload.cli.arguments import parse
from workload.cli.options import RunOptions
from workload.cli.session import Session
from workload.cli.steps import all_devices
from workload.core import records
from workload.core.errors import ExitCode, NotSavedError, UnfitError
from workload.core.models.gpu import Driver, Gpu
from workload.core.models.rank import Rank
from workload.core.models.record import Record
from workload.hardware.driver_codes import NVML_PERMISSION
from workload.hardware.nvml import HardwareError
from workload.ranks import resources

GPUS = tuple(replace(DRIVER.gpus[0], index=index, uuid=f"GPU-{index}") for index in range(4))
LOST = Gpu(4, None, None, None, None, None, None, "GPU is lost", 15)
OTHERS = Gpu(5, None, None, None, None, None, None, "Insufficient Permissions", NVML_PERMISSION)


def options(line: str) -> RunOptions:
    parsed = parse(line.split())
    assert isinstance(parsed, RunOptions)
    return parsed


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the driver list these GPUs, or not answer."""

    def lists(*gpus: Gpu, error: HardwareError | None = None) -> None:
        def ask() -> Driver:
            if error:
                raise error
            return Driver("580.65.06", "13.0", gpus)

        monkeypatch.setattr(all_devices, "driver_visible", lambda: True)
        monkeypatch.setattr(all_devices, "ask_driver", ask)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    return lists


def indices(line: str = "run --device all") -> list[int]:
    """The GPUs of the ranks."""
    return [slot.gpu.index for slot in all_devices.slots_of(options(line)) if slot.gpu]


def test_all_is_every_gpu_also_a_lost_one(driver: Callable[..., None]) -> None:
    driver(*GPUS, LOST)
    assert indices() == [0, 1, 2, 3, 4]


def test_gpus_of_other_containers_are_not_taken(driver: Callable[..., None]) -> None:
    driver(*GPUS[:2], OTHERS)
    assert indices() == [0, 1]


def test_hidden_gpus_are_not_taken(
    driver: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver(*GPUS)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
    assert indices() == [3, 1]


@pytest.mark.parametrize("gpus", [(), GPUS[:1]])
def test_with_one_gpu_all_is_cuda(gpus: tuple[Gpu, ...], driver: Callable[..., None]) -> None:
    driver(*gpus)
    assert indices() == []
    assert all_devices.of_one(options("run --device all")).device == "cuda"


def test_a_driver_without_nvml_leaves_the_one_gpu(driver: Callable[..., None]) -> None:
    driver(error=HardwareError("NVML: Driver Not Loaded"))
    assert indices() == []


def test_another_device_stays() -> None:
    assert all_devices.of_one(options("run --device cuda:1")).device == "cuda:1"
    assert all_devices.slots_of(options("run --device cuda:1")) == []


def test_one_rank_is_one_process() -> None:
    assert all_devices.slots_of(options("run --device cpu --ranks 1")) == []
    assert len(all_devices.slots_of(options("run --device cpu --ranks 2"))) == 2


def test_ranks_that_do_not_fit_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = replace(resources.read_limits(), memory_available_bytes=10**9)
    monkeypatch.setattr(resources, "read_limits", lambda: limits)
    with pytest.raises(UnfitError, match=r"8 ranks need 2\.4 GB of memory, 1 GB is available"):
        all_devices.slots_of(options("run --device cpu --ranks 8"))


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        ("run --ranks 2", "--ranks divides the CPUs: give --device cpu too"),
        ("run --device cuda --ranks 2", "for every GPU, give only --device all"),
        ("run --device all --ranks 2", "for every GPU, give only --device all"),
        ("run --device cpu --ranks 0", "'0' is not a whole number from 1 to 256"),
        ("run --device each", "'each' is not a device: use auto, cpu, cuda, cuda:N or all"),
        ("doctor --device all", "--device all needs --deep"),
        ("doctor --device cpu --ranks 2", "--ranks needs --deep"),
        ("doctor --device all --deep --facts", "--bundle and --facts are for one process"),
        ("doctor --device all --deep --bundle x", "--bundle and --facts are for one process"),
        ("train --device all", "'all' is not a device: use auto, cpu, cuda or cuda:N"),
    ],
)
def test_what_contradicts_itself_is_refused(
    line: str, refusal: str, workload: Callable[..., Outcome]
) -> None:
    outcome = workload(*line.split())
    assert outcome.code == ExitCode.BAD_INPUT
    assert refusal in outcome.stderr


@pytest.mark.parametrize(
    ("codes", "worst"),
    [
        ((0, 0), ExitCode.OK),
        ((0, None), ExitCode.UNFIT),
        ((3, None), ExitCode.WRONG_NUMBERS),
        ((0, 1), ExitCode.BUG),
        ((6, 4), ExitCode.UNFIT),
    ],
)
def test_the_exit_code_is_that_of_the_worst_rank(
    codes: tuple[int | None, ...], worst: ExitCode
) -> None:
    found = [
        Rank(rank, "failed", None if code is None else ExitCode(code), None, ())
        for rank, code in enumerate(codes)
    ]
    assert all_devices.code_of(found) is worst


@pytest.mark.parametrize("saved", [True, False])
def test_the_results_of_ranks_stay_until_the_record_is_saved(
    saved: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_record: Record, _folder: Path) -> Path:
        raise NotSavedError("no space: free some")

    removed: list[bool] = []
    session = Session(options(f"run --device cpu --output {tmp_path}"), ())
    session.collect_at_end(lambda: None, lambda: removed.append(True))
    monkeypatch.setattr(signals, "serve", lambda _save: None)
    if not saved:
        monkeypatch.setattr(records, "save", refuse)
    session.run(lambda _session: ExitCode.OK)
    assert removed == [True] * saved
