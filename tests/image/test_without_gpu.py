"""What the images do where there is no GPU."""

import pytest
from support.containers import Containers

# A -devel image has these layers: see test_devel_layers.py.
pytestmark = pytest.mark.only("runtime")

QUIETLY = "import warnings; warnings.simplefilter('ignore'); import torch; "
CUDNN = (
    "import ctypes; import nvidia, pathlib; "
    "(library,) = pathlib.Path(nvidia.__path__[0]).rglob('libcudnn.so.9'); "
    "print(ctypes.CDLL(str(library)).cudnnGetVersion())"
)


@pytest.mark.only("gpu")
def test_the_cuda_build_of_torch_imports(containers: Containers) -> None:
    ended = containers.run("python", "-c", QUIETLY + "print(torch.backends.cuda.is_built())")
    assert (ended.code, ended.stdout) == (0, "True\n")


@pytest.mark.only("gpu")
def test_libcudnn_answers_its_version(containers: Containers) -> None:
    library = containers.run("python", "-c", CUDNN)
    torch = containers.run("python", "-c", QUIETLY + "print(torch.backends.cudnn.version())")
    assert library.code == 0
    assert library.stdout == torch.stdout


def test_asking_the_doctor_for_cuda_is_refused_in_one_line(containers: Containers) -> None:
    ended = containers.run("workload", "doctor", "--device", "cuda")
    assert ended.code == 4
    (line,) = ended.stderr.splitlines()
    assert line.startswith("workload doctor: ")
    assert "cuda" in line.lower()


def test_cuda_is_never_replaced_by_the_cpu(containers: Containers) -> None:
    ended = containers.run("workload", "matmul", "--device", "cuda", "--sizes", "64")
    assert ended.code == 4
    assert "GFLOP/s" not in ended.stdout
