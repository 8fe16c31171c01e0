"""The results of `workload doctor --deep`."""

from workload.core.models.model import Fact


class BurnIn(Fact, frozen=True):
    """Consecutive matmuls of one dtype, each compared element by element with the correct product.

    `first_gflops` and `last_gflops` are the rates in the first and the last quarter of the time;
    None if there were too few matmuls. The times include the comparison.
    """

    device: str
    dtype: str
    edge: int  # rows and columns of the square matrices
    products: int
    elements: int  # compared elements of all products
    wrong_products: int
    wrong_elements: int
    first_wrong: int | None  # the number of the first wrong product, from 1
    first_wrong_elements: int | None  # mismatches in that product
    first_gflops: float | None
    last_gflops: float | None
    error: str | None = None


class MemoryTest(Fact, frozen=True):
    """A test that writes patterns to a share of the free memory, then reads and compares them."""

    device: str
    tested_bytes: int
    patterns: int  # patterns that were written and read back in full
    compared_bytes: int
    wrong_words: int  # of 8 bytes
    first_wrong: str | None  # the position, the pattern and the bits
    error: str | None = None


class BurnWatch(Fact, frozen=True):
    """What the driver reported about the GPU during the stress test. Unknown values are None."""

    readings: int
    highest_celsius: float | None
    lowest_mhz: float | None
    highest_mhz: float | None
    throttled: tuple[str, ...]  # the reasons of all readings
    risen: dict[str, int] | None  # error counters that rose, and by how much


class Deep(Fact, frozen=True):
    """The stress test of one device, possibly incomplete. `watch` is None without sensors."""

    device: str
    name: str
    budget_sec: float
    elapsed_sec: float
    burn_ins: tuple[BurnIn, ...] = ()
    memory: MemoryTest | None = None
    watch: BurnWatch | None = None
