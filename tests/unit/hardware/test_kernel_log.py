"""Xids are read from the kernel's own lines of its log, whatever else is in it."""

import time
from pathlib import Path

import pytest
from support import trees

from workload.hardware.kernel_log import (
    MAX_TEXT,
    MAX_XIDS,
    parse_log,
    read_boot_id,
    read_booted_sec,
    read_logged_xids,
)

LOG = """\
6,1,100,-;Linux version 6.8.0
3,2,9000000,-;NVRM: Xid (PCI:0000:65:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off \
the bus.
 SUBSYSTEM=pci
3,3,9500000,-,caller=T12;NVRM: Xid (PCI:0000:65:00): 154, GPU recovery action changed from 0x0 \
(None) to 0x2 (Node Reboot Required)
6,4,9600000,-;nvidia-nvlink: Nvlink Core is being initialized
"""
XID = "NVRM: Xid (PCI:0000:65:00): 79, GPU has fallen off the bus."


def test_xids_are_read_from_the_kernels_log(tmp_path: Path) -> None:
    trees.write(tmp_path, "dev/kmsg", LOG)
    first, second = read_logged_xids(tmp_path) or ()
    assert (first.address, first.number, first.at_sec) == ("0000:65:00.0", 79, 9.0)
    assert first.text.endswith("GPU has fallen off the bus.")
    assert second.number == 154


@pytest.mark.parametrize(
    "line",
    [
        f"11,5,9000000,-;{XID}",
        f"6,5,9000000,-;usb 1-1: Product: {XID}",
        f'5,5,9000000,-;audit: type=1400 comm="{XID}"',
        f"6,5,9000000,-;a driver\n KEY={XID}",
        f"3,5,9000000,-\n{XID}",
        f"[    9.000000] {XID}",
        f"Nov 29 12:00:00 host app[7]: {XID}",
        "3,5,9000000,-;NVRM: Xid (PCI:0000:65:00): ",
        "3,5,9000000,-;NVRM: Xid (PCI:../../etc): 79, GPU has fallen off the bus.",
        f"3,5,9000000,-;NVRM: Xid (PCI:0000:65:00): {'7' * 5000}, a number that is none",
    ],
    ids=[
        "written by a program",
        "the name of a device",
        "the name of a program",
        "a property of another line",
        "a record that ends early",
        "dmesg's format",
        "a program's line in the journal",
        "cut off before the number",
        "not an address",
        "5,000 digits",
    ],
)
def test_only_what_the_driver_says_in_the_kernels_name_counts(line: str) -> None:
    own = f"3,6,9500000,-;{XID}\n"
    assert [xid.at_sec for xid in parse_log(f"{line}\n{own}")] == [9.5]


def test_of_a_long_log_the_newest_xids_are_kept(tmp_path: Path) -> None:
    lines = [
        f"3,{number},{number}000000,-;NVRM: Xid (PCI:0000:65:00): 13, " + "x" * 5000
        for number in range(MAX_XIDS + 5)
    ]
    trees.write(tmp_path, "dev/kmsg", "\n".join(lines))
    found = read_logged_xids(tmp_path) or ()
    assert len(found) == MAX_XIDS
    assert found[-1].at_sec == MAX_XIDS + 4
    assert len(found[-1].text) == MAX_TEXT


def test_bytes_that_are_no_text_hide_no_line(tmp_path: Path) -> None:
    kmsg = tmp_path / "dev/kmsg"
    kmsg.parent.mkdir()
    kmsg.write_bytes(b"\xff\x00\xfe" * 100_000 + b"\n" + LOG.encode())
    assert [xid.number for xid in read_logged_xids(tmp_path) or ()] == [79, 154]


@pytest.mark.parametrize(
    ("logged", "expected"),
    [
        ("0000:3b:00", "0000:3b:00.0"),
        ("00000000:3B:00.0", "0000:3b:00.0"),
        ("10000:01:00", "10000:01:00.0"),
        ("00010000:01:00.0", "10000:01:00.0"),
    ],
)
def test_addresses_are_those_of_sysfs(logged: str, expected: str) -> None:
    (xid,) = parse_log(f"3,2,9,-;NVRM: Xid (PCI:{logged}): 13, pid=99, Graphics Exception\n")
    assert xid.address == expected


def test_a_log_that_may_not_be_read_is_unknown(tmp_path: Path) -> None:
    assert read_logged_xids(tmp_path) is None
    (tmp_path / "dev/kmsg").mkdir(parents=True)
    assert read_logged_xids(tmp_path) is None


def test_a_log_without_errors_has_no_xids(tmp_path: Path) -> None:
    trees.write(tmp_path, "dev/kmsg", "6,1,100,-;Linux version 6.8.0\n")
    assert read_logged_xids(tmp_path) == ()


def test_the_boot_id_is_that_of_the_kernel(tmp_path: Path) -> None:
    trees.write(tmp_path, "proc/sys/kernel/random/boot_id", "a-b\n")
    assert read_boot_id(tmp_path) == "a-b"
    assert read_boot_id(tmp_path / "elsewhere") is None


def test_the_machines_start_is_as_long_ago_as_it_is_up(tmp_path: Path) -> None:
    trees.write(tmp_path, "proc/uptime", "1000.50 1900.00\n")
    assert read_booted_sec(tmp_path) == pytest.approx(time.time() - 1000.5, abs=60)
    trees.write(tmp_path, "proc/uptime", "soon\n")
    assert read_booted_sec(tmp_path) is None
