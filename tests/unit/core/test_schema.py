"""The schema and the code tell the same facts."""

import json
from enum import Enum
from importlib import resources
from typing import Any

import pytest

from workload.core import cases, record
from workload.core.cases import (
    Case,
    CaseStatus,
    Ceilings,
    Kind,
    Rating,
    Regime,
    Shape,
    Telemetry,
    Timing,
)
from workload.core.errors import ExitCode
from workload.core.results import DeviceInfo, State, as_json, from_json
from workload.core.train_spec import MODE_NAMES
from workload.core.units import DTYPE_BYTES

SCHEMA: dict[str, Any] = json.loads(
    resources.files("workload.core").joinpath("record.schema.json").read_text("utf-8")
)
DEFINITIONS = SCHEMA["definitions"]


def test_the_schema_is_of_the_version_the_code_writes() -> None:
    assert SCHEMA["properties"]["schema_version"]["const"] == record.SCHEMA_VERSION


def test_the_schema_knows_every_dtype() -> None:
    assert set(DEFINITIONS["dtype"]["enum"]) == set(DTYPE_BYTES)


@pytest.mark.parametrize(
    ("listed", "states"),
    [
        (SCHEMA["properties"]["exit_code"], ExitCode),
        (DEFINITIONS["finding"]["properties"]["state"], State),
        (DEFINITIONS["case"]["properties"]["status"], CaseStatus),
        (DEFINITIONS["case"]["properties"]["kind"], Kind),
        (DEFINITIONS["rating"]["properties"]["regime"], Regime),
    ],
)
def test_the_schema_knows_every_state(listed: dict[str, Any], states: type[Enum]) -> None:
    assert set(listed["enum"]) == {state.value for state in states}


def test_the_schema_knows_every_mode() -> None:
    listed = DEFINITIONS["train"]["properties"]["mode"]["enum"]
    assert {*listed, "auto"} == set(MODE_NAMES)


def test_the_schema_knows_every_timing_method() -> None:
    methods = DEFINITIONS["timing"]["properties"]["method"]["enum"]
    assert set(methods) == {cases.HOST_CLOCK, cases.CUDA_EVENTS, cases.CUDA_GRAPH}


TELEMETRY = Telemetry((0.1,), (1980.0,), (None,), (50.0,), ("hardware thermal slowdown",), True, 1)
TIMING = Timing("CUDA events", "cold", 3, (1.0, 2.0), 0.1, True, 1e-6, TELEMETRY)
CASE = Case(
    kind=Kind.MATMUL,
    shape=(4, 5, 6),
    dtype="float32",
    flops=240,
    bytes=296,
    launches=1,
    status=CaseStatus.INVALID,
    reason="throttled",
    timing=TIMING,
    error_share=0.5,
    rating=Rating(Regime.LAUNCH, None, 0.5),
)


def test_a_case_is_read_back_as_it_was_with_all_that_is_in_it() -> None:
    restored = from_json(Case, json.loads(json.dumps(as_json(CASE))))
    assert restored == CASE
    assert restored.status is CaseStatus.INVALID


def test_ceilings_are_read_back_as_they_were() -> None:
    ceilings = Ceilings("a datasheet", {"float32": 67e3}, 3350, {}, None, 4e-6, None, None, 50)
    assert from_json(Ceilings, json.loads(json.dumps(as_json(ceilings)))) == ceilings


def test_a_record_with_every_part_of_a_case_is_valid() -> None:
    builder = record.RecordBuilder("run", [])
    builder.set("cases", [CASE])
    builder.set("ceilings", Ceilings())
    assert record.invalidity(builder.as_ended(ExitCode.OK, None)) is None


def test_a_shape_is_written_as_sizes_take_it() -> None:
    assert [str(Shape(4, 4, 4)), str(Shape(4, 5, 6))] == ["4", "4x5x6"]


def test_a_device_is_read_back_as_it_was(cpu: DeviceInfo) -> None:
    assert from_json(DeviceInfo, as_json(cpu)) == cpu
