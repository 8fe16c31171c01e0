"""NVML's readings of a GPU under load, from a fake of the pynvml module."""

from types import SimpleNamespace
from typing import Any

import pytest
from support.fakes.nvml import fake_nvml as module

from workload.hardware import sensors
from workload.hardware.nvml import HardwareError
from workload.hardware.sensors import NvmlSensor, Reading, slowed_between, summarize

CALM = Reading(1980.0, 300.0, 50.0, reasons=0, processes=1)


class NvmlError(Exception):
    pass


def fake_nvml(**changes: Any) -> SimpleNamespace:
    answers = {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetHandleByUUID": lambda uuid: uuid,
        "nvmlDeviceGetPowerUsage": lambda _gpu: 350_500,
        "nvmlDeviceGetComputeRunningProcesses": lambda _gpu: ["one", "two"],
        "nvmlDeviceGetClockInfo": lambda _gpu, _which: 1755,
        "nvmlDeviceGetTemperature": lambda _gpu, _which: 61,
        "nvmlDeviceGetCurrentClocksEventReasons": lambda _gpu: 0x20,
        "NVML_CLOCK_SM": 1,
        "NVML_TEMPERATURE_GPU": 0,
        "NVMLError": NvmlError,
    }
    return SimpleNamespace(**{**answers, **changes})


def refuse(*_: object) -> None:
    raise NvmlError("Not Supported")


def reading(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Reading:
    monkeypatch.setattr(sensors, "load_nvml", lambda: fake_nvml(**changes))
    return NvmlSensor("GPU-0").read()


def test_a_reading_is_in_megahertz_watt_and_degrees(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reading(monkeypatch) == Reading(1755, 350.5, 61, 0x20, 2)


def test_what_the_driver_would_not_say_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    found = reading(
        monkeypatch, nvmlDeviceGetPowerUsage=refuse, nvmlDeviceGetComputeRunningProcesses=refuse
    )
    assert (found.power_watt, found.processes) == (None, None)
    assert summarize([(0.0, found)]).other_processes is None  # type: ignore[union-attr]  # one reading


def test_older_bindings_are_asked_by_their_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    found = reading(
        monkeypatch,
        nvmlDeviceGetCurrentClocksEventReasons=None,
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda _gpu: 0x08,
    )
    assert found.reasons == 0x08


def test_an_unknown_gpu_is_refused_with_the_drivers_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "load_nvml", lambda: fake_nvml(nvmlDeviceGetHandleByUUID=refuse))
    with pytest.raises(HardwareError, match="NVML: Not Supported"):
        NvmlSensor("GPU-0")


def test_no_readings_are_no_telemetry() -> None:
    assert summarize([]) is None


@pytest.mark.parametrize(
    ("reasons", "names"),
    [
        (0x01, ()),  # idle
        (0x02, ()),  # clocks that a person has set
        (0x04, ()),  # the GPU's own power limit
        (0x08, ("hardware slowdown",)),
        (0x60, ("software thermal slowdown", "hardware thermal slowdown")),
        (0x80, ("power brake slowdown",)),
    ],
)
def test_only_what_slows_a_gpu_beyond_its_work_is_throttling(
    reasons: int, names: tuple[str, ...]
) -> None:
    told = summarize([(0.0, CALM), (0.1, Reading(1.0, 1.0, 1.0, reasons, 1))])
    assert told is not None
    assert told.throttled == names


def test_one_process_is_expected_and_the_most_seen_counts() -> None:
    crowded = Reading(1.0, 1.0, 1.0, 0, processes=4)
    told = summarize([(0.0, CALM), (0.1, crowded), (0.2, CALM)])
    assert told is not None
    assert told.other_processes == 3


COUNTERS = {
    "nvmlDeviceGetTotalEccErrors": lambda _gpu, kind, _since: (7, 1)[kind],
    "nvmlDeviceGetRemappedRows": lambda _gpu: (2, 1, 0, 0),
    "nvmlDeviceGetPcieReplayCounter": lambda _gpu: 3,
}


def counters(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> dict[str, int]:
    monkeypatch.setattr(sensors, "load_nvml", lambda: fake_nvml(**COUNTERS | changes))
    return NvmlSensor("GPU-0").counters()


def test_errors_are_counted_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert counters(monkeypatch) == {
        "corrected memory errors": 7,
        "uncorrectable memory errors": 1,
        "memory rows remapped (correctable errors)": 2,
        "memory rows remapped (uncorrectable errors)": 1,
        "PCIe replays": 3,
    }


def test_counters_that_the_driver_would_not_tell_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = counters(monkeypatch, **dict.fromkeys(COUNTERS, refuse))
    assert found == {}


def test_what_is_beyond_repair_is_among_the_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    assert counters(monkeypatch).keys() > sensors.UNCORRECTABLE


def slowed(monkeypatch: pytest.MonkeyPatch, fields: dict[int, int]) -> dict[str, float]:
    nvml = module({"fields": fields, "nvmlDeviceGetHandleByUUID": "a handle"})
    monkeypatch.setattr(sensors, "load_nvml", lambda: nvml)
    return NvmlSensor("GPU-0").slowed_sec()


def test_the_drivers_counters_say_how_long_each_slowdown_lasted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN and …_HW_POWER_BRAKE_SLOWDOWN
    found = slowed(monkeypatch, {269: 3_000_000_000, 271: 0})
    assert found == {"software thermal slowdown": 3.0, "power brake slowdown": 0.0}


def test_a_counter_without_an_answer_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slowed(monkeypatch, {}) == {}


def test_heat_for_three_of_twenty_seconds_is_seen_though_every_reading_was_cool() -> None:
    before, after = {"software thermal slowdown": 1.0}, {"software thermal slowdown": 4.0}
    seen = summarize([(0.0, CALM), (19.0, CALM)], slowed_between(before, after, 20.0), 20.0)
    assert seen is not None
    assert seen.throttled == ()
    assert seen.slowdowns == ("software thermal slowdown for 3 s of 20 s",)


def test_a_counter_that_grows_faster_than_time_is_another_one() -> None:
    assert slowed_between({"power brake slowdown": 0.0}, {"power brake slowdown": 9.0}, 2.0) == {}
