"""What `workload doctor --deep` found."""

from workload.core.models.model import Fact


class BurnIn(Fact, frozen=True):
    """Products of one dtype, back to back, each compared in every element.

    GFLOP/s include the comparing. The first and the last quarter are those of the time; None
    before there were enough products.
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
    """The card while it burned in, as its driver tells; what it would not say is None."""

    readings: int
    highest_celsius: float | None
    lowest_mhz: float | None
    highest_mhz: float | None
    throttled: tuple[str, ...]  # for what reasons, in any reading
    risen: dict[str, int] | None  # counters of errors that rose meanwhile, and by how much


class Deep(Fact, frozen=True):
    """The burn-in of one device, as far as it came. `watch` is None where nothing watches."""

    device: str
    name: str
    budget_sec: float
    elapsed_sec: float
    burn_ins: tuple[BurnIn, ...] = ()
    memory: MemoryTest | None = None
    watch: BurnWatch | None = None
