"""What a bench is asked to do, checked before any model is loaded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foretrace.bench.entries import (
    PEERS,
    SAMPLERS,
    STOCHASTIC,
    Entry,
    method_of,
    parse_entry,
    spell,
    spread_intervals,
    with_defaults,
)
from foretrace.checks import at_least, one_of
from foretrace.errors import InvalidSetting

METRICS = (
    "relative_l2",
    "psnr",
    "ssim",
    "lpips",
    "frechet",
    "sfid",
    "inception_score",
    "kid",
    "clip",
    "task",
)
"""The metrics by name; "task" stands for the score of a reference model's own task."""


@dataclass(frozen=True)
class Spec:
    """A bench. ``fewer_steps`` is None for one control per number of computed steps that occurs.

    ``reference`` is what distributions are compared with: "uncached" (the same noises), "other-seeds"
    (uncached samples of noises that no row uses), or a folder of pictures or file of statistics.
    ``extra`` are further arguments of the pipeline's call. ``sampler`` takes the place of the pipeline's own
    in every row, and is empty for the pipeline's own.
    """

    model: str
    methods: tuple[Entry, ...] = ()
    peers: tuple[Entry, ...] = ()
    samples: int = 24
    batch: int = 8
    rounds: int = 3
    steps: int | None = None
    sampler: str = ""
    guidance: float | None = None
    prompts: tuple[str, ...] = ()
    seed: int = 0
    fewer_steps: tuple[int, ...] | None = None
    samplers: tuple[str, ...] = SAMPLERS
    metrics: tuple[str, ...] = METRICS
    reference: str = "uncached"
    network: str = "auto"
    clip: str | None = None
    shown: int = 4
    extra: Mapping[str, Any] = field(default_factory=dict)
    device: str | None = None
    dtype: str = "auto"
    out: Path = Path("foretrace-bench")


SHARED = ("intervals", "set")
"""Keys that are spread over the methods, beside the fields of `Spec`."""
KEYS = (*(f.name for f in dataclasses.fields(Spec)), *SHARED)


def make_spec(given: Mapping[str, Any]) -> Spec:
    """The bench that plain data ask for, as the command line or a TOML file gives them.

    Raises:
        InvalidSetting: an unknown key, metric, peer or sampler, a number out of range, two equal labels.
        UnknownMethod, LoadError, ProfileError: a method or profile that does not load.
    """
    for key in given:
        one_of("a key of the bench", key, KEYS)
    if not given.get("model"):
        raise InvalidSetting(
            "got no model; expected a folder, hub id or reference model. Pass --model shapes-dit."
        )
    plain = {k: v for k, v in given.items() if k not in (*SHARED, "methods", "peers")}
    for name in ("prompts", "fewer_steps", "samplers", "metrics"):
        if plain.get(name) is not None:
            plain[name] = tuple(plain[name])
    plain["out"] = Path(plain.get("out", Spec.out))
    intervals = tuple(given.get("intervals", ()))
    methods = [_entry(one, "method") for one in given.get("methods", ())]
    methods = [with_defaults(one, given.get("set", {})) for one in methods]
    methods = [new for one in methods for new in spread_intervals(one, intervals)]
    peers = [_entry(one, "peer") for one in given.get("peers", ())]
    spec = Spec(**plain, methods=tuple(methods), peers=tuple(peers))
    check_spec(spec)
    return spec


def _entry(given: str | Mapping[str, Any], kind: Any) -> Entry:
    """A method or peer, from its spelling or from a table of a TOML file."""
    if isinstance(given, str):
        return parse_entry(given, kind)
    for key in given:
        one_of(f"a key of [[{kind}s]]", key, ("name", "settings", "profile", "label"))
    if "profile" in given:
        entry = parse_entry(f"profile:{given['profile']}", kind)
    else:
        name, settings = str(given.get("name", "")), {}
        for key, value in given.get("settings", {}).items():
            settings[key] = tuple(value) if isinstance(value, list) else value
        entry = Entry(kind, spell(name, settings), name, settings)
    return dataclasses.replace(entry, label=given.get("label", entry.label))


def check_spec(spec: Spec) -> None:
    """Raise what is wrong with ``spec``, as far as that can be told without the model."""
    for name, least in (("samples", 1), ("batch", 1), ("rounds", 0), ("shown", 0)):
        at_least(name, getattr(spec, name), least)
    for count in (*(spec.fewer_steps or ()), *([spec.steps] if spec.steps is not None else [])):
        at_least("steps", count, 1)
    for entry in spec.methods:
        method_of(entry)
    _all_known("peers", [entry.name for entry in spec.peers], PEERS)
    _all_known("samplers", spec.samplers, SAMPLERS)
    one_of("sampler", spec.sampler, ("", *SAMPLERS, *STOCHASTIC))
    _all_known("metrics", spec.metrics, METRICS)
    labels = [entry.label for entry in (*spec.methods, *spec.peers)]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise InvalidSetting(f"two rows are called {twice!r}; expected each once. Drop one, or give labels.")


def _all_known(name: str, values: Sequence[str], known: Sequence[str]) -> None:
    for value in values:
        one_of(name, value, tuple(known))
