"""docker/host/compare: which records it takes, and what it refuses."""

from pathlib import Path

import pytest
from support.fakes.host import Host


@pytest.fixture
def checkout(host: Host, checkout: Path) -> Path:
    """A checkout with results/, and an interpreter to compare with."""
    (checkout / "results").mkdir()
    host.add_python()
    host.environment["PYTHON"] = "mypython"
    return checkout


def compared(host: Host, checkout: Path, *names: str) -> str:
    """What is compared where results/ has records of these names."""
    for name in names:
        (checkout / f"results/run-{name}.json").touch()
    result = host.run(f"{checkout}/docker/host/compare")
    return host.called[-1].partition(" compare ")[2] if host.called else result.stderr


@pytest.mark.parametrize("names", [(), ("1T1Z-cpu-9",), ("1T1Z-cuda0-7",)])
def test_compare_without_two_records_says_how_to_get_them(
    host: Host, checkout: Path, names: tuple[str, ...]
) -> None:
    assert compared(host, checkout, *names) == (
        "compare: two records are needed in results/: make cpu-run or make gpu-run writes one, "
        "or name them with A= and B=\n"
    )


def test_compare_takes_the_newest_record_of_cpu_and_gpu(host: Host, checkout: Path) -> None:
    names = ("1T1Z-cpu-9", "2T1Z-cpu-1", "1T1Z-cuda0-7", "3T3Z-none-2")
    newest = "results/run-2T1Z-cpu-1.json results/run-1T1Z-cuda0-7.json"
    assert compared(host, checkout, *names) == newest


@pytest.mark.parametrize("kind", ["cpu", "cuda0"])
def test_compare_takes_the_two_newest_records_of_one_kind(
    host: Host, checkout: Path, kind: str
) -> None:
    names = [f"{moment}T1Z-{kind}-1" for moment in (1, 2, 3)]
    newest = f"results/run-2T1Z-{kind}-1.json results/run-3T1Z-{kind}-1.json"
    assert compared(host, checkout, *names) == newest


@pytest.mark.parametrize("b", ["results/b.json", "results/benchmarks/cpu", "results/benchmarks/c/"])
def test_compare_takes_the_files_and_folders_it_is_given(
    host: Host, checkout: Path, b: str
) -> None:
    (checkout / "results/benchmarks/cpu").mkdir(parents=True)
    (checkout / "results/benchmarks/c").mkdir()
    host.environment |= {"A": f"{checkout}/results/a.json", "B": b}
    for name in ("a.json", "b.json"):
        (checkout / "results" / name).touch()
    assert compared(host, checkout) == f"results/a.json {b}"


def test_compare_names_a_record_that_does_not_exist(host: Host, checkout: Path) -> None:
    host.environment |= {"A": "results/none.json", "B": "results/b.json"}
    assert (
        compared(host, checkout) == "compare: A=results/none.json does not exist: check the path\n"
    )


def test_compare_refuses_what_a_container_does_not_see(host: Host, checkout: Path) -> None:
    (checkout / "mine.json").touch()
    del host.environment["PYTHON"]
    host.add("docker")
    host.environment |= {"A": "mine.json", "B": "results/b.json"}
    assert "compare: A=mine.json is outside results/, all that the container sees" in (
        host.run(f"{checkout}/docker/host/compare").stderr
    )


def test_compare_takes_a_record_from_anywhere_on_the_host(host: Host, checkout: Path) -> None:
    (checkout / "mine.json").touch()
    (checkout / "results/b.json").touch()
    host.environment |= {"A": "mine.json", "B": "results/b.json"}
    assert compared(host, checkout) == "mine.json results/b.json"
