"""Checks of settings, so that every out-of-range value is answered in the same words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from foretrace.errors import ClockError, InvalidSetting


def at_least(name: str, value: object, lowest: int) -> None:
    """Raise `InvalidSetting` unless ``value`` is an integer of at least ``lowest``."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidSetting(
            f"{name} got {value!r} ({type(value).__name__}); expected an integer >= {lowest}."
            f" Pass {name}={lowest} or more."
        )
    if value < lowest:
        raise InvalidSetting(
            f"{name} got {value}; expected an integer >= {lowest}. Pass {name}={lowest} or more."
        )


def one_of(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise `InvalidSetting` unless ``value`` is one of ``choices``."""
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise InvalidSetting(f"{name} got {value!r}; expected one of {listed}. Pass one of these.")


def between(name: str, value: object, lowest: float, highest: float) -> None:
    """Raise `InvalidSetting` unless ``value`` is a number from ``lowest`` to ``highest``."""
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    if not lowest <= number <= highest:
        raise InvalidSetting(
            f"{name} got {value!r}; expected a number from {lowest:g} to {highest:g}. Pass one within."
        )


def step_gap(newer: float, older: float) -> float:
    """The distance between two computed steps, which are told apart by their index; `ClockError` at zero."""
    if newer == older:
        raise ClockError(
            f"two computed steps have the same index {older:g}; expected rising ones. Call run.begin() where "
            "a run starts, or commit each step once."
        )
    return newer - older


def distinct(times: Sequence[float]) -> None:
    """Raise `ClockError` where two of ``times`` are equal: differences over their gap do not exist."""
    if len(set(times)) < len(times):
        raise ClockError(
            f"times got {tuple(times)}, two of them equal; expected distinct ones. Leave out the points that "
            "were computed twice, or pass time='index'."
        )
