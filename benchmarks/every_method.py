"""Writes the bench of every method and peer at a few numbers of computed steps, as one TOML file.

Static methods get the intervals that compute so many steps. A gate's threshold is found by bisection on
other noises than those of the bench, at the bench's batch; what a gate or a tuned schedule needs to know of
the model is measured on those noises too, and kept as profiles. Peers with the rule of one of our gates get
its thresholds. Run, then bench, then draw:
    python benchmarks/every_method.py --out every-method
    foretrace bench every-method/bench.toml
    foretrace report every-method/bench.jsonl
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from task_table import SEARCH_SEED

import foretrace as ft
from foretrace.demo.tasks import Task, load_task
from foretrace.errors import UnsupportedModel
from foretrace.offline.progress import console
from foretrace.offline.proposal import uniform
from foretrace.offline.tune import as_profile
from foretrace.offline.tuner import prepare

STRIDES: dict[str, dict[str, Any]] = {
    "fora": {},
    "tracache": {"order": 4},
    "tracache, output": {"order": 4, "granularity": "model"},
    "tracache_soft": {"granularity": "model"},
    "taylorseer": {"order": 4, "warmup": 2},
    "taylorseer_newton": {"order": 2, "warmup": 2},
    "foca": {"warmup": 2},
    "hicache": {"warmup": 2},
    "abcache": {},
    "resilphase": {"order": 4, "warmup": 2},
    "freqca": {},
    "predit": {},
    "dmd": {},
    "hyca": {},
    "featfix": {"warmup": 2},
    "racer": {},
}
"""Methods with an interval, with what their papers set on DiT."""
KNOBS: dict[str, tuple[str, dict[str, Any]]] = {
    "error_estimate": ("tolerance", {}),
    "error_estimate, order 2": ("tolerance", {"order": 2}),
    "teacache": ("threshold", {}),
    "firstblock": ("threshold", {}),
    "easycache": ("threshold", {}),
    "seacache": ("threshold", {}),
    "dicache": ("threshold", {}),
    "cg_taylor": ("threshold", {}),
    "bwcache": ("threshold", {}),
    "foresight": ("strength", {}),
    "speca": ("threshold", {}),
    "predit, step modulation": ("tolerance", {"longest": 12}),
}
"""Methods that decide at run time, and the setting that says how often they compute."""
FITTED = {"error_estimate": "tolerance", "magcache": "threshold", "sencache": "threshold"}
"""Gates that a profile tells what they must know of the model."""
PEERS = ("firstblock", "seacache", "magcache")
"""Gates whose thresholds mean the same in diffusers."""


def calls_of(task: Task, batch: int, count: int) -> list[dict[str, Any]]:
    """``count`` calls of ``batch`` samples of the search's noises."""
    return [task.arguments(range(i * batch, (i + 1) * batch), SEARCH_SEED, task.steps) for i in range(count)]


def knob(task: Task, make: Callable[[float], ft.Method], count: int, batch: int, rounds: int = 8) -> float:
    """The value at which about ``count`` steps are computed, by bisection of its logarithm."""
    low, high, found = math.log(1e-5), math.log(1e2), (math.inf, 0.0)
    for _ in range(rounds):
        middle = (low + high) / 2
        with ft.accelerate(task.pipe, make(math.exp(middle))) as run:
            task.draw(calls_of(task, batch, 1)[0])
        computed = len(run.report.computed)
        found = min(found, (abs(computed - count), float(f"{math.exp(middle):.3g}")))
        if computed == count:
            break
        low, high = (middle, high) if computed > count else (low, middle)
    return found[1]


def of_recipe(name: str, settings: dict[str, Any], setting: str, value: float) -> ft.Method:
    """The recipe with ``setting`` at ``value``."""
    return ft.load_method(name, **settings, **{setting: value})


def of_gate(method: ft.Method, free: dict[str, Any], setting: str, value: float) -> ft.Method:
    """``method`` with ``setting`` of its gate at ``value``, and the settings ``free``."""
    assert method.gate is not None
    return dataclasses.replace(method, gate=dataclasses.replace(method.gate, **{setting: value}, **free))


