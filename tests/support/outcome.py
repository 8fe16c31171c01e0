"""What a person sees of one command."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What one call of `workload` left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        """Return stdout with a blank for each line break and indentation."""
        return " ".join(self.stdout.split())
