"""What `workload doctor --deep` found."""

from workload.core.models.model import Fact


class BurnIn(Fact, frozen=True):
    """Matmuls of one dtype, one after the other, every element of each compared.

    GFLOP/s include the comparison. The first and the last are those of the first and the last
    quarter of the time; None with too few matmuls.
    """

    device: str
    dtype: str
    edge: int  # of the square matrices
    products: int
    elements: int  # that were compared, in all products
    wrong_products: int
    wrong_elements: int
    first_wrong: int | None  # the number of the product, from 1
    first_wrong_elements: int | None  # of that product
    first_gflops: float | None
    last_gflops: float | None
    error: str | None = None


class MemoryTest(Fact, frozen=True):
    """Patterns written to a share of the free memory, read back and compared."""

    device: str
    tested_bytes: int
    patterns: int  # that were written and read back in full
    compared_bytes: int
    wrong_words: int  # of 8 bytes
    first_wrong: str | None  # where, in which pattern, and which bits
    error: str | None = None


class BurnWatch(Fact, frozen=True):
    """The GPU during the stress test, as its driver reports it; unknown is None."""

    readings: int
    highest_celsius: float | None
    lowest_mhz: float | None
    highest_mhz: float | None
    throttled: tuple[str, ...]  # the reasons, in any reading
    risen: dict[str, int] | None  # error counters that rose, and by how much


class Deep(Fact, frozen=True):
    """The stress test of one device, as far as it came. `watch` is None without sensors."""

    device: str
    name: str
    budget_sec: float
    elapsed_sec: float
    burn_ins: tuple[BurnIn, ...] = ()
    memory: MemoryTest | None = None
    watch: BurnWatch | None = None
