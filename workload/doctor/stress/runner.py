"""Run the stress tests of `workload doctor --deep`: matmuls, then a memory test.

The GPU's sensors are read during the tests.
"""

import gc
import time
from collections.abc import Callable

import torch
from msgspec.structs import replace

from workload.core.models.device import DeviceInfo
from workload.core.models.stress import BurnIn, BurnWatch, Deep, MemoryTest
from workload.core.units import plural
from workload.doctor.stress.burn_in import Clock, Multiply, burn_in, multiply
from workload.doctor.stress.memory_patterns import Store, check_memory, store
from workload.hardware import devices, precision
from workload.hardware.sensors import Reading, summarize
from workload.hardware.watchdog import watchdog

# Dtypes with hardware support. On a CPU, half precision may be emulated and slow.
DTYPES = {"cpu": ("float64", "float32"), "cuda": ("float64", "float32", "tf32", "bfloat16")}
PRODUCTS_SHARE = 0.75  # of the budget; the memory test gets the rest
NOTE_SEC = 0.25  # between two progress notes

Keep = Callable[[Deep, str], None]


def run_stress(
    device: DeviceInfo,
    budget_sec: float,
    keep: Keep,
    product: Multiply = multiply,
    write: Store = store,
) -> Deep:
    """Stress the device and return the facts.

    `keep` receives the facts so far and a note about the progress, several times a second.
    """
    with watchdog.working(device.torch_name):
        return _Burning(device, budget_sec, keep).burn(product, write)


class _Burning:
    """The stress test of one device, with the facts and the sensor readings so far."""

    def __init__(
        self, device: DeviceInfo, budget_sec: float, keep: Keep, clock: Clock = time.monotonic
    ) -> None:
        self._device, self._keep, self._clock = device, keep, clock
        self._start_sec = self._noted_sec = clock()
        self._sensor = devices.sensor(device)
        self._readings: list[Reading] = []
        self._counters_before = self._sensor.counters() if self._sensor else {}
        self._found = Deep(device.torch_name, device.name, budget_sec, 0.0)

    def burn(self, product: Multiply, write: Store) -> Deep:
        """Run matmuls in each dtype, then the memory test."""
        budget_sec, done = self._found.budget_sec, self._found.burn_ins
        possible = precision.default_dtypes(self._device)
        dtypes = [dtype for dtype in DTYPES[self._device.kind] if dtype in possible]
        for dtype in dtypes:

            def add(burned: BurnIn, done: tuple[BurnIn, ...] = done) -> None:
                words = f"{burned.dtype}: {plural(burned.products, 'matmul')}"
                self._note_at_times(words, burn_ins=(*done, burned))

            sec = PRODUCTS_SHARE * budget_sec / len(dtypes)
            done = (*done, burn_in(self._device, dtype, sec, add, product=product))
        self._note("memory", burn_ins=done)
        self._release()

        def fill(memory: MemoryTest) -> None:
            words = f"memory: {plural(memory.patterns, 'pattern')}"
            self._note_at_times(words, memory=memory)

        left_sec = budget_sec - (self._clock() - self._start_sec)
        memory = check_memory(self._device, max(left_sec, 1.0), fill, write=write)
        self._note("done", memory=memory)
        return self._found

    def _note_at_times(self, words: str, **changes: object) -> None:
        watchdog.answered()
        if self._clock() - self._noted_sec >= NOTE_SEC:
            self._note(words, **changes)

    def _note(self, words: str, **changes: object) -> None:
        self._noted_sec = self._clock()
        self._found = replace(
            self._found,
            elapsed_sec=self._noted_sec - self._start_sec,
            watch=self._watch(),
            **changes,
        )
        self._keep(self._found, words)

    def _watch(self) -> BurnWatch | None:
        """Read the GPU's sensors, if it has any, and return the summary so far."""
        if self._sensor is None:
            return None
        self._readings.append(self._sensor.read())
        return watched(self._readings, self._counters_before, self._sensor.counters())

    def _release(self) -> None:
        """Release the operands' memory for the memory test."""
        gc.collect()
        if self._device.kind == "cuda":
            torch.cuda.empty_cache()


def watched(readings: list[Reading], before: dict[str, int], after: dict[str, int]) -> BurnWatch:
    """Return a summary of the readings, with the counters that rose from `before` to `after`."""
    seen = summarize([(0.0, reading) for reading in readings])
    celsius = [one.temperature_celsius for one in readings if one.temperature_celsius is not None]
    clocks = [one.sm_clock_mhz for one in readings if one.sm_clock_mhz is not None]
    risen = {name: after[name] - count for name, count in before.items() if name in after}
    return BurnWatch(
        readings=len(readings),
        highest_celsius=max(celsius, default=None),
        lowest_mhz=min(clocks, default=None),
        highest_mhz=max(clocks, default=None),
        throttled=seen.throttled if seen else (),
        risen={name: rise for name, rise in risen.items() if rise > 0} if risen else None,
    )
