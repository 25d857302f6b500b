"""Methods as plain data and back. Decoding builds parts of a fixed list by name, and runs nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

import torch

from foretrace import combinator, gate, granularity, predictor, schedule
from foretrace.errors import ForetraceError, ProfileError
from foretrace.method import Method

DTYPES = {str(x): x for x in vars(torch).values() if isinstance(x, torch.dtype) and x.is_floating_point}


@cache
def known_parts() -> dict[str, type]:
    """Every frozen dataclass of the axes by name: the only types a profile may name."""
    return {part.__name__: part for part in _parts()}


def _parts() -> Iterator[type]:
    import pkgutil
    from importlib import import_module

    modules = [schedule, granularity]
    for package in (predictor, combinator, gate):
        modules += [
            import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)
        ]
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, type) and is_dataclass(value) and value.__module__ == module.__name__:
                if not module.__name__.startswith(gate.__name__) or issubclass(
                    value, (gate.Gate, gate.Budget, gate.Verifier)
                ):
                    yield value  # the states of gates are none of a method's parts


def encode(value: Any) -> Any:
    """``value`` as JSON data: parts become ``{"part": name, "fields": {...}}``."""
    if type(value) in known_parts().values():
        kept = {f.name: encode(getattr(value, f.name)) for f in fields(value) if f.init or f.name == "names"}
        return {"part": type(value).__name__, "fields": kept}
    if isinstance(value, (tuple, list, range)):
        return [encode(x) for x in value]
    if isinstance(value, torch.dtype):
        return {"dtype": str(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ProfileError(
        f"a profile cannot hold {value!r}; expected parts of foretrace with plain settings. Build the method "
        "from those."
    )


def decode(data: Any) -> Any:
    """Undo `encode`. Raises `ProfileError` for a part or a field that does not exist."""
    if isinstance(data, list):
        return tuple(decode(x) for x in data)
    if not isinstance(data, dict):
        return data
    if str(data.get("dtype")) in DTYPES:
        return DTYPES[data["dtype"]]
    known = known_parts()
    name, settings = data.get("part"), data.get("fields")
    if name not in known or not isinstance(settings, dict):
        raise ProfileError(
            f"the profile names the part {name!r}; expected one of {', '.join(sorted(known))}. It was "
            "written by another version, or is damaged: make it again."
        )
    part = known[name]
    values = {key: decode(value) for key, value in settings.items()}
    try:
        if name == "PerModule":
            return part(*values["names"], store=values.get("store", "output"))
        return part(**values)
    except (TypeError, KeyError, ForetraceError) as error:
        raise ProfileError(
            f"the profile's {name} got {settings}, which this version refuses ({error}); expected its "
            "settings. Make the profile again."
        ) from error


def encode_method(method: Method) -> dict[str, Any]:
    """A method without its calibrator, whose tensors are stored apart."""
    names = (f.name for f in fields(Method) if f.name != "calibrator")
    return {name: encode(getattr(method, name)) for name in names}


def decode_method(data: dict[str, Any]) -> Method:
    """Undo `encode_method`."""
    try:
        return Method(**{name: decode(value) for name, value in data.items()})
    except (TypeError, ForetraceError) as error:
        raise ProfileError(
            f"the profile's method got {sorted(data)}, which this version refuses ({error}); expected the "
            "fields of a Method. Make the profile again."
        ) from error
