"""The environment variables that change speed or bits, and those that change nothing."""

import os
import re
import tomllib
from pathlib import Path

import pytest

from workload.cli.main import prepare_libraries
from workload.core.models.variable import BITS, BOTH, NEITHER, SPEED
from workload.core.variables import TABLE, effects, known_variables, set_variables
from workload.hardware.openmp import brings_gnu_openmp

DOCKERFILE = Path("docker/Dockerfile")


def what(name: str, value: str, usable_threads: int | None = 2) -> str:
    """What this variable changes with this value."""
    (variable,) = set_variables({name: value}, usable_threads)
    return variable.changes


@pytest.mark.parametrize(
    ("name", "value", "changes"),
    [
        ("MKL_CBWR", "COMPATIBLE", BOTH),
        ("MKL_CBWR", "AUTO", BOTH),  # other bits in matrix-vector products
        ("ONEDNN_MAX_CPU_ISA", "SSE41", BOTH),
        ("ONEDNN_MAX_CPU_ISA", "ALL", NEITHER),
        ("DNNL_MAX_CPU_ISA", "AVX2", BOTH),
        ("ONEDNN_DEFAULT_FPMATH_MODE", "BF16", BOTH),
        ("ONEDNN_DEFAULT_FPMATH_MODE", "strict", NEITHER),
        ("ATEN_CPU_CAPABILITY", "default", BOTH),
        ("OMP_DYNAMIC", "true", BOTH),
        ("OMP_DYNAMIC", " TRUE ", BOTH),
        ("OMP_DYNAMIC", "false", NEITHER),
        ("OMP_PROC_BIND", "true", SPEED),
        ("OMP_PROC_BIND", "spread", SPEED),
        ("OMP_PROC_BIND", "false", NEITHER),
        ("OMP_PLACES", "cores", SPEED),
        ("GOMP_CPU_AFFINITY", "0", SPEED),
        ("KMP_AFFINITY", "compact", SPEED),
        ("NVIDIA_TF32_OVERRIDE", "0", BOTH),
        ("NVIDIA_TF32_OVERRIDE", "1", NEITHER),
        ("CUBLAS_WORKSPACE_CONFIG", ":4096:8", BOTH),
        ("PYTORCH_ALLOC_CONF", "expandable_segments:True", SPEED),
        ("CUDA_LAUNCH_BLOCKING", "0", NEITHER),
        ("CUDA_LAUNCH_BLOCKING", "1", SPEED),
        ("CUDA_VISIBLE_DEVICES", "1", NEITHER),
        ("INTEL_ISA_DISABLE", "avx2", BOTH),
        ("LD_BIND_NOT", "1", SPEED),
        ("MALLOC_TRIM_THRESHOLD_", "0", SPEED),
        ("MALLOC_PERTURB_", "0", NEITHER),
        ("MALLOC_ARENA_MAX", "2", NEITHER),
        ("PYTHONTRACEMALLOC", "25", SPEED),
        ("MKL_CBWR", "", NEITHER),  # as if it were not set
    ],
)
def test_a_value_changes_what_its_library_documents(name: str, value: str, changes: str) -> None:
    assert what(name, value) == changes


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_THREAD_LIMIT"])
@pytest.mark.parametrize(
    ("value", "usable_threads", "changes"),
    [
        ("1", 2, BOTH),
        ("2", 2, NEITHER),
        ("64", 2, NEITHER),
        ("2,1", 2, NEITHER),
        ("1", None, BOTH),
        ("many", 2, BOTH),
    ],
)
def test_a_limit_of_threads_changes_nothing_from_the_usable_cpus_on(
    name: str, value: str, usable_threads: int | None, changes: str
) -> None:
    assert what(name, value, usable_threads) == changes


def test_a_variable_counts_only_for_the_devices_it_changes() -> None:
    variables = set_variables({"NCCL_ALGO": "Ring", "CUDA_LAUNCH_BLOCKING": "1"}, 2)
    assert effects(variables, "cpu") is None
    assert effects(variables, "cpu", "cuda") == "CUDA_LAUNCH_BLOCKING=1 changes speed"


def test_the_effects_are_named_by_what_they_change() -> None:
    environment = {"OMP_PLACES": "cores", "MKL_CBWR": "AVX2", "OMP_DYNAMIC": "true"}
    assert effects(set_variables(environment, 2), "cpu") == (
        "MKL_CBWR=AVX2, OMP_DYNAMIC=true change speed and bits; OMP_PLACES=cores changes speed"
    )


def test_no_other_variable_is_recorded() -> None:
    assert set_variables({"MKL_CBWRX": "1", "XMKL_CBWR": "1", "HF_TOKEN": "hf_abc"}, 2) == ()


def test_a_value_is_redacted_printable_and_short() -> None:
    value = "/home/jane/\x1b[31m" + "x" * 500
    (variable,) = set_variables({"LD_PRELOAD": value}, 2, lambda text: text.replace("jane", "USER"))
    assert variable.value.startswith("/home/USER/?[31mxxx")
    assert len(variable.value) == 200


def test_what_the_program_sets_itself_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    prepare_libraries()
    assert what("GOMP_SPINCOUNT", os.environ["GOMP_SPINCOUNT"]) == NEITHER


def test_what_the_images_set_changes_nothing() -> None:
    recipe = DOCKERFILE.read_text().replace("\\\n", " ")
    lines = re.findall(r"^ENV (.+)$", recipe, re.MULTILINE)
    environment = dict(pair.partition("=")[::2] for line in lines for pair in line.split())
    assert environment["NVIDIA_VISIBLE_DEVICES"] == "all"
    assert effects(set_variables(environment, 2), "cpu", "cuda", "nccl") is None


@pytest.mark.parametrize("name", ["KMP_AFFINITY", "KMP_BLOCKTIME", "KMP_HW_SUBSET"])
def test_intels_openmp_reads_its_variables_only_where_it_replaces_gnus(name: str) -> None:
    def changes(**more: str) -> str:
        found = set_variables({name: "compact", **more}, 2, gnu_openmp=True)
        return {variable.name: variable.changes for variable in found}[name]

    assert what(name, "compact") == SPEED  # not known to be GNU's
    assert changes() == NEITHER
    assert changes(LD_PRELOAD="/usr/lib/libhwloc.so") == NEITHER
    for library in ("libiomp5.so", "/opt/intel/libiomp5.so", "libomp.so.5"):
        assert changes(LD_PRELOAD=library) == SPEED


def test_the_locked_torch_brings_gnus_openmp() -> None:
    assert brings_gnu_openmp()


def test_every_row_of_the_table_has_what_it_needs() -> None:
    table = tomllib.loads(TABLE.read_text())["library"]
    for library in table:
        assert set(library) - {"replaces"} == {"name", "devices", "source", "variables"}
        assert set(library["devices"]) <= {"cpu", "cuda", "nccl"}
        assert library["source"].startswith("https://")
        for name, row in library["variables"].items():
            assert re.fullmatch(r"[A-Z][A-Z0-9_]+", name)
            assert row["changes"] in (SPEED, BITS, BOTH, NEITHER)
            assert set(row) <= {"changes", "harmless", "only", "threads"}
            assert all(value == value.lower() for value in row.get("harmless", ()))
    assert sum(len(library["variables"]) for library in table) == len(known_variables())
