"""Verdicts about the burn-in of `--deep`. Pure."""

from workload.core.units import format_rate
from workload.doctor.checks.verdicts import (
    WRONG,
    Check,
    Need,
    Outcome,
    failed,
    known,
    passed,
    unknown,
    warned,
    worst,
)
from workload.doctor.probes.facts import DEEP, Facts
from workload.doctor.stress.facts import BurnIn, Deep
from workload.hardware.sensors import BEYOND_REPAIR

# A card whose last quarter is slower than this share of the first gets too hot, or its supply is
# too weak. On a CPU others take as much.
STEADY_SHARE = 0.9

ASKED = Need("not-deep", lambda facts: facts.depth == DEEP)
BURNED = Need("no-device", lambda facts: facts.deep is not None)
CARD = Need("cpu-burned", lambda facts: facts.deep is None or facts.deep.device != "cpu")


def judge_products(facts: Facts) -> Outcome:
    """Did every product come out right in every element, and the speed stay?"""
    burned = known(facts.deep).burn_ins
    if not burned:
        return failed("not_run")
    outcomes = [_judge_dtype(one) for one in burned]
    wrong = [outcome for outcome in outcomes if outcome.case == WRONG]  # graver than an error
    outcome = worst(wrong or outcomes)
    if outcome.case != "pass":
        return outcome
    return passed(
        products=sum(one.products for one in burned),
        elements=sum(one.elements for one in burned),
        device=burned[0].device,
        rates=", ".join(map(_rates, burned)),
    )


def _judge_dtype(burned: BurnIn) -> Outcome:
    values = {**vars(burned), "rates": _rates(burned)}
    if burned.wrong_elements:
        return failed(WRONG, **values)
    if burned.error is not None:
        return failed("error", **values)
    if not burned.products:
        return failed("not_run")
    return warned("slowed", **values) if _slowed(burned) else passed()


def _slowed(burned: BurnIn) -> bool:
    first, last = burned.first_gflops, burned.last_gflops
    on_card = burned.device != "cpu"
    return on_card and first is not None and last is not None and last < STEADY_SHARE * first


def _rates(burned: BurnIn) -> str:
    """As `float32 210 to 208`, from the first to the last quarter."""
    first, last = burned.first_gflops, burned.last_gflops
    if first is None or last is None:
        return f"{burned.dtype} unknown"
    return f"{burned.dtype} {format_rate(first)} to {format_rate(last)}"


def judge_memory(facts: Facts) -> Outcome:
    """Did memory keep every pattern?"""
    memory = known(facts.deep).memory
    if memory is None or not (memory.compared_bytes or memory.error):
        return failed("not_run")
    values = vars(memory)
    if memory.wrong_words:
        return failed(WRONG, **values)
    return passed(**values) if memory.error is None else failed("error", **values)


def judge_watch(facts: Facts) -> Outcome:
    """Did the card count errors or slow itself down while it worked?"""
    deep = known(facts.deep)
    watch = deep.watch
    if watch is None or watch.risen is None:
        return unknown("unwatched", card=_card(deep))
    counted = ", ".join(f"{count} {name}" for name, count in watch.risen.items())
    if BEYOND_REPAIR & watch.risen.keys():
        return failed("errors", card=_card(deep), counted=counted)
    if watch.risen:
        return warned("repaired", card=_card(deep), counted=counted)
    if watch.throttled:
        return warned("throttled", card=_card(deep), reasons=", ".join(watch.throttled))
    return passed(
        card=_card(deep),
        temperature=_told("temperature", "at most {:.0f} °C", watch.highest_celsius),
        clocks=_told("clocks", "from {:.0f} to {:.0f} MHz", watch.lowest_mhz, watch.highest_mhz),
    )


def _card(deep: Deep) -> str:
    return f"{deep.device} {deep.name}"


def _told(quantity: str, words: str, *numbers: float | None) -> str:
    known = "unknown" if None in numbers else words.format(*numbers)
    return f"{quantity} {known}"


DEEP_CHECKS = (
    Check("burn-in", judge_products, (ASKED, BURNED)),
    Check("memory-pattern", judge_memory, (ASKED, BURNED)),
    Check("burn-watch", judge_watch, (ASKED, BURNED, CARD)),
)
