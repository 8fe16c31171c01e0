"""What a person sees of one command."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What one call of `workload` left behind."""

    code: int
    stdout: str
    stderr: str
