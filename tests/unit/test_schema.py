"""The schema and the code tell the same facts."""

import json
from enum import Enum
from importlib import resources
from typing import Any

import pytest

from workload import record
from workload.errors import ExitCode
from workload.results import CaseStatus, DeviceInfo, MatmulCase, Shape, State, as_json, from_json
from workload.train_spec import ENGINE_NAMES
from workload.units import DTYPE_BYTES

SCHEMA: dict[str, Any] = json.loads(
    resources.files("workload").joinpath("record.schema.json").read_text("utf-8")
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
        (DEFINITIONS["matmul_case"]["properties"]["status"], CaseStatus),
    ],
)
def test_the_schema_knows_every_state(listed: dict[str, Any], states: type[Enum]) -> None:
    assert set(listed["enum"]) == {state.value for state in states}


def test_the_schema_knows_every_engine() -> None:
    listed = DEFINITIONS["train"]["properties"]["engine"]["enum"]
    assert {*listed, "auto"} == set(ENGINE_NAMES)


def test_a_result_is_read_back_as_it_was() -> None:
    case = MatmulCase(4, 5, 6, "float32", CaseStatus.OK, None, (1.0, 2.0), "host clock", 0.5)
    restored = from_json(MatmulCase, json.loads(json.dumps(as_json(case))))
    assert restored == case
    assert restored.status is CaseStatus.OK


def test_a_shape_is_written_as_sizes_take_it() -> None:
    assert [str(Shape(4, 4, 4)), str(Shape(4, 5, 6))] == ["4", "4x5x6"]


def test_a_device_is_read_back_as_it_was(cpu: DeviceInfo) -> None:
    assert from_json(DeviceInfo, as_json(cpu)) == cpu
