"""The CPUs of this process are those it was given, whatever binds its threads later."""

import os
from pathlib import Path

from workload.hardware.affinity import current_cpus, given_cpus


def test_the_mask_is_read_from_the_main_threads_status(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/status").write_text("Name:\tpython\nCpus_allowed:\t1,0000000a\n")
    assert current_cpus(tmp_path) == {1, 3, 32}


def test_without_a_mask_all_cpus_are_given(tmp_path: Path) -> None:
    assert len(current_cpus(tmp_path)) == (os.cpu_count() or 1)


def test_binding_after_the_first_look_takes_no_cpu_away(tmp_path: Path) -> None:
    status = tmp_path / "proc/self/status"
    status.parent.mkdir(parents=True)
    status.write_text("Cpus_allowed:\t3\n")
    assert len(given_cpus(tmp_path)) == 2
    status.write_text("Cpus_allowed:\t1\n")
    assert len(given_cpus(tmp_path)) == 2
    assert len(current_cpus(tmp_path)) == 1
