"""What users of the images and projects built FROM them rely on."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.containers import Containers

LOCKS = Path(__file__).parents[2] / "docker/locks"

# Read from the built image, by other code than the one that wrote the labels.
MEASURE = """
import json, platform, warnings
warnings.simplefilter("ignore")
import torch, workload
facts = {
    "org.opencontainers.image.version": workload.__version__,
    "workload.python": platform.python_version(),
    "workload.torch": torch.__version__,
}
if torch.backends.cuda.is_built():
    number = torch.backends.cudnn.version()
    facts |= {
        "workload.cuda": torch.version.cuda,
        "workload.cudnn": f"{number // 10000}.{number % 10000 // 100}.{number % 100}",
        "workload.nccl": "%d.%d.%d" % torch.cuda.nccl.version(),
        "workload.arch-list": torch._C._cuda_getArchFlags(),
    }
print(json.dumps(facts))
"""

INSTALLED = """
import json
from importlib.metadata import distributions
print(json.dumps({d.name: d.version for d in distributions()}))
"""


def test_the_command_is_the_main_job(config: dict[str, Any]) -> None:
    assert config["Cmd"] == ["workload", "run"]


def test_there_is_no_entrypoint(config: dict[str, Any]) -> None:
    assert not config["Entrypoint"]


def test_the_user_is_a_number_and_not_root(config: dict[str, Any]) -> None:
    assert config["User"] == "10001:0"


def test_records_go_to_the_workspace(config: dict[str, Any]) -> None:
    assert config["WorkingDir"] == "/workspace"


@pytest.mark.parametrize(
    "setting",
    [
        "NVIDIA_VISIBLE_DEVICES=all",
        "NVIDIA_DRIVER_CAPABILITIES=compute,utility",
        "HOME=/tmp",
        "XDG_CACHE_HOME=/tmp/.cache",
        "TORCHINDUCTOR_CACHE_DIR=/tmp/.cache/inductor",
        "TRITON_CACHE_DIR=/tmp/.cache/triton",
    ],
)
def test_the_environment_has(setting: str, config: dict[str, Any]) -> None:
    assert setting in config["Env"]


def test_the_venv_comes_first_on_the_path(containers: Containers) -> None:
    assert containers.run("sh", "-c", "command -v python").stdout == "/opt/venv/bin/python\n"


def test_version_labels_say_what_is_in_the_image(
    config: dict[str, Any], containers: Containers
) -> None:
    measured = json.loads(containers.run("python", "-c", MEASURE).stdout)
    versions = r"workload\.(?!devel$).*|.*\.image\.version"
    labels = {k: v for k, v in config["Labels"].items() if re.fullmatch(versions, k)}
    assert labels == measured


def test_only_a_devel_image_says_that_it_is_one(config: dict[str, Any], recipe: str) -> None:
    assert config["Labels"].get("workload.devel") == ("true" if "devel" in recipe else None)


def test_packages_are_those_of_the_lock(containers: Containers, target: str) -> None:
    installed = json.loads(containers.run("python", "-c", INSTALLED).stdout)
    lock = (LOCKS / f"{target}.txt").read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)={2,3}([^ ]+)", lock, re.MULTILINE))
    ours = {name.lower().replace("_", "-"): version for name, version in installed.items()}
    assert set(ours.items()) - locked == {("workload", ours["workload"])}
