"""Checkpoints are whole or refused; a resumed run equals an uninterrupted one bit for bit."""

import json
import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec import structs
from support.outcome import Outcome

from workload.core.errors import BadInputError, ExitCode, NotSavedError, UnfitError
from workload.core.models.device import DeviceInfo
from workload.core.models.train import TrainResult
from workload.core.train_spec import PRESETS
from workload.train import checkpoint
from workload.train.loop import train

SPEC = replace(PRESETS["book"], steps=250)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, cpu: DeviceInfo) -> bytes:
    path = tmp_path_factory.mktemp("trained") / "run.safetensors"
    train(SPEC, cpu, checkpoint_path=path)
    return path.read_bytes()


@pytest.fixture
def written(tmp_path: Path, trained: bytes) -> Path:
    """A checkpoint at step 250, the test's own copy."""
    path = tmp_path / "run.safetensors"
    path.write_bytes(trained)
    return path


def bits(result: TrainResult) -> tuple[object, ...]:
    return result.losses, result.weights_sha256


def test_a_resumed_run_is_bit_identical_to_an_uninterrupted_one(
    tmp_path: Path, cpu: DeviceInfo
) -> None:
    path = tmp_path / "run.safetensors"
    train(replace(SPEC, steps=130), cpu, checkpoint_path=path, checkpoint_every=7)
    resumed = train(SPEC, cpu, checkpoint_path=path, resume=True)
    assert resumed.resumed_from_step == 130
    assert bits(resumed) == bits(train(SPEC, cpu))


def with_threads(cpu: DeviceInfo, threads: int, usable: int) -> DeviceInfo:
    return structs.replace(cpu, threads=threads, usable_cpus=usable)


def test_a_resumed_run_takes_the_threads_of_its_checkpoint(tmp_path: Path, cpu: DeviceInfo) -> None:
    path = tmp_path / "run.safetensors"
    one, two = (with_threads(cpu, count, usable=2) for count in (1, 2))
    train(replace(SPEC, steps=130), one, checkpoint_path=path)
    told: list[int] = []
    resumed = train(
        SPEC,
        two,
        checkpoint_path=path,
        resume=True,
        on_device=lambda device: told.append(device.threads),
    )
    assert (checkpoint.read(path).threads, resumed.threads, told) == (1, 1, [1])
    assert bits(resumed) == bits(train(SPEC, one))


def test_more_threads_than_this_machine_has_cpus_are_refused(
    tmp_path: Path, cpu: DeviceInfo
) -> None:
    path = tmp_path / "run.safetensors"
    train(SPEC, with_threads(cpu, 2, usable=2), checkpoint_path=path)
    words = "with 2 threads, but this process may use 1 CPU: resume it where 2 threads can run"
    with pytest.raises(UnfitError, match=words):
        train(SPEC, with_threads(cpu, 1, usable=1), checkpoint_path=path, resume=True)


def test_more_threads_than_openmp_runs_are_refused(
    tmp_path: Path, cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.safetensors"
    train(SPEC, with_threads(cpu, 2, usable=2), checkpoint_path=path)
    monkeypatch.setenv("OMP_DYNAMIC", "true")
    words = "trained with 2 threads, but with OMP_DYNAMIC=true OpenMP runs 1 thread: resume it"
    with pytest.raises(UnfitError, match=words):
        train(SPEC, with_threads(cpu, 1, usable=2), checkpoint_path=path, resume=True)


def test_other_threads_than_those_of_the_checkpoint_are_refused(
    tmp_path: Path, cpu: DeviceInfo
) -> None:
    path = tmp_path / "run.safetensors"
    one = with_threads(cpu, 1, usable=2)
    train(SPEC, one, checkpoint_path=path)
    with pytest.raises(BadInputError, match="used 1 thread, not 2: resume it without"):
        train(SPEC, one, checkpoint_path=path, resume=True, threads=2)


@pytest.mark.parametrize("threads", [0, -1, True, "2"])
def test_a_checkpoint_with_an_impossible_number_of_threads_is_refused(
    threads: Any, written: Path
) -> None:
    checkpoint.save(replace(checkpoint.read(written), threads=threads), written)
    with pytest.raises(BadInputError, match="is not a number of threads"):
        checkpoint.read(written)


def test_resuming_a_finished_run_repeats_its_last_line(written: Path, cpu: DeviceInfo) -> None:
    reports: list[tuple[int, float]] = []
    result = train(
        SPEC,
        cpu,
        checkpoint_path=written,
        resume=True,
        on_report=lambda step, loss: reports.append((step, loss)),
    )
    assert reports == [(250, result.losses[-1])]
    assert result.step_time_sec == ()


def test_no_damage_by_one_bit_goes_unnoticed(written: Path) -> None:
    data = bytearray(written.read_bytes())
    positions = random.Random(0).sample(range(len(data)), 40)
    for position in positions:
        damaged = bytearray(data)
        damaged[position] ^= 1
        written.write_bytes(damaged)
        with pytest.raises(BadInputError, match="is not a complete checkpoint"):
            checkpoint.read(written)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 100, 1000, -1])
