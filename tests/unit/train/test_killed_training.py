"""Training that is killed at any moment goes on from its checkpoint."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from support.processes import wait_until

from workload.core.models.device import DeviceInfo
from workload.core.models.train import TrainResult
from workload.core.train_spec import PRESETS
from workload.hardware import devices
from workload.train import checkpoint
from workload.train.loop import train

STEPS = 2000  # half a second and more
KILLS, MANY_KILLS = 2, 20


def bits(result: TrainResult) -> tuple[object, ...]:
    return result.losses, result.weights_sha256


def test_killed_runs_resume_to_the_same_losses_and_weights(
    tmp_path: Path, nightly: bool, cpu: DeviceInfo
) -> None:
    """SIGKILL at random moments of a long run that had written a checkpoint."""
    cpu = devices.set_threads(cpu, 1)  # as the processes; bits may depend on it
    spec = replace(PRESETS["book"], steps=STEPS)
    expected = train(spec, cpu)
    moments = random.Random(0)
    for kill in range(MANY_KILLS if nightly else KILLS):
        path = tmp_path / str(kill)
        kill_after(moments.uniform(0, 0.3), path)
        assert checkpoint.read(path).step < STEPS
        resumed = train(spec, cpu, checkpoint_path=path, resume=True)
        assert 0 < (resumed.resumed_from_step or 0) < STEPS
        assert bits(resumed) == bits(expected)


def kill_after(seconds: float, path: Path) -> None:
    """Train in a process with `path` as its checkpoint; kill it this long after the first one."""
    options = ["--steps", str(STEPS), "--checkpoint-every", "10", "--device", "cpu"]
    command = [sys.executable, "-m", "workload", "train", "--checkpoint", str(path), *options]
    # One thread: this network is too small for two, which wait for each other on a busy machine.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
        wait_until(process, path.exists)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
