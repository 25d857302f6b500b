"""Where the numbers come from: the provenance of a group's rows as names and values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from foretrace.bench.report.groups import Group
from foretrace.bench.report.words import NONE

FIRST = (
    "sampler", "guidance", "seeds", "prompts", "dtype", "device", "cpu", "threads", "commit", "date", "time",
)  # fmt: skip
"""The order of the facts that most people look for; the others follow as they come."""
BARE = ("versions", "machine")
"""Dicts whose entries speak for themselves."""
LONGEST = 90


def facts(group: Group) -> list[tuple[str, str]]:
    """Names and values of the provenance; where rows differ, up to three values."""
    first = group.uncached or group.rows[0]
    samples = [str(row.samples) for row in group.rows if row.status == "ok"]
    found = [("model", first.model), ("steps", str(first.steps)), ("samples", _several(samples or [NONE]))]
    flat = [_flat(row.about) for row in group.rows]
    names = list(dict.fromkeys(name for about in flat for name in about))
    names.sort(key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    for name in names:
        values = [about[name] for about in flat if name in about]
        found.append((name, _span(values) if name in ("time", "date") else _several(values)))
    found.append(("digests", f"machine {first.machine or NONE}, setting {first.setting or NONE}"))
    return found


def _flat(about: Mapping[str, Any]) -> dict[str, str]:
    """Dicts by their entries."""
    flat: dict[str, str] = {}
    for name, value in about.items():
        if isinstance(value, Mapping):
            flat |= {(key if name in BARE else f"{name} {key}"): _text(v) for key, v in value.items()}
        elif value != []:
            flat[name] = _ends(value) if name == "seeds" else _text(value)
    return flat


def _ends(value: Any) -> str:
    """Seeds by the first and the last."""
    if isinstance(value, list) and len(value) > 1 and all(isinstance(each, int) for each in value):
        if len(value) == 2 or value == list(range(value[0], value[-1] + 1)):
            return f"{value[0]} to {value[-1]}"
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        value = "; ".join(value)
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _span(values: list[str]) -> str:
    """The first and the last moment."""
    return " to ".join(dict.fromkeys((min(values), max(values))))


def _several(values: list[str]) -> str:
    different = list(dict.fromkeys(values))
    return ", ".join(different[:3]) + (f" and {len(different) - 3} more" if len(different) > 3 else "")
