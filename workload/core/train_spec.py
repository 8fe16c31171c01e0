"""What to train: the chapter's network, its presets and their limits; torch-free."""

import math
from dataclasses import dataclass, replace

from workload.core.units import DTYPE_BYTES

# The names that `--mode` takes; what they mean is in `modes`.
AUTO = "auto"
MODE_NAMES = ("eager", "fused", "compile", "graph", "dual", AUTO)
# Steps that a mode may do together: their losses are summed up at once, and a CUDA graph
# holds as many.
BLOCK_STEPS = 10
# Beside the tensors: what libraries allocate for themselves, and what the allocator keeps. Found,
# on a CPU: 102 MiB.
EXTRA_BYTES = 128 << 20

# A step too long for the input makes the loss grow: what must stay is step × input size.
# The chapter's own values keep it at 1e-3.
STABLE_STEP_TIMES_INPUT = 1e-3


@dataclass(frozen=True)
class TrainSpec:
    """The chapter's two-layer network: x (batch, input) · w1, ReLU, · w2, against y."""

    batch_size: int = 64
    input_size: int = 1000
    hidden_size: int = 100
    output_size: int = 10
    learning_rate: float = 1e-6
    steps: int = 500
    seed: int = 0
    dtype: str = "float32"

    @property
    def w1_shape(self) -> tuple[int, int]:
        """(input, hidden)."""
        return self.input_size, self.hidden_size

    @property
    def w2_shape(self) -> tuple[int, int]:
        """(hidden, output)."""
        return self.hidden_size, self.output_size

    @property
    def step_flops(self) -> int:
        """Floating-point operations of one step's five products; 256,384,000 for `wide`.

        Forward two; backward the gradients of w1, w2 and the hidden layer.
        """
        large, small = self.input_size * self.hidden_size, self.hidden_size * self.output_size
        return 2 * self.batch_size * (2 * large + 3 * small)

    @property
    def needed_bytes(self) -> int:
        """No mode needs more memory, the float64 loop that checks it included.

        At most four copies of the weights (drawn, trained, a gradient, a product on its way), three
        of the data (given, transposed, as a library packs them), activations and losses.
        """
        weights = self.input_size * self.hidden_size + self.hidden_size * self.output_size
        data = self.batch_size * (self.input_size + self.output_size)
        hidden = self.batch_size * self.hidden_size
        residuals = 2 * BLOCK_STEPS * self.batch_size * self.output_size
        gram = self.batch_size**2
        elements = 4 * weights + 3 * data + 6 * hidden + residuals + gram + self.steps
        reference = 4 * weights + data + 6 * hidden + gram
        own_bytes = DTYPE_BYTES[self.dtype] * elements
        return own_bytes + DTYPE_BYTES["float64"] * reference + EXTRA_BYTES

    @property
    def step_bytes(self) -> int:
        """The least of one step: both data read once, both weights read and written once."""
        weights = self.input_size * self.hidden_size + self.hidden_size * self.output_size
        data = self.batch_size * (self.input_size + self.output_size)
        return DTYPE_BYTES[self.dtype] * (data + 2 * weights)

    @property
    def checkpoint_bytes(self) -> int:
        """No checkpoint of this run is larger: weights, float64 losses, a header."""
        weights = self.input_size * self.hidden_size + self.hidden_size * self.output_size
        return DTYPE_BYTES[self.dtype] * weights + 8 * self.steps + (1 << 20)

    @property
    def stable_learning_rate(self) -> float:
        """The learning rate that keeps step × input size at the chapter's value."""
        return STABLE_STEP_TIMES_INPUT / self.input_size

    def differences(self, other: "TrainSpec") -> list[str]:
        """Names of the fields, but `steps`, in which two specifications differ."""
        same_length = replace(other, steps=self.steps)
        return [name for name, value in vars(self).items() if value != vars(same_length)[name]]


# `book` is what the chapter's prose says, `printed` what its code says: with 10000 inputs
# and 1e-6 it diverges in float32. `wide` is that network with a step that converges.
PRESETS = {
    "book": TrainSpec(),
    "wide": TrainSpec(input_size=10_000, learning_rate=1e-7),
    "printed": TrainSpec(input_size=10_000),
}


def divergence_line(
    spec: TrainSpec, step: int, last_finite: float | None, loss: float | None
) -> str:
    """What happened, why, and what to do, for a loss that stopped being finite at `step`."""
    became = "inf" if loss is not None and math.isinf(loss) else "nan"
    before = f"the last finite loss was {last_finite:.6g}" if last_finite is not None else "at once"
    if step == 1:
        return (
            f"loss became {became} at step 1: it is beyond the range of {spec.dtype}: "
            "choose another --dtype or smaller sizes"
        )
    return (
        f"loss became {became} at step {step} ({before}): the step is too long for the input; "
        f"learning rate × input size must stay near {STABLE_STEP_TIMES_INPUT:g}, here it is "
        f"{spec.learning_rate * spec.input_size:g}: try --learning-rate "
        f"{spec.stable_learning_rate:g}"
    )
