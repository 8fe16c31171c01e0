"""A file of pytest-benchmark, made up."""

from typing import Any

from support.records.synthetic import GPU, cases

from workload.core.models.model import as_json
from workload.core.models.record import SCHEMA_VERSION


def benchmarks(**origin: Any) -> dict[str, Any]:
    """A file as tests/benchmarks writes it, as far as the report looks into it."""
    found, ceilings = cases(GPU)
    version = {"schema_version": SCHEMA_VERSION}
    device = {
        **version,
        "device": as_json(GPU),
        "ceilings": as_json(ceilings),
        "revision": "abc123",
    }
    return {
        "datetime": "2001-02-03T04:05:06+00:00",
        "machine_info": {"workload": {**device, **origin}},
        "benchmarks": [{"extra_info": {"case": as_json(case)}} for case in found] + [{}],
    }
