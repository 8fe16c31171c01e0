"""Whether what a command imports is compiled in an image."""

# Runs commands, then names the modules whose compiled file is not there, the system's too.
RUN_AND_TELL = """
import sys, warnings
from pathlib import Path
code = 0
for words in map(str.split, sys.argv.pop(1).split(";")):
    if words == ["import", "torch"]:
        warnings.simplefilter("ignore")
        import torch
    else:
        from workload.cli.main import main
        output = [] if words[0] == "report" else ["--output", "/tmp/results"]
        code = main([*words, *output]) or code
specs = [getattr(module, "__spec__", None) for module in list(sys.modules.values())]
compiled = [spec for spec in specs if spec and spec.cached and spec.origin.endswith(".py")]
lacking = sorted({spec.name for spec in compiled if not Path(spec.cached).exists()})
print("modules", len(compiled), *lacking)
sys.exit(code)
"""


def require_compiled(told: str) -> None:
    """Assert that the last line of RUN_AND_TELL names no module that is not compiled."""
    last = told.splitlines()[-1].split()
    assert last[0] == "modules", told
    assert int(last[1]) > 60, told
    assert last[2:] == []
