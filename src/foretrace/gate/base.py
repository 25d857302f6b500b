"""The gate contract: at run time, from a signal of the run itself, a gate vetoes a skip."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor

from foretrace.checks import one_of
from foretrace.gate.measure import Over
from foretrace.granularity import Granularity
from foretrace.history import Feature, SiteKey, Step

Probe = Literal["none", "modulated", "head"]
"""Where a gate looks before it decides. ``none``: at the arguments of the call and at what it remembers;
``modulated``: at what the first block's attention is given; ``head``: at what the blocks before the span
return.
"""
Reduce = Literal["mean", "max", "any", "sample"]


@dataclass(frozen=True)
class Signal:
    """What a gate is shown of one call.

    ``age`` is the number of steps since the last computed one, ``latent`` what the denoiser was given,
    ``entered`` and ``probe`` are what entered the first block and what the gate's probe showed, ``output``
    what the denoiser returned (of computed calls, afterwards). ``reach`` is how far an error of the output
    carries: the change of the next latent per unit of it, by the sampler's own coefficients, or ``None``
    where they are unknown; ``noise`` is the latent's noise over its signal, or ``None`` likewise. ``branch``
    is the number of the call among those of its step, ``sample`` that of the sample whose own signal this is
    (``None``: of all together). ``over`` is how several samples are taken together
    (`measure.py`), ``rejected`` whether a verifier rejects the newest forecast. The tensors are the run's
    own: a gate copies what it keeps.
    """

    step: Step
    age: int
    latent: Tensor
    entered: Feature = ()
    probe: Feature = ()
    output: Feature = ()
    reach: float | None = None
    over: Over = "mean"
    rejected: bool = False
    noise: float | None = None
    branch: int = 0
    sample: int | None = None


@dataclass(frozen=True, kw_only=True)
class Gate(ABC):
    """Decides whether a step that the schedule may skip is skipped. State goes in and comes out.

    Args:
        reduce: how the samples of a batch decide. ``mean``: by one signal, averaged over them; ``max``: by
            the largest of their signals; ``any``: each has its own state, and one that needs computing has
            all computed; ``sample``: each for itself: those that need it are computed as a smaller batch, so
            that no sample depends on its batch mates.
        branches: ``lead``: the first call of a step (cond, usually) decides for those that follow;
            ``alone``: each branch decides for itself.
    """

    reduce: Reduce = "mean"
    branches: Literal["lead", "alone"] = "lead"

    probe: ClassVar[Probe] = "none"
    sees_sampler: ClassVar[bool] = False
    """Whether ``output`` and ``latent`` of computed steps are to be what the sampler is given, after
    guidance.
    """
    watches_sites: ClassVar[bool] = False
    """Whether `site` wants to be shown the computed features."""

    def __post_init__(self) -> None:
        one_of("reduce", self.reduce, ("mean", "max", "any", "sample"))
        one_of("branches", self.branches, ("lead", "alone"))

    def check(self, total: int | None, granularity: Granularity) -> None:  # noqa: B027  (most have nothing to check)
        """Raise `InvalidSetting` if the gate cannot serve a run of ``total`` steps at these sites."""

    @abstractmethod
    def init(self) -> Any:
        """The state before the first step of a run."""

    @abstractmethod
    def admits(self, state: Any, signal: Signal) -> tuple[bool, Any]:
        """Whether the step may be skipped, and the state after looking.

        Asked at every step but the first, also where the schedule computes anyway. A signal that is not
        finite must not be admitted.
        """

    def computed(self, state: Any, signal: Signal) -> Any:
        """The state after the step was computed; ``signal`` holds the output."""
        return state

    def site(self, state: Any, site: SiteKey, step: Step, feature: Feature) -> Any:
        """The state after ``feature`` was computed at ``site``; only if `watches_sites`."""
        return state

    def depth(self, state: Any) -> int | None:
        """At an admitted step: how many sites are forecast, from the first one on, before the others run.

        ``None``: all of them. Sites that run behind a forecast are not kept: their input was none of the
        model's own.
        """
        return None