def test_a_truncated_checkpoint_is_refused(written: Path, length: int) -> None:
    written.write_bytes(written.read_bytes()[:length])
    with pytest.raises(BadInputError, match="is not a complete checkpoint"):
        checkpoint.read(written)


def test_a_refused_checkpoint_is_left_untouched(written: Path, cpu: DeviceInfo) -> None:
    damaged = written.read_bytes()[:-1]
    written.write_bytes(damaged)
    with pytest.raises(BadInputError, match="the file is unchanged"):
        train(SPEC, cpu, checkpoint_path=written, resume=True)
    assert written.read_bytes() == damaged


def test_a_foreign_safetensors_file_is_refused_by_its_format(written: Path) -> None:
    written.write_bytes(save_without_numpy(written, {"format": "pt"}))
    with pytest.raises(BadInputError, match="its format is 'pt'"):
        checkpoint.read(written)


def test_a_pickle_is_refused_and_never_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "run.pt", tmp_path / "executed"
    path.write_bytes(f"cos\nsystem\n(S'touch {trace}'\ntR.".encode())
    with pytest.raises(BadInputError, match="is not a complete checkpoint"):
        checkpoint.read(path)
    assert not trace.exists()


def test_a_deeply_nested_specification_is_refused(written: Path) -> None:
    metadata = {"format": checkpoint.FORMAT, "spec": "[" * 100_000, "step": "1", "sha256": ""}
    written.write_bytes(save_without_numpy(written, metadata))
    with pytest.raises(BadInputError, match="is not a complete checkpoint"):
        checkpoint.read(written)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"w1": torch.zeros(1000, 100, dtype=torch.float64)}, "w1 has the dtype torch.float64"),
        ({"w2": torch.full((100, 10), torch.nan)}, "w2 is not finite"),
        ({"losses": torch.full((250,), torch.inf, dtype=torch.float64)}, "losses is not finite"),
    ],
)
def test_a_checkpoint_whose_sum_is_right_and_numbers_are_not_is_refused(
    change: dict[str, Any], words: str, written: Path
) -> None:
    checkpoint.save(replace(checkpoint.read(written), **change), written)
    with pytest.raises(BadInputError, match=words):
        checkpoint.read(written)


def test_the_loss_is_told_though_the_checkpoint_cannot_be_written(
    tmp_path: Path, workload: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_atomically", full)
    line = f"train --steps 100 --checkpoint {tmp_path}/run --output {tmp_path}/records --json"
    outcome = workload(*line.split())
    assert outcome.code == ExitCode.NOT_SAVED
    assert "Iteration:  100" in outcome.stderr
    assert len(json.loads(outcome.stdout)["train"][0]["losses"]) == 100


def test_a_checkpoint_that_cannot_be_written_is_reported(written: Path) -> None:
    state = checkpoint.read(written)
    with pytest.raises(NotSavedError, match="could not be written"):
        checkpoint.save(state, written.parent / "missing" / "run.safetensors")


def test_a_failed_write_leaves_the_old_checkpoint(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = written.read_bytes()
    monkeypatch.setattr(os, "fsync", fail_as_a_full_disk)
    with pytest.raises(NotSavedError, match="No space left on device"):
        checkpoint.save(checkpoint.read(written), written)
    assert written.read_bytes() == before
    assert list(written.parent.iterdir()) == [written]


def fail_as_a_full_disk(_descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def save_without_numpy(path: Path, metadata: dict[str, str]) -> bytes:
    """The tensors of `path` in a file with other metadata."""
    header_length = int.from_bytes(path.read_bytes()[:8], "little")
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + header_length])
    header["__metadata__"] = metadata
    new_header = json.dumps(header).encode()
    return len(new_header).to_bytes(8, "little") + new_header + data[8 + header_length :]


def test_a_checkpoint_of_ranks_is_refused_alone(written: Path, cpu: DeviceInfo) -> None:
    checkpoint.save(replace(checkpoint.read(written), ranks=2), written)
    with pytest.raises(BadInputError) as caught:
        train(SPEC, cpu, checkpoint_path=written, resume=True)
    assert str(caught.value) == (
        f"{written} was trained on 2 ranks, not 1, and another number of ranks rounds sums "
        "differently: resume it on 2, or start again with another --checkpoint"
    )
