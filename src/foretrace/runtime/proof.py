"""Proof that modules may be passed over: the same ones in the same order, and nothing else used of them.

A model may use what a skipped block made elsewhere than in the next block (a long skip into the tail, a hint
that is added later). Then passing over it is wrong even with a perfect forecast, which one replay of a
computed call with its own feature shows. At a stack no block runs in a replay, since running may have effects
(a cache of keys and values grows): blocks before and after the skipped ones answer what they returned, and
those after must be handed what they were handed.
"""

from __future__ import annotations

from typing import NoReturn

import torch

from foretrace.errors import ShapeChanged, UnsupportedModel
from foretrace.granularity import Granularity
from foretrace.history import Feature, Step


def check_count(name: str, step: Step, got: int, expected: int) -> None:
    """Raise if a call ran another number of blocks than the run's first call."""
    if got != expected:
        raise ShapeChanged(
            f"{name} ran {got} blocks at step {step.index}; expected {expected} as at the start of the run. "
            "Use granularity=PerModel() where blocks are switched during a run, or run.begin()."
        )


def raise_other_block(name: str, step: Step, call: int) -> NoReturn:
    """The call-th block of a skipped call is not that of the run's first call."""
    raise ShapeChanged(
        f"{name} ran another block in place {call} at step {step.index}; expected those of the start of the "
        "run, in that order. Use granularity=PerModel() where blocks are switched in a run, or run.begin()."
    )


def check_replay(name: str, granularity: Granularity, replayed: Feature, computed: Feature) -> None:
    """Raise if what a replay hands on differs from what the computed call did by more than rounding."""
    for again, truth in zip(replayed, computed, strict=True):
        if truth.device.type == "meta" or not truth.is_floating_point():
            continue
        apart = (again - truth).float().norm()
        allowed = 100 * torch.finfo(truth.dtype).eps * truth.float().norm()
        if not bool(apart <= allowed) and bool(torch.isfinite(truth).all()):
            raise UnsupportedModel(
                f"{name} uses what skipped blocks make elsewhere than in the next block: with {granularity} "
                f"a skipped call is off by {float(apart / truth.float().norm()):.2g} even with a perfect "
                "forecast; expected 0. Lower tail, raise head, or use granularity=PerModel()."
            )
