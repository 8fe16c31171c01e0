"""What a bundle holds beside the record: nvidia-smi's report, limits, packages."""

from pathlib import Path

from support.doctor.machines import machine

from workload.doctor.bundle import group_limits, nvidia_smi, texts


def script(folder: Path, code: str) -> str:
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(0o755)
    return str(path)


def test_nvidia_smi_reports_no_programs_of_other_users(tmp_path: Path) -> None:
    said = "    Product Name : H200\n    Serial Number : 12345\n        Name : /home/bob/train"
    command = script(tmp_path, f"[ $1 = -q ] && cat <<'END'\n{said}\nEND")
    assert nvidia_smi(command) == "    Product Name : H200\n"


def test_nvidia_smi_that_hangs_is_stopped(tmp_path: Path) -> None:
    assert nvidia_smi(script(tmp_path, "exec sleep 60"), 0.2) == "no answer in 0 s"


def test_nvidia_smi_that_cannot_run_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "nvidia-smi"
    path.write_bytes(b"\x7fELF")
    path.chmod(0o755)
    assert nvidia_smi(str(path)).startswith("nvidia-smi failed: ")


def test_no_nvidia_smi_is_no_text() -> None:
    assert nvidia_smi("nvidia-smi-that-is-nowhere") == ""


def test_cgroup_limits_are_included(tmp_path: Path) -> None:
    for path, text in {
        "proc/self/cgroup": "0::/job\n",
        "proc/self/mountinfo": "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
        "sys/fs/cgroup/job/memory.max": "1000\n",
        "sys/fs/cgroup/memory.events": "oom_kill 3\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    found = group_limits(tmp_path)
    assert "/sys/fs/cgroup/job/memory.max\n1000" in found
    assert "/sys/fs/cgroup/memory.events\noom_kill 3" in found


def test_a_machine_without_these_files_still_lists_its_packages(tmp_path: Path) -> None:
    assert "packages.txt" in texts(machine(), tmp_path)
