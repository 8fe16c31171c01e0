"""Verdicts about the card's settings and health, as its driver tells them. Pure."""

from collections.abc import Callable

from workload.doctor.checks.gpu_needs import DRIVER, GPU, gpu_check, requested_gpu, requested_gpus
from workload.doctor.checks.verdicts import (
    Check,
    Need,
    Outcome,
    failed,
    known,
    not_applicable,
    passed,
    unknown,
    warned,
    worst,
)
from workload.doctor.probes.facts import Facts
from workload.hardware.cuda_support import DATA_CENTRE_BRANDS
from workload.hardware.gpu_state import NOT_SUPPORTED, GpuState
from workload.hardware.nvml import Gpu

# What a card may hold that nobody but its driver and this process have put there; a rule of
# thumb. The driver keeps some hundred MB, a CUDA context as much.
OWN_MEMORY_BYTES = 2_000_000_000

Judge = Callable[[Facts, Gpu, GpuState], Outcome]


def judge_mig(_: Facts, gpu: Gpu, state: GpuState) -> Outcome:
    """Is the card cut into slices?"""
    if state.mig is None:
        return _unanswered(gpu, state, "mig")
    if not state.mig:
        return passed(card=_name(gpu))
    if state.mig_slices == 0:
        return failed("no_slices", card=_name(gpu))
    return warned("sliced", card=_name(gpu), slices=state.mig_slices or "an unknown number of")


def judge_compute_mode(_: Facts, gpu: Gpu, state: GpuState) -> Outcome:
    """May this process, and others beside it, use the card?"""
    values = {"card": _name(gpu), "mode": state.compute_mode}
    if state.compute_mode is None:
        return _unanswered(gpu, state, "compute-mode")
    if state.compute_mode == "prohibited":
        return failed("prohibited", **values)
    return passed(**values) if state.compute_mode == "default" else warned("exclusive", **values)


def judge_gpu_processes(facts: Facts, gpu: Gpu, state: GpuState) -> Outcome:
    """Does somebody else use the card? Containers hide processes, not the memory they hold."""
    used_bytes = (gpu.memory_total_bytes or 0) - (gpu.memory_free_bytes or 0)
    if state.processes is None:
        return _unanswered(gpu, state, "gpu-shared")
    others = state.processes - (1 if requested_gpu(facts) else 0)
    if others > 0:
        return warned("others", card=_name(gpu), others=others)
    if gpu.memory_free_bytes is not None and used_bytes > OWN_MEMORY_BYTES:
        return warned("memory_taken", card=_name(gpu), used_bytes=used_bytes)
    return passed(card=_name(gpu))


def judge_ecc(_: Facts, gpu: Gpu, state: GpuState) -> Outcome:
    """Does the card's memory correct errors, and did any go beyond that?"""
    if state.ecc is None or (state.ecc and state.ecc_uncorrected is None):
        return _unanswered(gpu, state, "ecc")
    if state.ecc_uncorrected:
        return failed("errors", card=_name(gpu), errors=state.ecc_uncorrected)
    if not state.ecc and state.brand in DATA_CENTRE_BRANDS:
        return warned("off", card=_name(gpu))
    setting = "on, no error beyond repair" if state.ecc else "off, as usual for this kind of card"
    return passed(card=_name(gpu), setting=setting)


def judge_row_remap(_: Facts, gpu: Gpu, state: GpuState) -> Outcome:
    """Are memory rows waiting to be replaced, or beyond it?"""
    if state.remap_pending is None or state.remap_failed is None:
        return _unanswered(gpu, state, "row-remap")
    if state.remap_failed:
        return failed("failed", card=_name(gpu))
    return (warned("pending", card=_name(gpu)) if state.remap_pending
            else passed(card=_name(gpu)))  # fmt: skip


def judge_throttle(_: Facts, gpu: Gpu, state: GpuState) -> Outcome:
    """Is the card slowed down although nothing large runs?"""
    if state.throttled is None:
        return _unanswered(gpu, state, "throttle")
    if state.throttled:
        return warned("slowed", card=_name(gpu), reasons=", ".join(state.throttled))
    return passed(card=_name(gpu))


def judge_persistence(_: Facts, gpu: Gpu, state: GpuState) -> Outcome:
    """Does the driver keep the card ready while nobody uses it?"""
    if state.persistence is None:
        return _unanswered(gpu, state, "persistence")
    return passed(card=_name(gpu)) if state.persistence else warned("off", card=_name(gpu))


def judge_pcie(facts: Facts, gpu: Gpu, state: GpuState) -> Outcome:
    """Does the slot give the card all lanes and the generation that it has?"""
    link = state.pcie
    if link.width is None or link.generation is None or link.card_generation is None:
        return _unanswered(gpu, state, "pcie")
    card_width = known(facts.link_widths).get(link.address or "", link.width)
    values = {
        "card": _name(gpu),
        "link": f"generation {link.generation}, {link.width} lanes",
        "own": f"generation {link.card_generation}, {card_width} lanes",
    }
    slow = link.width < card_width or link.generation < link.card_generation
    return warned("slow", **values) if slow else passed(**values)


def _name(gpu: Gpu) -> str:
    return f"GPU {gpu.index} {gpu.name or '(nameless)'}"


def _unanswered(gpu: Gpu, state: GpuState, question: str) -> Outcome:
    reason = state.silent.get(question, "without a reason")
    if reason == NOT_SUPPORTED:
        return not_applicable("card-has-none", card=_name(gpu))
    return unknown("card-silent", card=_name(gpu), reason=reason)


CARD = Need("card-lost", lambda facts: any(gpu.state for gpu in requested_gpus(facts)))


def _card_check(id_: str, judge: Judge) -> Check:
    """The worst answer of the cards that matter, see `requested_gpus`."""

    def judge_all(facts: Facts) -> Outcome:
        cards = [gpu for gpu in requested_gpus(facts) if gpu.state]
        return worst(judge(facts, gpu, known(gpu.state)) for gpu in cards)

    return gpu_check(id_, judge_all, DRIVER, GPU, CARD)


SETTING_CHECKS = (
    _card_check("mig", judge_mig),
    _card_check("compute-mode", judge_compute_mode),
)
CARD_CHECKS = (
    _card_check("gpu-shared", judge_gpu_processes),
    _card_check("ecc", judge_ecc),
    _card_check("row-remap", judge_row_remap),
    _card_check("throttle", judge_throttle),
    _card_check("persistence", judge_persistence),
    _card_check("pcie", judge_pcie),
)
