"""The example network, its presets and its limits."""

import math
from dataclasses import dataclass, replace

from workload.core.units import DTYPE_BYTES

# The values of `--mode`; `workload.train.modes` describes them.
AUTO = "auto"
MODE_NAMES = ("eager", "fused", "compile", "graph", "dual", AUTO)
# The modes for several ranks; the first is the default.
RANK_MODE_NAMES = ("all-reduce", "ddp")
# The number of steps that a mode may group: the mode computes their losses in one operation, or
# captures the steps in one CUDA graph.
BLOCK_STEPS = 10
# Floating-point operations of a step per thread. On two idle cores, a second thread makes a step of
# `book` (26 million operations) 1.6 times faster. Beside a busy process, it makes the step ten
# times slower.
FLOPS_PER_THREAD = 50_000_000
# Memory beyond the tensors: what libraries allocate, and what the allocator keeps. Measured on a
# CPU: 102 MiB.
EXTRA_BYTES = 128 << 20

# The loss grows if the learning rate is too large for the input size, so the product of the two
# must stay constant. The product is 1e-3 with the values of the book's text.
STABLE_STEP_TIMES_INPUT = 1e-3


@dataclass(frozen=True)
class TrainSpec:
    """The example network of two layers: ReLU(x · w1) · w2, trained on y; x is (batch, input)."""

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
        """Return (input, hidden)."""
        return self.input_size, self.hidden_size

    @property
    def w2_shape(self) -> tuple[int, int]:
        """Return (hidden, output)."""
        return self.hidden_size, self.output_size

    @property
    def step_flops(self) -> int:
        """Count the floating-point operations of the five matmuls; 256,384,000 for `wide`.

        Two are forward; three are the gradients of w1, w2 and the hidden layer.
        """
        large, small = self.input_size * self.hidden_size, self.hidden_size * self.output_size
        return 2 * self.batch_size * (2 * large + 3 * small)

    def threads(self, most: int) -> int:
        """Return how many CPU threads to use: one per FLOPS_PER_THREAD operations, up to `most`.

        The number is at least 1. Only the shapes and `most` determine it.
        """
        return max(1, min(most, self.step_flops // FLOPS_PER_THREAD))

    @property
    def needed_bytes(self) -> int:
        """Return the maximum number of bytes that a mode needs, including its float64 check.

        These are at most four arrays of the weights' size (initial weights, trained weights, a
        gradient, a temporary array), three of the data's size (original, transposed, packed by a
        library), activations and losses.
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
        """Count the bytes that a step must move: data read once, weights read and written once."""
        weights = self.input_size * self.hidden_size + self.hidden_size * self.output_size
        data = self.batch_size * (self.input_size + self.output_size)
        return DTYPE_BYTES[self.dtype] * (data + 2 * weights)

    @property
    def checkpoint_bytes(self) -> int:
        """Return the maximum size of a checkpoint: weights, float64 losses, and a header."""
        weights = self.input_size * self.hidden_size + self.hidden_size * self.output_size
        return DTYPE_BYTES[self.dtype] * weights + 8 * self.steps + (1 << 20)

    def differences(self, other: "TrainSpec") -> list[str]:
        """Return the fields, except `steps`, in which two specifications differ."""
        same_length = replace(other, steps=self.steps)
        return [name for name, value in vars(self).items() if value != vars(same_length)[name]]


# `book` is the network in the book's text. `printed` is the network in the book's code: with 10000
# inputs and a learning rate of 1e-6, it diverges in float32. `wide` is the same network with a
# learning rate at which it converges.
PRESETS = {
    "book": TrainSpec(),
    "wide": TrainSpec(input_size=10_000, learning_rate=1e-7),
    "printed": TrainSpec(input_size=10_000),
}


def divergence_line(
    spec: TrainSpec, step: int, last_finite: float | None, loss: float | None
) -> str:
    """Return why the loss stopped being finite at `step`, and what to do."""
    became = "inf" if loss is not None and math.isinf(loss) else "nan"
    before = f"the last finite loss was {last_finite:.6g}" if last_finite is not None else "at once"
    if step == 1:
        return (
            f"loss became {became} at step 1, because it is beyond the range of {spec.dtype}: "
            "choose another --dtype or smaller sizes"
        )
    return (
        f"loss became {became} at step {step} ({before}); the learning rate is too large, because "
        f"learning rate × input size is {spec.learning_rate * spec.input_size:g}, but must stay "
        f"near {STABLE_STEP_TIMES_INPUT:g}: try --learning-rate "
        f"{STABLE_STEP_TIMES_INPUT / spec.input_size:g}"
    )
