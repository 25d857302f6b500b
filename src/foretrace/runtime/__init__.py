"""The two ways in: `accelerate` for a with block, `attach` for servers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foretrace.checks import at_least
from foretrace.errors import InvalidSetting
from foretrace.method import Method
from foretrace.methods import Setting, load_method
from foretrace.profile import Profile
from foretrace.runtime.guard import run_guard
from foretrace.runtime.handle import Handle
from foretrace.runtime.session import Session
from foretrace.runtime.target import find_target


def attach(
    target: object,
    method: str | Method | None = None,
    /,
    *,
    profile: Profile | str | Path | None = None,
    steps: int | None = None,
    **settings: Setting,
) -> Handle:
    """Put ``method``, or that of ``profile``, to work on ``target`` until `Handle.detach`.

    Args:
        target: a diffusers pipeline, or a denoiser module.
        method: a recipe's name, or a `Method`; left out where a profile is given.
        profile: a `Profile`, or its file; it brings its method, and must fit the target.
        steps: the number of steps of a run, where ``target`` is a denoiser in one's own loop and the
            schedule counts from the end; a pipeline's scheduler is asked instead.
        settings: settings of the recipe, for a recipe by name.

    Raises:
        UnknownMethod, InvalidSetting: the method or a setting does not exist or is out of range.
        UnsupportedTarget, UnsupportedModel: no denoiser, or no sites of that granularity in it.
        AttachError: the denoiser is attached already.
        ClockError: the schedule needs ``steps`` and did not get it.
        ProfileMismatch: the profile was made for something else; steps, guidance and resolution are
            compared at the first call of each run.
    """
    found = find_target(target)
    if profile is not None:
        profile = profile if isinstance(profile, Profile) else Profile.load(profile)
        if method is not None or settings:
            raise InvalidSetting(
                f"got a profile and also {method or ', '.join(settings)}; expected a profile alone, since it "
                "brings its method. Leave the method out."
            )
        method = profile.method
        profile.check_target(found.denoisers, found.scheduler)
    if method is None:
        raise InvalidSetting("got no method; expected a recipe's name, a Method or profile=. Pass one.")
    if isinstance(method, Method):
        if settings:
            raise InvalidSetting(
                f"got a Method object and the settings {', '.join(settings)}; expected settings only with a "
                "recipe's name. Put them into the Method."
            )
    else:
        method = load_method(method, **settings)
    if steps is not None:
        at_least("steps", steps, 1)
    session = Session(found, method, steps, guard=None if profile is None else run_guard(profile))
    session.attach()
    return Handle(session)


@contextmanager
def accelerate(
    target: object,
    method: str | Method | None = None,
    /,
    *,
    profile: Profile | str | Path | None = None,
    steps: int | None = None,
    **settings: Setting,
) -> Iterator[Handle]:
    """As `attach` for the length of a with block; everything is put back at its end."""
    handle = attach(target, method, profile=profile, steps=steps, **settings)
    try:
        yield handle
        if not handle.called:
            warnings.warn(
                f"{handle!r} saw no call; expected sampling inside the with block. Pass the pipeline or "
                "denoiser that is sampled, and do not replace it meanwhile.",
                stacklevel=3,
            )
    finally:
        if handle.attached:
            handle.detach()
