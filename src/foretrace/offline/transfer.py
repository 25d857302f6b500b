"""A schedule found at one number of steps, carried over to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from foretrace.checks import at_least
from foretrace.combinator.by_step import ByStep
from foretrace.errors import InvalidSetting
from foretrace.predictor import Predictor, ScaledLagrange
from foretrace.profile import Profile
from foretrace.schedule import Mask


def transfer(profile: Profile, steps: int) -> Profile:
    """The profile for runs of ``steps`` steps: every computed step at the same part of the run.

    As many steps are computed as before, where there are as many. Priors do not carry over, since they belong
    to single steps; nor does what was measured. Between resolutions a schedule needs no change:
    ``profile.allowing("resolution")``.

    Raises:
        InvalidSetting: the profile's schedule is no list of steps, or it holds priors.
    """
    at_least("steps", steps, 2)
    method, old = profile.method, profile.made_for.get("steps")
    if not isinstance(method.schedule, Mask) or not old or method.calibrator is not None:
        raise InvalidSetting(
            f"got a profile of {method.schedule} for {old} steps; expected a tuned one, with a Mask and "
            "without priors. Tune or calibrate at the new number of steps."
        )
    scale = (steps - 1) / (old - 1)
    computed = transfer_steps(method.schedule.indices, scale, steps)
    before = [min(old - 1, int(i / scale)) for i in range(steps)]  # rounded down: in the same gap
    moved = replace(method, schedule=Mask(computed), predictor=_transferred(method.predictor, before))
    measured = {"transferred_from_steps": old}
    return replace(profile, method=moved, made_for=profile.made_for | {"steps": steps}, measured=measured)


def _transferred(predictor: Predictor, before: Sequence[int]) -> Predictor:
    """The predictor with what it has for single steps taken from the old steps ``before``."""
    if isinstance(predictor, ByStep):
        last = len(predictor.choices) - 1
        return replace(predictor, choices=tuple(predictor.choices[min(i, last)] for i in before))
    if isinstance(predictor, ScaledLagrange):
        last = len(predictor.factors) - 1
        return replace(predictor, factors=tuple(predictor.factors[min(i, last)] for i in before))
    return predictor


def transfer_steps(computed: tuple[int, ...], scale: float, steps: int) -> tuple[int, ...]:
    """Scaled and rounded; one that falls on its neighbour takes the next free step, if any is left."""
    found: list[int] = []
    for index in computed:
        wanted = min(steps - 1, round(index * scale))
        while wanted in found and wanted < steps - 1:
            wanted += 1
        if wanted not in found:
            found.append(wanted)
    return tuple(found)
