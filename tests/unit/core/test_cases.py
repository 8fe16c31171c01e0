"""A measurement has a warning where it is unreliable, and is invalid where it says nothing."""

import pytest
from msgspec.structs import replace

from workload.core.methods import CUDA_EVENTS, CUDA_GRAPH, HOST_CLOCK, WARM
from workload.core.models.timing import Telemetry, Timing

CALM = Timing(HOST_CLOCK, WARM, 1, (1.0,) * 20, 0.1, True, 0.0)
COOL = Telemetry((0.1,), (1980.0,), (300.0,), (50.0,), (), False, 0)
NOISY = (1.0, 1.3) * 10


def test_a_calm_steady_measurement_has_no_warning_and_is_valid() -> None:
    assert (CALM.warning, CALM.invalid) == (None, None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"samples_sec": NOISY}, "noisy: 26% IQR"),
        ({"steady": False}, "not steady after a warm-up of 100 ms"),
        ({"samples_sec": (1.0,) * 5}, "only 5 samples: no interval"),
        (
            {"samples_sec": (1.0,) * 4 + (0.9, 1.1)},
            "wide interval: ±10%",
        ),
    ],
)
def test_a_warning_names_its_number(change: dict[str, object], words: str) -> None:
    assert replace(CALM, **change).warning == words


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (replace(COOL, throttled=("power brake",)), "the GPU was throttled (power brake)"),
        (replace(COOL, other_processes=1), "1 other GPU process running"),
    ],
)
def test_a_throttled_or_shared_gpu_makes_no_measurement(told: Telemetry, words: str) -> None:
    assert replace(CALM, method=CUDA_EVENTS, telemetry=told).invalid == words


def test_a_cool_gpu_of_ones_own_does() -> None:
    assert replace(CALM, method=CUDA_EVENTS, telemetry=COOL).invalid is None


def test_a_gpu_at_its_own_power_limit_is_sound() -> None:
    capped = replace(COOL, power_capped=True)
    assert replace(CALM, method=CUDA_EVENTS, telemetry=capped).invalid is None


@pytest.mark.parametrize("method", [CUDA_EVENTS, CUDA_GRAPH])
def test_noise_beyond_the_limit_makes_no_measurement_of_a_gpu(method: str) -> None:
    words = "too noisy: 26% IQR, at most 10% is allowed"
    assert replace(CALM, method=method, samples_sec=NOISY).invalid == words


def test_noise_on_a_shared_cpu_is_only_a_warning() -> None:
    assert replace(CALM, samples_sec=NOISY).invalid is None
