"""The schema comes from the models, and what they write they read back."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.records.validity import invalidity

from workload.core import records, schema
from workload.core.errors import ExitCode
from workload.core.models.case import Case, CaseStatus, Kind
from workload.core.models.device import DeviceInfo
from workload.core.models.model import as_json, from_json
from workload.core.models.rating import Ceilings, Rating, Regime
from workload.core.models.record import SCHEMA_VERSION
from workload.core.models.timing import Telemetry, Timing
from workload.core.shape import Shape
from workload.core.units import DTYPE_BYTES


def test_the_file_is_what_the_models_say() -> None:
    assert schema.main(["--check"]) is None


def test_a_file_that_is_not_what_the_models_say_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "FILE", tmp_path / "record.schema.json")
    schema.FILE.write_text("{}\n")
    assert "run `python -m workload.core.schema`" in (schema.main(["--check"]) or "")
    schema.main([])
    assert schema.main(["--check"]) is None


def test_the_schema_has_the_bounds_of_the_models() -> None:
    definitions = schema.schema()["$defs"]
    case = definitions["Case"]["properties"]
    assert case["dtype"]["enum"] == list(DTYPE_BYTES)
    assert case["shape"]["items"] == {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
    assert definitions["Record"]["properties"]["schema_version"] == {"enum": [SCHEMA_VERSION]}
    assert definitions["Record"]["additionalProperties"] is False


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
    builder = records.RecordBuilder("run", [])
    builder.add_case(CASE)
    builder.set("ceilings", Ceilings())
    assert invalidity(as_json(builder.as_ended(ExitCode.OK, None))) is None


def test_a_shape_is_written_as_sizes_take_it() -> None:
    assert [str(Shape(4, 4, 4)), str(Shape(4, 5, 6))] == ["4", "4x5x6"]


def test_a_device_is_read_back_as_it_was(cpu: DeviceInfo) -> None:
    assert from_json(DeviceInfo, as_json(cpu)) == cpu


def test_derived_values_are_computed_again_from_the_samples() -> None:
    other = {**as_json(CASE), "name": "another", "gflops": 1e9}
    other["timing"] = {**other["timing"], "median_sec": 5.0, "warning": "none"}
    assert from_json(Case, other) == CASE


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"flops": True}, "Expected `int`, got `bool` - at `$.flops`"),
        ({"flops": 1.0}, "Expected `int`, got `float` - at `$.flops`"),
        ({"flops": "1"}, "Expected `int`, got `str` - at `$.flops`"),
        ({"error_share": True}, "Expected `float | null`, got `bool` - at `$.error_share`"),
        ({"error_share": 1e309}, "Expected `float` <= 1e+308 - at `$.error_share`"),
        ({"dtype": "float32\n"}, "regex"),
        ({"shape": []}, "Expected `array` of length >= 1 - at `$.shape`"),
        ({"speed": 1}, "Object contains unknown field `speed` - at `$`"),
        ({"a\nfield\x1b": 1}, "Object contains unknown field `a?field?` - at `$`"),
        ({"gflops": "fast"}, "Expected `float | null`, got `str` - at `$.gflops`"),
    ],
)
def test_a_case_of_other_types_or_fields_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        from_json(Case, {**as_json(CASE), **change})


def test_a_whole_number_stands_for_a_float() -> None:
    assert from_json(Case, {**as_json(CASE), "error_share": 1}).error_share == 1.0
