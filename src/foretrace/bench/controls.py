"""Controls: the same sampler with fewer steps, and other samplers at those numbers of steps."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from foretrace.bench.entries import Entry, control
from foretrace.bench.spec import Spec

CLASSES = {
    "dpmsolver++": "DPMSolverMultistepScheduler",
    "deis": "DEISMultistepScheduler",
    "unipc": "UniPCMultistepScheduler",
}
SETTINGS = {"dpmsolver++": {"algorithm_type": "dpmsolver++"}, "deis": {"algorithm_type": "deis"}}


def make_controls(spec: Spec, scheduler: Any, steps: int, counts: Iterable[int]) -> list[Entry]:
    """The controls of a bench whose rows compute ``counts`` steps.

    ``spec.fewer_steps`` takes the place of ``counts`` where it is given. The pipeline's own sampler is no
    other one.
    """
    chosen = spec.fewer_steps if spec.fewer_steps is not None else counts
    fewer = sorted({n for n in chosen if 0 < n < steps}, reverse=True)
    others = [name for name in spec.samplers if not is_own(name, scheduler)]
    return [control(name, n) for name in ("", *others) for n in fewer]


def is_own(name: str, scheduler: Any) -> bool:
    """Whether the pipeline samples with ``name`` anyway."""
    wanted = SETTINGS.get(name, {}).get("algorithm_type")
    found = getattr(scheduler.config, "algorithm_type", None)
    return type(scheduler).__name__ == CLASSES[name] and wanted in (None, found)


def other_sampler(name: str, scheduler: Any) -> Any:
    """The scheduler ``name`` with the configuration of ``scheduler``.

    A flow-matching model predicts velocities and has its own sigmas, so it gets the flow form of the sampler.
    """
    from diffusers.utils import logging

    settings: dict[str, Any] = dict(SETTINGS.get(name, {}))
    flow = "FlowMatch" in type(scheduler).__name__
    if flow:
        shift = getattr(scheduler.config, "shift", 1.0)
        settings |= {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": shift}
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # it lists the settings that only the old sampler has
    try:
        found = _class_of(name).from_config(scheduler.config, **settings)
    finally:
        logging.set_verbosity(verbosity)
    return _deaf_to_mu(found) if flow and not scheduler.config.get("use_dynamic_shifting") else found


def _deaf_to_mu(scheduler: Any) -> Any:
    """``scheduler`` with a fixed shift. Pipelines of flow models hand every sampler the dynamic shift ``mu``,
    which their own ignores where its shift is fixed, and others refuse.
    """
    taken = scheduler.set_timesteps

    @functools.wraps(taken)
    def set_timesteps(*args: Any, mu: float | None = None, **kwargs: Any) -> None:
        taken(*args, **kwargs)

    scheduler.set_timesteps = set_timesteps
    return scheduler


def _class_of(name: str) -> Any:
    if name == "ddpm":
        from foretrace.bench.ddpm import PairedDDPMScheduler

        return PairedDDPMScheduler
    import diffusers

    return getattr(diffusers, CLASSES[name])


@contextmanager
def sampled_with(pipe: Any, name: str) -> Iterator[None]:
    """``pipe`` with another sampler for the length of a with block."""
    own = pipe.scheduler
    pipe.scheduler = other_sampler(name, own)
    try:
        yield
    finally:
        pipe.scheduler = own