def sites(task: Task) -> dict[str, str]:
    """The recipes that keep the residual of all blocks, with another site where the model has none.

    Latte's first and last block see the same tokens in two arrangements, its second one as the last.
    """
    whole = ft.PerStack(store="residual")
    try:
        with ft.accelerate(task.pipe, ft.Method(ft.Stride(2, "first"), ft.Reuse(), whole)):
            task.draw(task.arguments(range(1), SEARCH_SEED, 2))
    except UnsupportedModel as error:
        print(f"{error} Recipes that do skip the second block and those behind it.", flush=True)
        own = {name: ft.load_method(name).granularity for name in ft.available_methods()}
        return {name: "stack(1):residual" for name, site in own.items() if site == whole}
    return {}


def sited(settings: dict[str, Any], name: str, at: dict[str, str]) -> dict[str, Any]:
    """The settings, with the site that ``at`` has for the recipe if they name none."""
    return ({"granularity": at[name]} if name in at else {}) | settings


def wanted(label: str, only: Sequence[str]) -> bool:
    """Whether a row is asked for: all are where no name is given."""
    return not only or label.split(",")[0] in only


def gates(
    task: Task, counts: Sequence[int], batch: int, only: Sequence[str], at: dict[str, str]
) -> list[dict[str, Any]]:
    """A row for every gate and count."""
    rows: list[dict[str, Any]] = []
    for label, (name, own) in KNOBS.items():
        recipe = label.split(",")[0]
        if not wanted(label, only):
            continue
        settings = sited(own, recipe, at)
        make = functools.partial(of_recipe, recipe, settings, name)
        for count in counts:
            try:
                value = knob(task, make, count, batch)
            except UnsupportedModel as error:  # one row, which will say why
                print(f"{label}: {error}", flush=True)
                rows.append({"name": recipe, "settings": {**settings, name: 0.1}})
                break
            rows.append({"name": recipe, "settings": {**settings, name: value}, "gate": label, "at": count})
            print(f"{label}: {name} {value:g} for {count} steps", flush=True)
    return rows


def fitted(
    task: Task,
    counts: Sequence[int],
    batch: int,
    folder: Path,
    only: Sequence[str],
    at: dict[str, str],
    calls: int,
    probes: int,
) -> list[dict[str, Any]]:
    """A profile for every gate that must be fitted, and count."""
    rows = []
    for name, setting in FITTED.items():
        if not wanted(name, only):
            continue
        profile = ft.fit(
            task.pipe,
            ft.load_method(name, **sited({}, name, at)),
            calls_of(task, 2, calls),
            probes=probes,
            progress=console,
            force=True,
        )
        free = {"early": None} if name == "sencache" else {}
        make = functools.partial(of_gate, profile.method, free, setting)
        for count in counts:
            value = knob(task, make, count, batch)
            path = folder / f"{name}-{count}.safetensors"
            dataclasses.replace(profile, method=make(value)).save(path)
            rows.append({"profile": str(path), "label": f"{name}, fitted: {setting}={value:g}", "gate": name})
            print(f"{name}, fitted: {setting} {value:g} for {count} steps", flush=True)
    return rows


