"""The results of a benchmark session, and how they are added to pytest-benchmark's JSON.

Each benchmark's `extra_info` has the main numbers and, as `case`, all of them.
Cases without a time are not in pytest-benchmark's list; they are in the document's
`workload`, each with its status and its reason.
"""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from support.benchmarks.joined import joined

from workload.core import roofline
from workload.core.models.case import Case, CaseStatus
from workload.core.models.device import DeviceInfo
from workload.core.models.model import as_json
from workload.core.models.pytorch import TorchFacts
from workload.core.models.rating import Ceilings
from workload.core.models.record import SCHEMA_VERSION
from workload.core.models.variable import Variable
from workload.core.shape import shape_label
from workload.core.variables import set_variables
from workload.doctor.redaction import redaction
from workload.hardware.cgroups import read_limits
from workload.hardware.openmp import brings_gnu_openmp
from workload.hardware.peaks import datasheet_ceilings

# Why a benchmark has nothing to time. Details are in the record; tests/allowed-skips.txt has
# these words.
SKIPS = {
    CaseStatus.NOT_APPLICABLE: "not supported by this device",
    CaseStatus.SKIPPED: "does not fit the time of a case",
    CaseStatus.DOES_NOT_FIT: "does not fit the memory",
}
MORE_PASSES = "more passes are to come"


class BenchmarkLog:
    """Cases by test id, in the order they ran. Ratings need all of them, so they come last."""

    def __init__(self, device: DeviceInfo) -> None:
        self.device = device
        self.cases: dict[str, Case] = {}
        self._passes: Counter[str] = Counter()

    def add(self, test_id: str, case: Case) -> tuple[int, Case]:
        """Add a case, joined with its earlier passes; return how often it was measured."""
        earlier = self.cases.get(test_id)
        self.cases[test_id] = case if earlier is None else joined(earlier, case)
        self._passes[test_id] += 1
        return self._passes[test_id], self.cases[test_id]

    @property
    def ceilings(self) -> Ceilings:
        """The device's limits by its datasheet, and as far as measured by now."""
        return roofline.measured(self.cases.values(), datasheet_ceilings(self.device))

    def rated(self) -> dict[str, Case]:
        """Return the cases with their ratings."""
        cases = roofline.rated(list(self.cases.values()), self.ceilings)
        return dict(zip(self.cases, cases, strict=True))

    def complete(self, document: dict[str, Any]) -> None:
        """Add the ratings, and the cases without a time, to pytest-benchmark's document."""
        cases = self.rated()
        timed = {entry["fullname"] for entry in document["benchmarks"]}
        for entry in document["benchmarks"]:
            if entry["fullname"] in cases:
                entry["extra_info"].update(extra_info(cases[entry["fullname"]], self.device))
        document["workload"] = {
            "unmeasured": [
                {"fullname": test_id, "case": as_json(case)}
                for test_id, case in cases.items()
                if test_id not in timed
            ]
        }

    @staticmethod
    def variables(environment: Mapping[str, str]) -> tuple[Variable, ...]:
        """The variables that change speed or bits and are set."""
        usable_threads = read_limits().usable_threads
        redact = redaction(environment).text
        gnu_openmp = brings_gnu_openmp()
        return set_variables(environment, usable_threads, redact, gnu_openmp=gnu_openmp)

    def machine_info(
        self, environment: Mapping[str, str], facts: TorchFacts | None, python: str
    ) -> dict[str, Any]:
        """The device, its limits, and what was run on it: image, variant, commit, versions.

        The image's variables are unset on a host: unknown is None.
        """
        return {
            "schema_version": SCHEMA_VERSION,
            "device": as_json(self.device),
            "ceilings": as_json(self.ceilings),
            "image": environment.get("WORKLOAD_IMAGE") or None,
            "variant": environment.get("WORKLOAD_VARIANT") or None,
            "revision": environment.get("WORKLOAD_REVISION") or None,
            "variables": as_json(self.variables(environment)),
            "versions": {
                "torch": facts.version if facts else None,
                "cuda": facts.cuda_version if facts else None,
                "cudnn": facts.cudnn_version if facts else None,
                "driver": self.device.driver,
                "python": python,
                "threads": self.device.threads,
            },
        }


def extra_info(case: Case, device: DeviceInfo) -> dict[str, Any]:
    """Return the main numbers of one case, then all of them."""
    timing, rating = case.timing, case.rating
    return {
        "device": device.name,
        "flops": case.flops,
        "bytes": case.bytes,
        "gflops": case.gflops,
        "gbs": case.gbs,
        "peak_share": rating.peak_share if rating else None,
        "ceiling_share": rating.ceiling_share if rating else None,
        "regime": rating.regime if rating else None,
        "telemetry": as_json(timing.telemetry) if timing else None,
        "error_share": case.error_share,
        "method": timing.method if timing else None,
        "cache": timing.cache if timing else None,
        "calls_per_sample": timing.calls_per_sample if timing else None,
        "case": as_json(case),
    }


def commit_info(environment: Mapping[str, str]) -> dict[str, Any] | None:
    """The commit that the image was built from, as pytest-benchmark words it; None on a host.

    The images have neither git nor a checkout to ask.
    """
    revision = environment.get("WORKLOAD_REVISION")
    if not revision:
        return None
    unknown = dict.fromkeys(("time", "author_time", "dirty", "branch"))
    return {"id": revision, "project": "workload", **unknown}


def group_of(case: Case) -> str:
    """Return the table of a case: cases that compute the same share one, in any dtype."""
    words = (case.kind, shape_label(case.shape), None if case.flops else case.variant)
    return " ".join(filter(None, words))


def rate_unit(benchmarks: list[dict[str, Any]]) -> tuple[str, float] | None:
    """Prefix and factor that turn calls a second into GFLOP/s; None where there is no such rate.

    pytest-benchmark has one factor for a group, so all of its FLOPs must be the same.
    """
    flops = {benchmark["extra_info"].get("flops") for benchmark in benchmarks}
    (amount,) = flops if len(flops) == 1 else (None,)
    return ("GFL", amount / 1e9) if amount else None


def record_path(storage: Path, target: str, device: str, now: datetime) -> Path:
    """Where this session's JSON goes: a folder a target and device, `0007_20261123T092332Z.json`.

    Numbers as pytest-benchmark gives them, so that its `compare` finds them by number.
    """
    folder = storage / f"{target}-{slug(device)}"
    numbers = [int(path.name[:4]) for path in folder.glob("[0-9][0-9][0-9][0-9]_*.json")]
    return folder / f"{max(numbers, default=0) + 1:04}_{now:%Y%m%dT%H%M%SZ}.json"


def slug(name: str) -> str:
    """A device's name as part of a path.

    >>> slug("AMD EPYC 9654 96-Core Processor")
    'amd-epyc-9654-96-core-processor'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
