"""What one command prints."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """The exit code and the output of one call of `workload`."""

    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        """Return stdout with a blank for each line break and indentation."""
        return " ".join(self.stdout.split())
