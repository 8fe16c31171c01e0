"""Checks of what torch.compile needs: a compiler, caches, a home folder and a user name."""

from workload.core.models.facts import Facts
from workload.core.models.machine import Folder
from workload.doctor.checks.check import (
    CheckResult,
    check,
    known,
    not_applicable,
    passed,
    warned,
)
from workload.doctor.checks.gpu_needs import cuda_required, cuda_started
from workload.hardware.compilers import fix

# Variables that name the folders from which torch.compile loads libraries. The default of the first
# is below TMPDIR; the default of the second is below the first.
CACHES = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")


@check(
    "home",
    asks="Is HOME writable?",
    why="torch.compile and Triton keep their caches there",
    fix="set HOME to a writable folder, such as /tmp",
    link="https://github.com/pytorch/pytorch/issues/140765",
)
def home(facts: Facts) -> CheckResult:
    """Check that caches can be written below HOME."""
    user = known(facts.user)
    path = user.home or "HOME (not set)"
    if user.home_writable:
        return passed(f"{path} is writable")
    return warned(f"{path} is not writable", case="not_writable")


@check(
    "passwd",
    asks="Does the user id have a name?",
    why="torch.compile asks for a user name and crashes without one",
    fix="set USER to any name",
    link="https://github.com/pytorch/pytorch/issues/140765",
)
def passwd(facts: Facts) -> CheckResult:
    """Check that passwd or the environment has a name for the user id."""
    user = known(facts.user)
    if user.has_passwd_entry or user.has_name_in_environment:
        return passed(f"uid {user.uid} has a name")
    return warned(f"uid {user.uid} has no passwd entry", case="nameless")


@check(
    "compiler",
    asks="Are a compiler (C for a GPU, C++ for a CPU) and Python.h installed?",
    why="torch.compile cannot compile its kernels without them; everything else works",
    fix="use a -devel image, or install g++, openssl and python3-dev",
    link="https://github.com/pytorch/pytorch/issues/116696",
)
def compiler(facts: Facts) -> CheckResult:
    """Check for the compiler that torch.compile calls. A runtime image has none by design."""
    on_gpu = cuda_started(facts) or cuda_required(facts)
    compilers, environment = known(facts.compilers), known(facts.environment)
    found = compilers.c if on_gpu else compilers.cxx
    if found and compilers.headers:
        return passed(f"torch.compile finds {found}")
    variant = environment.get("WORKLOAD_VARIANT")
    if variant and not (compilers.c or compilers.cxx):
        return not_applicable(
            f"a runtime image has no compiler, but workload:{variant}-devel has one",
            case="runtime-image",
        )
    language = "C compiler" if on_gpu else "C++ compiler"
    missing = "Python.h" if found else language
    return warned(f"there is no {missing}", case="missing", fix=fix(environment))


@check(
    "compile-cache",
    asks="Can torch.compile write its caches and load libraries from them?",
    why="torch.compile fails if it cannot store the code that it compiles",
    fix="set TORCHINDUCTOR_CACHE_DIR and TRITON_CACHE_DIR to a writable folder",
    link="https://github.com/pytorch/pytorch/issues/140765",
)
def compile_cache(facts: Facts) -> CheckResult:
    """Check that the caches are writable and, if there is a compiler, not mounted noexec."""
    caches = _caches(facts)
    closed = [folder for folder in caches if folder.problem]
    if closed:
        problem = f"cannot write a cache to {closed[0].path} ({closed[0].problem})"
        return warned(problem, case="not_writable")
    noexec = [folder for folder in caches if folder.executable is False]
    compilers = known(facts.compilers)
    if noexec and compilers.headers and (compilers.c or compilers.cxx):
        return warned(
            f"{noexec[0].path} is mounted noexec",
            case="noexec",
            why="torch.compile loads its compiled libraries from there",
            fix="set TORCHINDUCTOR_CACHE_DIR and TRITON_CACHE_DIR to folders that are not, or "
            "mount it with exec: docker run --tmpfs /tmp:exec",
        )
    paths = ", ".join(dict.fromkeys(folder.path for folder in caches))
    return passed(f"torch.compile can use {paths}")


def _caches(facts: Facts) -> list[Folder]:
    by_purpose = {folder.purpose: folder for folder in known(facts.folders)}
    purposes = CACHES if CACHES[0] in by_purpose else (*CACHES, "TMPDIR")
    return [by_purpose[purpose] for purpose in purposes if purpose in by_purpose]
