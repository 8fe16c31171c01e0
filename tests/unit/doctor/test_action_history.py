"""An action becomes the next one only after records that show it was done and did not help."""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.doctor.machines import DRIVER, machine
from support.fakes.devices import H200, HEALTHY
from support.records.examined import logged, record

from workload.core import records
from workload.core.models.action import Action, Advice
from workload.core.models.record import Record
from workload.core.models.xid import Xid
from workload.doctor.actions import history
from workload.doctor.actions.decide import advise
from workload.doctor.actions.history import MAX_BYTES, MAX_RECORDS, earlier_records

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR_SEC = 3600
# An hour apart, on the machine below, or as `changes` say.
Run = Callable[..., Advice]


def booted(hours: float) -> float:
    """When the machine was started, after the first run."""
    return START.timestamp() + hours * HOUR_SEC


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run on a machine with a fault, and keep the record beside those before."""
    runs: list[int] = []

    def once(hours: float | None = None, sec: float = 1.0, **changes: Any) -> Advice:
        asked = {} if "driver" in changes else {"health__recovery_action": 1}
        at = len(runs) if hours is None else hours
        restart = {"booted_sec": booted(at - 0.5)} if "boot_id" in changes else {}
        xids = changes.pop("seen", None)
        facts = machine(**{"booted_sec": booted(-9), **asked, **restart, **changes})
        begun = START + timedelta(hours=at)
        now = replace(record(facts, xids=xids), started_at=begun, duration_sec=sec)
        found = advise(now, lambda: earlier_records(tmp_path))
        keep(tmp_path / f"run-{len(runs)}.json", now, found)
        runs.append(1)
        return found

    return once


def keep(path: Path, now: Record, found: Advice) -> None:
    path.write_bytes(records.dump(replace(now, action=found.action, gpus=found.gpus)))


def actions(found: Sequence[Advice]) -> list[str]:
    return [str(one.gpus[0].action) for one in found]


def test_three_runs_on_an_untouched_machine_give_the_same_action(run: Run) -> None:
    assert actions([run(), run(), run()]) == ["reset-gpu"] * 3


def test_a_fault_that_comes_back_after_a_reset_asks_for_a_reboot(run: Run) -> None:
    run(gpu__ecc_uncorrected=5)
    found = run(gpu__ecc_uncorrected=1)
    assert found.action is Action.REBOOT
    assert found.evidence[-1] == (
        "the fault came back after a reset of the GPU; reset-gpu was advised on 2026-11-01 00:00"
    )


def test_a_fault_that_comes_back_after_a_restart_is_escalated_once(run: Run) -> None:
    run()
    assert run(boot_id="boot-2").action is Action.REBOOT
    assert run(boot_id="boot-2", booted_sec=booted(0.5)).action is Action.REBOOT
    assert run(boot_id="boot-3").action is Action.CONTACT_SUPPORT
    assert run(boot_id="boot-3", booted_sec=booted(2.5)).action is Action.CONTACT_SUPPORT


def test_a_boot_id_of_each_container_is_no_restart(run: Run) -> None:
    found = [run(boot_id=f"container-{number}", booted_sec=booted(-9)) for number in range(4)]
    assert actions(found) == ["reset-gpu"] * 4
    assert run(boot_id="another", booted_sec=None).action is Action.RESET_GPU


def test_without_a_reset_nothing_is_escalated(run: Run) -> None:
    run(gpu__ecc_uncorrected=5)
    assert run(gpu__ecc_uncorrected=6).action is Action.RESET_GPU


def test_counters_that_each_program_sets_back_show_no_reset(run: Run) -> None:
    run(gpu__ecc_uncorrected=5, gpu__persistence=False)
    found = run(gpu__ecc_uncorrected=1, gpu__persistence=False)
    assert found.action is Action.RESET_GPU


def test_the_line_of_the_log_from_before_a_reset_is_no_new_fault(run: Run) -> None:
    asked = {"health__recovery_action": None, "xids": (logged(48),)}
    run(gpu__ecc_uncorrected=5, **asked)
    assert run(gpu__ecc_uncorrected=0, **asked).action is Action.RESET_GPU


@pytest.mark.parametrize(
    "changes",
    [
        {"xids": (logged(48), logged(48, at_sec=99.0))},
        {"xids": (logged(48),), "seen": [Xid("0000:65:00.0", 48, "", None, during_run=True)]},
    ],
    ids=["in the log", "during the run"],
)
def test_a_new_xid_after_a_reset_asks_for_a_reboot(run: Run, changes: dict[str, Any]) -> None:
    unknown = {"health__recovery_action": None}
    run(gpu__ecc_uncorrected=5, xids=(logged(48),), **unknown)
    assert run(gpu__ecc_uncorrected=0, **unknown, **changes).action is Action.REBOOT


def test_another_gpu_starts_from_the_beginning(run: Run) -> None:
    run()
    health = replace(HEALTHY.health, recovery_action=1)  # type: ignore[type-var]  # it has one
    other = replace(H200, uuid="GPU-0001", state=replace(HEALTHY, health=health))
    assert run(boot_id="boot-2", driver=replace(DRIVER, gpus=(other,))).action is Action.RESET_GPU


def test_another_fault_starts_from_the_beginning(run: Run) -> None:
    run()
    found = run(boot_id="boot-2", health__recovery_action=6)
    assert found.action is Action.RESET_GPU


def test_a_programs_fault_is_never_escalated(run: Run) -> None:
    asked = {"health__recovery_action": None, "xids": (logged(13),)}
    found = [run(boot_id=f"boot-{number}", **asked) for number in range(4)]
    assert actions(found) == ["restart-app"] * 4


def test_a_record_of_the_future_shows_no_order(run: Run) -> None:
    run(hours=9, gpu__ecc_uncorrected=5)
    assert run(hours=1, gpu__ecc_uncorrected=1, boot_id="boot-2").action is Action.RESET_GPU


def test_a_run_at_the_same_time_shows_no_order(run: Run) -> None:
    run(hours=0, sec=2 * HOUR_SEC, gpu__ecc_uncorrected=5)
    assert run(hours=1, gpu__ecc_uncorrected=1).action is Action.RESET_GPU


@pytest.mark.parametrize("change", [b"", b"{", b'{"schema_version": 3}', b"\xff\x00"])
def test_files_that_are_no_records_hide_none(run: Run, tmp_path: Path, change: bytes) -> None:
    run(gpu__ecc_uncorrected=5)
    (tmp_path / "broken.json").write_bytes(change)
    (tmp_path / "nowhere.json").symlink_to(tmp_path / "gone")
    (tmp_path / "itself.json").symlink_to(tmp_path / "itself.json")
    (tmp_path / "device.json").symlink_to("/dev/zero")
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "fifo.json")
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert run(gpu__ecc_uncorrected=1).action is Action.REBOOT


def test_only_so_many_bytes_of_records_are_read(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(gpu__ecc_uncorrected=5)
    run(gpu__ecc_uncorrected=5)
    os.utime(tmp_path / "run-0.json", (1, 1))
    size = (tmp_path / "run-1.json").stat().st_size
    monkeypatch.setattr(history, "MAX_BYTES", size + 1)
    assert [record.started_at for record in earlier_records(tmp_path)] == [
        START + timedelta(hours=1)
    ]


def test_only_the_newest_records_are_read(run: Run, tmp_path: Path) -> None:
    run(gpu__ecc_uncorrected=5)
    os.utime(tmp_path / "run-0.json", (1, 1))
    for number in range(MAX_RECORDS):
        (tmp_path / f"other-{number}.json").write_bytes(b"{}")
    assert earlier_records(tmp_path) == ()


def test_a_record_of_the_year_one_or_without_an_end_shows_no_order(
    run: Run, tmp_path: Path
) -> None:
    run(gpu__ecc_uncorrected=5)
    (only,) = earlier_records(tmp_path)
    odd = replace(only, started_at=datetime(1, 1, 1, tzinfo=UTC), duration_sec=1e300)
    (tmp_path / "odd.json").write_bytes(records.dump(odd))
    assert run(gpu__ecc_uncorrected=5).action is Action.RESET_GPU
