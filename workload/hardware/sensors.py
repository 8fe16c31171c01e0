"""Read one GPU's clocks, power, temperature and processes while the GPU works.

The GPU is read through a Protocol, so that tests can simulate a throttled or shared GPU.
"""

from dataclasses import dataclass
from typing import Protocol

from workload.core.models.timing import Telemetry
from workload.hardware.gpu_health import read_fields
from workload.hardware.gpu_state import Questions, answer, clock_reasons, failures, throttle_names
from workload.hardware.nvml import load_nvml, nvml_error

POWER_CAP = 0x04  # a bit of `reasons`
UNCORRECTABLE = frozenset(
    {"uncorrectable memory errors", "memory rows remapped (uncorrectable errors)"}
)


# Fields NVML_FI_DEV_… that count how long the GPU has been slowed down so far, in nanoseconds. The
# keys are names in THROTTLE_REASONS.
SLOWDOWN_FIELDS = {
    "software thermal slowdown": "CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN",
    "hardware thermal slowdown": "CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN",
    "power brake slowdown": "CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN",
}
# A larger share of the window is implausible: older drivers use these numbers for other fields.
IMPLAUSIBLE_SHARE = 1.1


@dataclass(frozen=True)
class Reading:
    """The GPU's state at one moment; a value that the driver does not report is None."""

    sm_clock_mhz: float | None
    power_watt: float | None
    temperature_celsius: float | None
    reasons: int | None  # a bit mask, see gpu_state.THROTTLE_REASONS
    processes: int | None  # with a CUDA context on the GPU, including this one


class Sensor(Protocol):
    """A source of readings of one GPU."""

    def read(self) -> Reading:
        """Read the GPU now. This takes well under a millisecond."""

    def counters(self) -> dict[str, int]:
        """Read the error counts so far, by name; leave out those that the driver does not report.

        The names include those in UNCORRECTABLE.
        """

    def slowed_sec(self) -> dict[str, float]:
        """Read how long the GPU has been slowed down, by reason; leave out what is unknown."""


class NvmlSensor:
    """A sensor that uses NVML, which stays open until the process ends."""

    def __init__(self, uuid: str) -> None:
        """Open NVML. Raises HardwareError if the driver does not know a GPU of this UUID."""
        self._nvml = load_nvml()
        try:
            self._nvml.nvmlInit()
            self._handle = self._nvml.nvmlDeviceGetHandleByUUID(uuid)
        except failures(self._nvml) as error:
            raise nvml_error(error) from None

    def read(self) -> Reading:
        """Read the GPU now."""
        nvml, handle = self._nvml, self._handle
        milliwatt = answer(nvml, nvml.nvmlDeviceGetPowerUsage, handle)
        processes = answer(nvml, nvml.nvmlDeviceGetComputeRunningProcesses, handle)
        return Reading(
            sm_clock_mhz=answer(nvml, nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_SM),
            power_watt=None if milliwatt is None else milliwatt / 1e3,
            temperature_celsius=answer(
                nvml, nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU
            ),
            reasons=clock_reasons(nvml, handle),
            processes=None if processes is None else len(processes),
        )

    def counters(self) -> dict[str, int]:
        """Read the error counts so far; memory errors are counted since the driver was loaded."""
        nvml, handle = self._nvml, self._handle
        # (rows replaced after corrected errors, after uncorrected ones, pending, failed)
        rows = answer(nvml, nvml.nvmlDeviceGetRemappedRows, handle) or (None, None)
        found = {
            # NVML_MEMORY_ERROR_TYPE_CORRECTED and _UNCORRECTED, NVML_VOLATILE_ECC
            "corrected memory errors": answer(nvml, nvml.nvmlDeviceGetTotalEccErrors, handle, 0, 0),
            "uncorrectable memory errors": answer(
                nvml, nvml.nvmlDeviceGetTotalEccErrors, handle, 1, 0
            ),
            "memory rows remapped (correctable errors)": rows[0],
            "memory rows remapped (uncorrectable errors)": rows[1],
            "PCIe replays": answer(nvml, nvml.nvmlDeviceGetPcieReplayCounter, handle),
        }
        return {name: count for name, count in found.items() if count is not None}

    def slowed_sec(self) -> dict[str, float]:
        """Read how long the GPU has been slowed down so far."""
        ask = Questions(self._nvml, self._handle)
        values = read_fields(ask, list(SLOWDOWN_FIELDS.values()), "slowdowns")
        found = zip(SLOWDOWN_FIELDS, values, strict=True)
        return {reason: nsec / 1e9 for reason, nsec in found if nsec is not None}


def slowed_between(
    before: dict[str, float], after: dict[str, float], window_sec: float
) -> dict[str, float]:
    """Return how long the GPU was slowed down in a window, for each reason with more than 0 s.

    A counter that grew by more than IMPLAUSIBLE_SHARE of the window is left out, because older
    drivers use its field number for another field.
    """
    grown = {reason: after[reason] - sec for reason, sec in before.items() if reason in after}
    limit_sec = IMPLAUSIBLE_SHARE * window_sec
    return {reason: sec for reason, sec in grown.items() if 0 < sec <= limit_sec}


def summarize(
    readings: list[tuple[float, Reading]],
    slowed_sec: dict[str, float] | None = None,
    window_sec: float | None = None,
) -> Telemetry | None:
    """Summarize readings, each with its time in the window, as telemetry; None without readings.

    `other_processes` is the highest number of processes on the GPU, minus one for this process.
    Process IDs are not compared: the driver reports the host's IDs, which differ from those in a
    container.
    """
    if not readings:
        return None
    reasons = 0
    for _, reading in readings:
        reasons |= reading.reasons or 0
    counts = [reading.processes for _, reading in readings if reading.processes is not None]
    return Telemetry(
        at_sec=tuple(at_sec for at_sec, _ in readings),
        sm_clock_mhz=tuple(reading.sm_clock_mhz for _, reading in readings),
        power_watt=tuple(reading.power_watt for _, reading in readings),
        temperature_celsius=tuple(reading.temperature_celsius for _, reading in readings),
        throttled=throttle_names(reasons),
        power_capped=bool(reasons & POWER_CAP),
        slowed_sec=slowed_sec or {},
        window_sec=window_sec,
        other_processes=max(0, max(counts) - 1) if counts else None,
    )
