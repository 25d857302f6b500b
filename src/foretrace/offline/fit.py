"""`fit`: what the gate of a method needs to know of a model, measured on uncached runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from foretrace.checks import at_least, between
from foretrace.errors import InvalidSetting, NoGain
from foretrace.gate import ErrorEstimate, Gate, MagCache, SenCache
from foretrace.gate.teacache import TeaCache
from foretrace.method import Method
from foretrace.methods import load_method
from foretrace.offline.calls import Call, check_calls
from foretrace.offline.collect import RunFacts
from foretrace.offline.fit_errors import fit_errors
from foretrace.offline.fit_magcache import fit_magcache
from foretrace.offline.fit_sencache import fit_sencache
from foretrace.offline.fit_teacache import fit_teacache
from foretrace.offline.fitted import Fitted, Task
from foretrace.offline.progress import Progress, silent
from foretrace.offline.sampling import check_pipeline
from foretrace.profile import Profile
from foretrace.profile.fingerprint import fingerprint_of_models, fingerprint_of_sampler
from foretrace.runtime.target import find_target

FITS: dict[type[Gate], Callable[[Task], Fitted]] = {
    TeaCache: fit_teacache,
    MagCache: fit_magcache,
    SenCache: fit_sencache,
    ErrorEstimate: fit_errors,
}
"""The gates that have something to fit."""


def fit(
    pipe: Any,
    method: str | Method,
    calls: Iterable[Call],
    *,
    held_out: int | None = None,
    probes: int = 12,
    force: bool = False,
    progress: Progress = silent,
) -> Profile:
    """Fill the gate of ``method`` with what it needs, and check it on calls that were not fitted on.

    TeaCache gets its polynomial and the range it holds in (`offline/fit_teacache.py`), MagCache its table of
    ratios (`fit_magcache.py`), SenCache its sensitivities (`fit_sencache.py`) and ErrorEstimate its
    amplification, by which its tolerance becomes one of the final sample's relative error (`fit_errors.py`).
    Everything else of the method stays as it is, and the profile's method is used as any other.

    Args:
        pipe: a diffusers pipeline.
        method: a recipe's name, or a `Method` with such a gate.
        calls: keyword arguments of each pipeline call, with fixed noise; all of the same number of steps.
        held_out: how many of the last calls only judge; a quarter, at least one.
        probes: for ErrorEstimate, how many steps are measured, at a run each and call.
        force: return a profile even where the fit explains nothing.
        progress: is told of every run made.

    Returns:
        A profile, whose ``measured`` has ``explained`` (of the held-out calls' squared error without the fit,
        the share that it takes away), Spearman's rank correlations of signal and truth before and after, and
        what each gate adds to them.

    Raises:
        NoGain: the fit explains nothing of the held-out calls.
        InvalidSetting: the method's gate has nothing to fit; or as `record`.
        UnsupportedTarget, UnsupportedModel: as `record`, and where the gate's signal is not to be had.
    """
    check_pipeline(pipe)
    chosen = load_method(method) if isinstance(method, str) else method
    fitter = _fitter(chosen)
    made = check_calls(calls, 2)
    kept = max(1, len(made) // 4) if held_out is None else held_out
    between("held_out", kept, 1, len(made) - 1)
    at_least("probes", probes, 1)
    target, facts = find_target(pipe), RunFacts()
    runs = len(made) * (1 + probes if fitter is fit_errors else 1)
    with progress("fitting", runs) as advance:
        found = fitter(Task(pipe, chosen, made[:-kept], made[-kept:], probes, facts, advance))
    if not (found.explained > 0 or force):
        raise NoGain(
            f"on {kept} held-out calls the fit of {type(chosen.gate).__name__} explains a share of "
            f"{found.explained:.3g}; expected more than 0. Pass more calls or steps; use the gate without; "
            "or pass force=True to get the profile all the same."
        )
    measured = {"explained": found.explained, **found.measured, "calls": [len(made) - kept, kept]}
    measured = {
        name: None if value != value else value for name, value in measured.items()
    }  # JSON has no NaN
    made_for = fingerprint_of_models(target.denoisers) | fingerprint_of_sampler(pipe.scheduler) | facts.seen
    return Profile(replace(chosen, gate=found.gate), made_for, measured)


def _fitter(method: Method) -> Callable[[Task], Fitted]:
    """The fit of the method's gate."""
    if method.gate is None or type(method.gate) not in FITS:
        listed = ", ".join(sorted(gate.__name__ for gate in FITS))
        raise InvalidSetting(
            f"the gate of {method.name} got {method.gate!r}, which has nothing to fit; expected one of "
            f"{listed}. Use the method as it is, or pass one with such a gate."
        )
    return FITS[type(method.gate)]
