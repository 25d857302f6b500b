"""Which site serves a method on a denoiser, and when a forecast can stand for a call."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from foretrace.combinator.per_sample import PerSample
from foretrace.errors import UnsupportedModel
from foretrace.granularity import PerBlock, PerModel, PerModule, PerStack
from foretrace.method import Method
from foretrace.runtime.gated_site import GatedSite
from foretrace.runtime.invocation import Invocation
from foretrace.runtime.model_site import ModelSite
from foretrace.runtime.module_site import ModuleSite
from foretrace.runtime.stack_site import StackSite
from foretrace.runtime.trace import Trace

Site = ModelSite | StackSite | ModuleSite | GatedSite


def at_run_time(method: Method) -> Method:
    """The method as it runs: with a history for every sample, where samples decide for themselves."""
    decides = method.gate is not None and method.gate.reduce == "sample"
    if not decides or isinstance(method.predictor, PerSample):
        return method
    return replace(method, predictor=PerSample(method.predictor))


def make_site(denoiser: nn.Module, method: Method) -> Site:
    """The site of the method's granularity on ``denoiser``."""
    if isinstance(method.granularity, PerModel):
        return ModelSite(denoiser, method.granularity)
    if isinstance(method.granularity, PerStack):
        return StackSite(denoiser, method.granularity, "none" if method.gate is None else method.gate.probe)
    if isinstance(method.granularity, PerModule) and method.granularity.store == "gated":
        return GatedSite(denoiser, method.granularity)
    if isinstance(method.granularity, (PerBlock, PerModule)):
        return ModuleSite(denoiser, method.granularity, method.verifier)
    raise UnsupportedModel(
        f"{method.granularity!r} is no granularity the runtime knows; expected PerModel, PerStack, PerBlock "
        "or PerModule. Pass granularity=PerModel()."
    )


def may_forecast(trace: Trace, call: Invocation) -> bool:
    """Whether a forecast can stand for this call: no gradient is asked for, the return type is the same."""
    if call.kwargs.get("return_dict") != trace.return_dict:
        return False
    return not torch.is_grad_enabled() or not any(
        isinstance(x, torch.Tensor) and x.requires_grad for x in (*call.args, *call.kwargs.values())
    )
