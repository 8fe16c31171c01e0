"""Classify images by the direction of their stripes, horizontal or vertical, on any device.

    python train.py [auto|cpu|cuda|cuda:N]

The network and its loop belong to this example. `workload` reports which device works and how long
a step takes. Exit 4: the device cannot be used. Exit 3: the network did not learn.
"""

import sys

import torch
from einops import rearrange
from torch import Tensor, nn

from workload.bench.timing import TimingConfig, measure
from workload.core.errors import ExitCode, WorkloadError, WrongNumbersError
from workload.core.methods import CUDA_EVENTS
from workload.core.units import format_seconds
from workload.hardware import devices

IMAGES, SIDE, PATCH, STEPS = 256, 16, 4, 200
TIMED_SEC = 2.0  # for timing one step
ENOUGH = 0.95  # of the images must be classified correctly
BY_EVENTS = TimingConfig(CUDA_EVENTS)  # on a GPU: by default, Adam is not capturable in a graph


def stripes() -> tuple[Tensor, Tensor]:
    """Return noisy images (IMAGES, SIDE, SIDE), and which of them have vertical stripes."""
    kinds = torch.arange(IMAGES) % 2
    wave = torch.sin(torch.arange(SIDE) * 1.5)
    rows = wave[:, None].expand(SIDE, SIDE)
    images = torch.where(kinds[:, None, None] == 1, rows.T, rows)
    return images + 0.5 * torch.randn(images.shape), kinds


class Network(nn.Module):
    """A classifier that scores the mean features of an image's patches."""

    def __init__(self) -> None:
        """Create the two layers."""
        super().__init__()
        self.patch = nn.Linear(PATCH**2, 16)
        self.whole = nn.Linear(16, 2)

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores of each image for the two directions, as a tensor (images, 2)."""
        patches = rearrange(images, "n (a h) (b w) -> n (a b) (h w)", h=PATCH, w=PATCH)
        scores: Tensor = self.whole(torch.relu(self.patch(patches)).mean(dim=1))
        return scores


def main(requested: str) -> None:
    """Choose the device, train, time a step, and print the result."""
    device = devices.resolve(requested)
    print(f"device  {device.torch_name}: {device.name} ({device.reason})")
    torch.manual_seed(0)
    images, kinds = (data.to(device.torch_name) for data in stripes())
    network = Network().to(device.torch_name)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(images), kinds)
        loss.backward()
        optimizer.step()
        return loss.detach()

    losses = torch.stack([step() for _ in range(STEPS)])  # read once, at the end
    right = float((network(images).argmax(dim=1) == kinds).double().mean())
    print(f"train   {STEPS} steps, loss {losses[0]:.2f} to {losses[-1]:.5f}, {right:.0%} right")
    if right < ENOUGH:
        raise WrongNumbersError(
            f"only {right:.0%} of the images were classified correctly, below {ENOUGH:.0%}"
        )
    timing = measure(step, device, TIMED_SEC, BY_EVENTS)
    median_sec = timing.median_sec
    step_time = "unknown" if median_sec is None else format_seconds(median_sec)
    print(f"step    {step_time}; {timing.warning or 'steady'}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:2] or ["auto"])
    except WorkloadError as error:
        print(f"train.py: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:  # torch's optimizers create a cache folder
        print(f"train.py: {error}: mount a tmpfs on /tmp", file=sys.stderr)
        sys.exit(ExitCode.UNFIT)
