"""Pipeline calls that can be made again and give the same: keyword arguments with fixed noise."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foretrace.errors import InvalidSetting

Call = Mapping[str, Any]
"""Keyword arguments of one pipeline call."""


def check_calls(calls: Iterable[Call], least: int = 1) -> list[dict[str, Any]]:
    """The calls as a list. Raises `InvalidSetting` for too few, for a non-mapping, or for free noise."""
    if isinstance(calls, Mapping) or not isinstance(calls, Iterable):
        raise InvalidSetting(
            f"calls got {type(calls).__name__}; expected an iterable of keyword-argument dicts for the "
            "pipeline, one a call. Pass e.g. [{'prompt': 'a cat', 'generator': torch.Generator()}]."
        )
    found = list(calls)
    if len(found) < least:
        raise InvalidSetting(f"calls got {len(found)}; expected at least {least}. Pass more calls.")
    for number, call in enumerate(found):
        if not isinstance(call, Mapping):
            raise InvalidSetting(
                f"call {number} is a {type(call).__name__}; expected a dict of keyword arguments. Pass dicts."
            )
        if call.get("generator") is None and call.get("latents") is None:
            raise InvalidSetting(
                f"call {number} has neither generator= nor latents=; expected fixed noise, since every run "
                "is compared with the uncached one. Pass e.g. generator=torch.Generator().manual_seed(0)."
            )
    return [dict(call) for call in found]


def fresh(call: Call) -> dict[str, Any]:
    """The call with its own generators and latents, so that making it leaves ``call`` as it was."""
    return {name: _copy(value) for name, value in call.items()}


def _copy(value: Any) -> Any:
    if isinstance(value, torch.Generator):
        return value.clone_state()
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, (list, tuple)):
        return type(value)(_copy(x) for x in value)
    return value


def digest(call: Call) -> str:
    """The same for the same call, also in another process."""
    return hashlib.sha256(_describe(dict(call)).encode()).hexdigest()[:16]


def _describe(value: Any) -> str:
    if isinstance(value, torch.Generator):
        return f"generator {value.device.type} {_bytes(value.get_state())}"
    if isinstance(value, Tensor):
        return f"tensor {tuple(value.shape)} {value.dtype} {_bytes(value.detach().float().cpu())}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_describe(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_describe, value)) + "]"
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    if hasattr(value, "__array_interface__"):  # an array or a picture
        array = np.ascontiguousarray(value)
        return f"array {array.shape} {array.dtype} {hashlib.sha256(array.tobytes()).hexdigest()[:16]}"
    return type(value).__name__  # its kind, since its repr may hold an address


def _bytes(x: Tensor) -> str:
    return hashlib.sha256(x.contiguous().numpy().tobytes()).hexdigest()[:16]


def argument(pipe: Any, call: Call, *names: str) -> Any:
    """What the pipeline will use for the first of ``names`` that it takes: the call's, or its default."""
    known = inspect.signature(type(pipe).__call__).parameters
    for name in names:
        if name in call:
            return call[name]
        if name in known and known[name].default is not inspect.Parameter.empty:
            return known[name].default
    return None
