"""A comparison as labelled lines and a table."""

from msgspec.structs import replace
from support.records.measured import case, run, side, side_of

from workload.compare import compare
from workload.report.terminal.comparison_table import text_of


def test_an_image_is_named_by_the_start_of_its_digest_as_docker_names_it() -> None:
    image = f"ghcr.io/me/workload@sha256:{'0123456789abcdef' * 4}"
    comparison = compare(side(replace(run(case()), image=image)), side_of(case()))
    ((_, baseline), *_) = text_of(comparison).before
    assert ", image ghcr.io/me/workload@sha256:0123456789ab, torch 2.13.0, " in baseline