def schedules(
    task: Task, counts: Sequence[int], samples: int, minutes: float, folder: Path
) -> list[dict[str, Any]]:
    """Tuned schedules, and a parabola on evenly spread steps."""
    batch = min(4, samples // 4)  # a call is judged whole, and a search needs several
    rows, tuner = [], prepare(task.pipe, calls_of(task, batch, samples // batch), progress=console)
    for count in counts:
        profile = as_profile(tuner, tuner.search(count, 60 * minutes, 0, console), count)
        print(f"tuned: {profile.method}, {profile.measured['gain']}", flush=True)
        spread = ft.Method(ft.Mask(uniform(task.steps, count)), ft.Lagrange(2))
        for label, method in (("tuned", profile.method), ("spread evenly, Lagrange 2", spread)):
            path = folder / f"{label.split()[0]}-{count}.safetensors"
            dataclasses.replace(profile, method=method, measured={}).save(path)
            rows.append({"profile": str(path), "label": f"{label}: {count} steps"})
    return rows


def strides(
    steps: int, counts: Sequence[int], intervals: Sequence[int], only: Sequence[str], at: dict[str, str]
) -> list[dict[str, Any]]:
    """A row for every method with an interval, and Spectrum at the growth that computes so many."""
    rows: list[dict[str, Any]] = [
        {"name": label.split(",")[0], "settings": {"interval": k, **sited(settings, label.split(",")[0], at)}}
        for label, settings in STRIDES.items()
        if wanted(label, only)
        for k in intervals
    ]
    for count in counts if wanted("spectrum", only) else ():
        flex = min(
            (round(0.05 * i, 2) for i in range(1, 120)),
            key=lambda flex: (abs(len(ft.Growing(flex=flex).table(steps)) - count), flex),
        )
        rows.append({"name": "spectrum", "settings": {"flex": flex}})
    if wanted("adacache", only):
        rows += [{"name": "adacache", "settings": {"codebook": book}} for book in ("slow", "fast")]
    return rows


def peers(rows: list[dict[str, Any]], intervals: Sequence[int]) -> list[str]:
    """The peers at the same intervals and thresholds."""
    seer = "diffusers-taylorseer:identifiers=attn+ff,disable_cache_before_step=2,max_order=1"
    named = [f"{seer},cache_interval={k}" for k in intervals]
    for row in rows:
        threshold = row.get("settings", {}).get("threshold")
        if row.get("gate") == "firstblock":
            named.append(f"diffusers-fbc:threshold={threshold}")
            ours = f"residual_diff_threshold={threshold},max_warmup_steps=2,Fn_compute_blocks=1"
            named += [f"cache-dit:{ours}", f"cache-dit:{ours},taylorseer_order=1"]
        if row.get("gate") == "seacache":
            sea = f"diffusers-seacache:threshold={threshold}"  # skips two steps in a row at most, unless told
            named += [sea, f"{sea},max_consecutive_cached=0"]
        if row.get("gate") == "magcache":
            named.append(f"diffusers-magcache:threshold={row['label'].split('=')[1]},max_skip_steps=3")
    return [*dict.fromkeys(named), "diffusers-pab", "diffusers-fastercache"]


def toml(head: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """The bench as TOML, whose strings, numbers and lists are those of JSON."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in head.items()]
    for row in rows:
        lines.append("\n[[methods]]")
        kept = {key: value for key, value in row.items() if key in ("name", "profile", "label")}
        lines += [f"{key} = {json.dumps(value)}" for key, value in kept.items()]
        if row.get("settings"):
            pairs = ", ".join(f"{key} = {json.dumps(value)}" for key, value in row["settings"].items())
            lines.append(f"settings = {{ {pairs} }}")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the bench of every method and peer.")
    parser.add_argument("--model", default="shapes-dit")
    parser.add_argument("--counts", type=int, nargs="+", default=[18, 14, 11, 8])
    parser.add_argument("--intervals", type=int, nargs="+", default=[3, 4, 5, 7], help="That give them.")
    parser.add_argument("--samples", type=int, default=96)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fit-calls", type=int, default=6, help="Of two samples, that gates are fitted on.")
    parser.add_argument("--probes", type=int, default=12, help="Steps whose amplification is measured.")
    parser.add_argument("--tune-samples", type=int, default=60, help="That tuned schedules are found on.")
    parser.add_argument("--minutes", type=float, default=2.0, help="For each tuned schedule.")
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--only", nargs="*", default=[], help="Methods; all without.")
    parser.add_argument("--shown", type=int, default=4, help="Samples that the report shows.")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    task = load_task(args.model)
    at = sites(task)
    rows = strides(task.steps, args.counts, args.intervals, args.only, at)
    rows += gates(task, args.counts, args.batch, args.only, at)
    rows += fitted(task, args.counts, args.batch, args.out, args.only, at, args.fit_calls, args.probes)
    rows += schedules(task, args.counts, args.tune_samples, args.minutes, args.out)
    spelled = {json.dumps([r.get("name"), r.get("settings"), r.get("label")]): r for r in rows}
    rows = list(spelled.values())  # two counts may have led to one threshold
    named = peers(rows, args.intervals) if args.peers else []
    head = {name: getattr(args, name) for name in ("model", "samples", "batch", "rounds", "shown")}
    head |= {"fewer_steps": args.counts, "reference": "other-seeds", "out": str(args.out), "peers": named}
    (args.out / "bench.toml").write_text(toml(head, rows))
    print(f"wrote {args.out / 'bench.toml'}: {len(rows)} rows and {len(named)} of peers")


if __name__ == "__main__":
    main()
