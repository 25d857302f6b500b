"""What a row of a bench is made from: one method, peer or control with its settings, spelled in a word."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foretrace.bench.rows import Kind
from foretrace.cli.settings import parse_settings
from foretrace.errors import InvalidSetting
from foretrace.method import Method
from foretrace.methods import load_method, recipe
from foretrace.profile import Profile

PEERS = (
    "diffusers-taylorseer",
    "diffusers-fbc",
    "diffusers-magcache",
    "diffusers-seacache",
    "diffusers-pab",
    "diffusers-fastercache",
    "cache-dit",
)
"""The peers that a bench knows; how each is called is in ``bench/peers``."""
SAMPLERS = ("dpmsolver++", "deis", "unipc")
"""The samplers that the papers compare with, beside the pipeline's own."""
STOCHASTIC = ("ddpm",)
"""Samplers that add noise at every step; they can take the place of a pipeline's own, but are no controls."""
OPENING, CLOSING = "([{", ")]}"


@dataclass(frozen=True)
class Entry:
    """One row to come. ``name`` is that of the recipe, peer or sampler; ``steps`` that of a control's run."""

    kind: Kind
    label: str
    name: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    profile: Path | None = None
    steps: int | None = None


UNCACHED = Entry("uncached", "uncached")


def spell(name: str, settings: Mapping[str, Any]) -> str:
    """``tracache:interval=5,order=4``: the label of a method or peer, and how it is asked for."""
    pairs = ",".join(f"{key}={str(value).replace(' ', '')}" for key, value in settings.items())
    return f"{name}:{pairs}" if pairs else name


def split_settings(text: str) -> list[str]:
    """Split at commas that are in no brackets: ``a=(1,2),b=3`` to ``["a=(1,2)", "b=3"]``."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in OPENING) - (letter in CLOSING)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part.strip()]


def parse_entry(text: str, kind: Kind) -> Entry:
    """The method or peer that ``text`` spells: ``name:setting=value,...`` or ``profile:file``.

    Raises:
        InvalidSetting: it has no name, or a setting without a value.
    """
    name, _, rest = text.strip().partition(":")
    if not name:
        raise InvalidSetting(f"got {text!r}; expected name:setting=value,... Write e.g. tracache:interval=5.")
    if name == "profile" and kind == "method":
        return Entry("method", text.strip(), name, profile=Path(rest))
    settings = parse_settings(split_settings(rest))
    return Entry(kind, spell(name, settings), name, settings)


def spread_intervals(entry: Entry, intervals: tuple[int, ...]) -> list[Entry]:
    """``entry`` at each of ``intervals``, or itself where it has an interval already or knows none."""
    if entry.profile is not None or not intervals or "interval" in entry.settings:
        return [entry]
    if "interval" not in inspect.signature(recipe(entry.name)).parameters:
        return [entry]
    return [_with(entry, {"interval": k} | dict(entry.settings)) for k in intervals]


def with_defaults(entry: Entry, shared: Mapping[str, Any]) -> Entry:
    """``entry`` with ``shared`` settings where it says nothing of them itself."""
    if entry.profile is not None or not shared:
        return entry
    return _with(entry, dict(entry.settings) | {k: v for k, v in shared.items() if k not in entry.settings})


def _with(entry: Entry, settings: Mapping[str, Any]) -> Entry:
    own = entry.label != spell(entry.name, entry.settings)  # a label that the user gave stays
    label = entry.label if own else spell(entry.name, settings)
    return Entry(entry.kind, label, entry.name, dict(settings))


def method_of(entry: Entry) -> Method | Profile:
    """The method or profile of a row; whatever is wrong with its name, settings or file is raised here."""
    if entry.profile is not None:
        return Profile.load(entry.profile)
    return load_method(entry.name, **entry.settings)


def control(name: str, steps: int) -> Entry:
    """A run with ``steps`` steps of the pipeline's own sampler (``name=""``) or of another."""
    label = f"{name or 'fewer-steps'}-{steps}"
    return Entry("sampler" if name else "fewer-steps", label, name, steps=steps)
