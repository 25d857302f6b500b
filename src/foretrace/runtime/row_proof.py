"""Proof that some samples of a batch may be computed alone, by one call with the first sample computed."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch

from foretrace.errors import UnsupportedModel
from foretrace.history import Step
from foretrace.runtime.invocation import Invocation
from foretrace.runtime.model_site import ModelSite
from foretrace.runtime.module_site import ModuleSite
from foretrace.runtime.packing import unpack
from foretrace.runtime.stack_site import StackSite
from foretrace.runtime.trace import Trace


def check_rows(
    site: ModelSite | StackSite | ModuleSite,
    trace: Trace,
    step: Step,
    call: Invocation,
    computed: Any,
) -> None:
    """Raise if a call with only the first sample computed does not repeat ``computed`` at the same input.

    The others are forecast from this one computed call, and so repeated as they are: what differs shows that
    a sample's result depends on the others, or that an argument could not be told from a batch.
    """
    apart = replace(
        trace, states=copy.deepcopy(trace.states), observer=None, watch=None, _passing=[], _ranges=None
    )
    later = replace(step, index=step.index + 1, coordinate=step.time + 1.0)
    try:
        output = site.partly(apart, later, call, (0,))
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise UnsupportedModel(
            f"{trace.source}: one sample of {step.batch} cannot be computed alone ({error}); expected "
            "arguments with one row a sample. Use reduce='any' or 'mean'."
        ) from error
    again, _ = unpack(output, trace.source)
    for x, truth in zip(again, unpack(computed, trace.source)[0], strict=True):
        off = (x - truth).float().norm()
        allowed = 1000 * torch.finfo(truth.dtype).eps * truth.float().norm()
        if truth.device.type != "meta" and not bool(off <= allowed):
            raise UnsupportedModel(
                f"{trace.source}: a sample computed alone differs from itself in a batch of {step.batch} by "
                f"{float(off / truth.float().norm()):.2g}; expected rounding. Its arguments cannot be told "
                "apart by sample: use reduce='any' or 'mean'."
            )
