"""The shape of a matmul."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """The shape of a matmul: (m, k) by (k, n)."""

    m: int
    k: int
    n: int

    @property
    def flops(self) -> int:
        """Count the floating-point operations: m·k·n multiplies and as many adds."""
        return 2 * self.m * self.k * self.n

    @property
    def elements(self) -> int:
        """Count the elements of both inputs and of the result."""
        return self.m * self.k + self.k * self.n + self.m * self.n

    def __str__(self) -> str:
        """Format the shape as `--sizes` accepts it: `4096`, or `MxKxN`."""
        return shape_label((self.m, self.k, self.n))


def shape_label(shape: tuple[int, ...]) -> str:
    """Return one number if all dimensions are equal (`4096`), else all of them (`64x10000x100`)."""
    return str(shape[0]) if len(set(shape)) == 1 else "x".join(map(str, shape))
