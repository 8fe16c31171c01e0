"""An environment variable that may have changed the results."""

from typing import Annotated

from workload.core.models.model import Model, one_of

SPEED, BITS, BOTH, NEITHER = "speed", "bits", "speed and bits", "neither"


class Variable(Model, frozen=True):
    """A variable of `core/variables.toml` that was set.

    `changes` is what this value changes in the results of `devices`. Secrets and names of
    users and machines are removed from `value`.
    """

    name: str
    value: str
    changes: Annotated[str, one_of(SPEED, BITS, BOTH, NEITHER)]
    devices: tuple[str, ...]  # "cpu", "cuda", "nccl"

    def matters(self, *devices: str) -> bool:
        """Return whether the variable changes results of one of these devices."""
        return self.changes != NEITHER and not set(self.devices).isdisjoint(devices)

    def __str__(self) -> str:
        """Return the variable as `name=value`."""
        return f"{self.name}={self.value}"
