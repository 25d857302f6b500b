"""The recipes, one file a paper. The folder is the registry: the file name is the method's name."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import TypeAlias

import torch

from foretrace.errors import InvalidSetting, UnknownMethod
from foretrace.gate import Budget
from foretrace.granularity import Granularity, parse_granularity
from foretrace.method import Method

Setting: TypeAlias = (
    int
    | float
    | str
    | bool
    | Granularity
    | torch.dtype
    | tuple[int, ...]
    | tuple[float, ...]
    | tuple[str, ...]
    | None
)
COMMON_SETTINGS = ("granularity", "history_dtype", "time", "on_nonfinite")
"""Settings every recipe takes beside its own."""
LIMITS = {"max_computed": "most", "min_computed": "least", "longest_run": "longest"}
"""Settings every recipe with a gate takes: the limits of what it decides, by their names in `Budget`."""


def available_methods() -> list[str]:
    """The names of all recipes."""
    return sorted(info.name for info in pkgutil.iter_modules(__path__))


def recipe(name: str) -> Callable[..., Method]:
    """The function that makes the method ``name``; its signature lists the settings."""
    if name not in available_methods():
        close = difflib.get_close_matches(str(name), available_methods(), n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UnknownMethod(
            f"no method {name!r}; expected one of {', '.join(available_methods())}.{hint} "
            "`foretrace methods` lists them with their settings."
        )
    return getattr(importlib.import_module(f"{__name__}.{name}"), name)


def load_method(name: str, **settings: Setting) -> Method:
    """The method ``name`` with the paper's settings, changed by ``settings``.

    Beside the recipe's own settings each takes ``granularity`` (an object or its short spelling, see
    `parse_granularity`), ``history_dtype``, ``time`` and ``on_nonfinite``; one with a gate also
    ``max_computed``, ``min_computed`` and ``longest_run`` (see `Budget`).

    Raises:
        UnknownMethod: there is no such recipe.
        InvalidSetting: the recipe has no such setting, or the value is out of range.
    """
    make = recipe(name)
    own = {k: v for k, v in settings.items() if k not in COMMON_SETTINGS and k not in LIMITS}
    known = list(inspect.signature(make).parameters)
    unknown = [k for k in own if k not in known]
    if unknown:
        raise InvalidSetting(
            f"{name} got the setting {unknown[0]!r}; expected one of "
            f"{', '.join([*known, *COMMON_SETTINGS, *LIMITS])}. Correct its name or leave it out."
        )
    method = dataclasses.replace(make(**own), name=name)
    granularity = settings.get("granularity")
    if granularity is not None:
        method = dataclasses.replace(method, granularity=parse_granularity(granularity))
    if settings.get("history_dtype") is not None:
        method = dataclasses.replace(method, history_dtype=_dtype(settings["history_dtype"]))
    for common in ("time", "on_nonfinite"):
        if settings.get(common) is not None:
            method = dataclasses.replace(method, **{common: settings[common]})
    limits = {LIMITS[k]: v for k, v in settings.items() if k in LIMITS and v is not None}
    if not limits:
        return method
    budget = dataclasses.replace(method.budget or Budget(), **limits)  # a limit of the recipe's own stays
    return dataclasses.replace(method, budget=budget)


def citation(method: str | Method) -> str:
    """The BibTeX entry of the paper behind ``method``."""
    name = method.name if isinstance(method, Method) else method
    recipe(name)  # an unknown name is answered with the list of known ones
    return importlib.import_module(f"{__name__}.{name}").CITATION.strip()


def _dtype(value: object) -> torch.dtype:
    dtype = getattr(torch, value, None) if isinstance(value, str) else value
    if not isinstance(dtype, torch.dtype):
        raise InvalidSetting(
            f"history_dtype got {value!r}; expected a floating torch.dtype or its name. Pass 'bfloat16'."
        )
    return dtype
