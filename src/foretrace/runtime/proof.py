"""Proof that a span of blocks may be passed over: the same blocks in the same order, and nothing else used.

A model may use what a block inside the span made elsewhere than in the next block (a long skip into the tail,
a hint that is added later). Then passing over it is wrong even with a perfect forecast, which one replay of
a computed call with its own feature shows.
"""

from __future__ import annotations

from typing import Any, NoReturn

import torch

from foretrace.errors import ShapeChanged, UnsupportedModel
from foretrace.granularity import PerStack
from foretrace.history import Step
from foretrace.runtime.packing import unpack


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


def check_replay(name: str, granularity: PerStack, replayed: Any, computed: Any) -> None:
    """Raise if a call replayed with its own feature differs from the computed one by more than rounding."""
    for again, truth in zip(unpack(replayed, name)[0], unpack(computed, name)[0], strict=True):
        if truth.device.type == "meta":
            continue
        apart = (again - truth).float().norm()
        allowed = 100 * torch.finfo(truth.dtype).eps * truth.float().norm()
        if not bool(apart <= allowed) and bool(torch.isfinite(truth).all()):
            raise UnsupportedModel(
                f"{name} uses what skipped blocks make elsewhere than in the next block: with {granularity} "
                f"a skipped call is off by {float(apart / truth.float().norm()):.2g} even with a perfect "
                "forecast; expected 0. Lower tail, raise head, or use granularity=PerModel()."
            )
