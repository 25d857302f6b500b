"""AdaCache's gate: how fast a block's residual changes says how many steps to skip."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from foretrace.checks import at_least
from foretrace.errors import InvalidSetting
from foretrace.gate.base import Gate, Signal
from foretrace.gate.codebook import CODEBOOKS, Codebook, check_codebook, interval
from foretrace.gate.measure import relative_l1, same_shapes
from foretrace.gate.motion import MoReg
from foretrace.history import Feature, SiteKey, Step


@dataclass(frozen=True)
class Pace:
    """What the watched site showed at the last computed step, and which step is computed next.

    ``fresh`` are features of the step that is being computed, by site; ``watched`` is the watched site.
    """

    fresh: dict[int, Feature] = field(default_factory=dict)
    watched: int | None = None
    sites: int = 0
    old: Feature = ()
    strength: float = 1.0
    due: int = 0


@dataclass(frozen=True)
class AdaCache(Gate):
    """Skips ``interval(c) - 1`` steps after a computed one, where at the watched site, with residual r,

    ``c = factor * sum|r_c - r_b| / sum|r_b| / (c - b)``, c and b the newest two computed steps: a rate of
    change a step. The second step is always computed.

    Args:
        codebook: rows of (bound, interval), see `codebook.py`; ``((inf, 1),)`` computes every step.
        block: number of the watched site. ``None``: the middle one, for which the features of half the sites
            are copied in the first step.
        motion: multiplies c by a factor from the frames' differences; for videos.
    """

    watches_sites: ClassVar[bool] = True

    codebook: Codebook = CODEBOOKS["fast"]
    block: int | None = None
    motion: MoReg | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_codebook(self.codebook)
        if self.block is not None:
            at_least("block", self.block, 0)

    def init(self) -> Pace:
        """Nothing seen."""
        return Pace(watched=self.block)

    def admits(self, state: Pace, signal: Signal) -> tuple[bool, Pace]:
        """Whether the next step to compute is yet to come."""
        return signal.step.index < state.due, state

    def site(self, state: Pace, site: SiteKey, step: Step, feature: Feature) -> Pace:
        """Keeps a copy at the watched site; before that is known, at all that may yet be the middle one."""
        sites, fresh = max(state.sites, site.number + 1), state.fresh
        if state.watched is None:
            least = (sites - 1) // 2
            fresh = {n: x for n, x in fresh.items() if n >= least} | {site.number: _copied(feature)}
        elif site.number == state.watched:
            fresh = {site.number: _copied(feature)}
        return replace(state, sites=sites, fresh=fresh)

    def computed(self, state: Pace, signal: Signal) -> Pace:
        """The rate of change since the last computed step, and by the codebook the next one."""
        watched = (state.sites - 1) // 2 if state.watched is None else state.watched
        if watched not in state.fresh:
            raise InvalidSetting(
                f"AdaCache watches site {watched} of a denoiser with {state.sites}; expected one from 0 to "
                f"{state.sites - 1}. Pass block=None for the middle one."
            )
        new, index = state.fresh[watched], signal.step.index
        strength = 1.0 if self.motion is None else self.motion.strength(new, signal)
        kept = Pace(watched=watched, sites=state.sites, old=new, due=index + 1)
        if not state.old or not same_shapes(new, state.old):
            return kept
        rate = relative_l1(new, state.old, signal.over) / signal.age
        if self.motion is not None:
            rate *= self.motion.factor(strength, state.strength, signal.age)
        return replace(kept, strength=strength, due=index + interval(self.codebook, rate))


def _copied(feature: Feature) -> Feature:
    """The model may write to its own."""
    return tuple(x.detach().clone() for x in feature)
