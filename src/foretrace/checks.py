"""Checks of settings, so that every out-of-range value is answered in the same words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from foretrace.errors import InvalidSetting


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
