"""Attached runs beside uncached calls, call by call, and their summary over rounds."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from overhead_clock import Span, excesses, median_interval, medians, ratio, spread, timed
from overhead_model import Sampler, features, floor_of, make_model, twin_of
from overhead_parts import TimedPredictor
from torch import nn

import foretrace as ft

STEPS, INTERVAL = 50, 5
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "fora": ("fora", {}),
    "tracache 4": ("tracache", {"order": 4}),
    "tracache 4, fixed": ("tracache", {"order": 4, "select": "fixed"}),
}
Pair = tuple[Span, Span]


@dataclass
class Run:
    """The calls of one run by kind; pairs are computed calls beside uncached ones."""

    first: list[Pair] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    skipped: list[Span] = field(default_factory=list)
    commits: list[float] = field(default_factory=list)
    forecasts: list[float] = field(default_factory=list)
    history_bytes: int = 0

    @property
    def uncached(self) -> list[Span]:
        """The uncached calls."""
        return [u for _, u in self.first + self.pairs]


def attached_run(model: nn.Module, twin: nn.Module, method: ft.Method, parity: int) -> Run:
    """One run of ``model`` with ``method``; computed calls before the history is full are left out.

    ``parity`` says which of two neighbours comes first, call by call in turn.
    """
    run, sampler = Run(), Sampler(STEPS)
    clocked = TimedPredictor(method.predictor)
    table = method.schedule.resolve("last").table(STEPS)
    full = max(1, method.predictor.points - 1)
    with ft.accelerate(model, dataclasses.replace(method, predictor=clocked), steps=STEPS) as handle:
        for index in range(STEPS):
            inputs = sampler.inputs(index)
            if index in table:
                ordinal = table.index(index)
                output, pair = beside(model, twin, inputs, twin_first=(ordinal + parity) % 2 == 0)
                if ordinal == 0 or ordinal >= full:
                    (run.pairs if ordinal else run.first).append(pair)
            else:
                output, span = timed(lambda inputs=inputs: model(**inputs))
                run.skipped.append(span)
            sampler.advance(output[0])
        run.history_bytes = handle.report.history_bytes
        if handle.report.computed != table:
            raise RuntimeError(f"computed {handle.report.computed}; expected {table}.")
    run.commits, run.forecasts = clocked.commits[full:], clocked.forecasts
    return run


def beside(model: nn.Module, twin: nn.Module, inputs: dict[str, Any], twin_first: bool) -> tuple[Any, Pair]:
    """The computed output, and the spans of the attached and of the uncached call."""
    if twin_first:
        expected, uncached = timed(lambda: twin(**inputs))
        output, attached = timed(lambda: model(**inputs))
    else:
        output, attached = timed(lambda: model(**inputs))
        expected, uncached = timed(lambda: twin(**inputs))
    if not torch.equal(output[0], expected[0]):
        raise RuntimeError("a computed call differs from the uncached one; expected the same bits.")
    return output, (attached, uncached)


def control_run(model: nn.Module, twin: nn.Module, floor: nn.Module, parity: int) -> Run:
    """Nothing attached: uncached calls in pairs, then the model without blocks in place of skipped calls."""
    run, sampler = Run(), Sampler(STEPS)
    for index in range(6 * INTERVAL):
        inputs = sampler.inputs(index)
        if index % INTERVAL == 0:
            output, pair = beside(model, twin, inputs, twin_first=(index + parity) % 2 == 0)
            run.pairs.append(pair)
            sampler.advance(output[0])
        else:
            _, span = timed(lambda inputs=inputs: floor(**inputs))
            run.skipped.append(span)
    return run


def both(values: Sequence[Span], scale: float = 1.0) -> dict[str, dict[str, float]]:
    """The spread on each clock."""
    return {clock: spread([scale * getattr(v, clock) for v in values]) for clock in Span._fields}


def summarise(runs: Sequence[Run]) -> dict[str, Any]:
    """The numbers of one line: milliseconds over all calls, ratios over rounds."""
    pairs = [e for run in runs for e in excesses(run.pairs)]
    line = {
        "rounds": len(runs),
        "uncached_ms": both([s for run in runs for s in run.uncached], 1e3),
        "computed_ms": both([a for run in runs for a, _ in run.pairs], 1e3),
        "skipped_ms": both([s for run in runs for s in run.skipped], 1e3),
        "skipped_over_uncached": both([ratio(run.skipped, run.uncached) for run in runs]),
        "computed_excess": both([medians(excesses(run.pairs)) for run in runs]),
        "computed_excess_pairs": both(pairs),
        "computed_excess_interval": {
            clock: median_interval([getattr(e, clock) for e in pairs]) for clock in Span._fields
        },
    }
    if runs[0].first:
        line["first_call_excess"] = both([medians(excesses(run.first)) for run in runs])
        line["commit_ms"] = spread([1e3 * s for run in runs for s in run.commits])
        line["forecast_ms"] = spread([1e3 * s for run in runs for s in run.forecasts])
    return line


def history(points: int, granularity: str, runs: Sequence[Run]) -> dict[str, Any]:
    """The bytes kept, beside those of ``points`` features."""
    expected = points * features()[granularity]
    exact = all(run.history_bytes == expected for run in runs)
    return {"history_bytes": runs[0].history_bytes, "expected_bytes": expected, "history_exact": exact}


def measure(rounds: int, progress: Callable[[str], None]) -> list[dict[str, Any]]:
    """All methods at both granularities and the control, interleaved round by round."""
    model = make_model()
    twin, floor = twin_of(model), floor_of(model)
    methods = {
        (name, granularity): ft.load_method(recipe, granularity=granularity, interval=INTERVAL, **settings)
        for name, (recipe, settings) in METHODS.items()
        for granularity in ("stack", "model")
    }
    runs: dict[tuple[str, str], list[Run]] = {key: [] for key in methods}
    controls: list[Run] = []
    for done in range(rounds + 1):
        if done == 1:  # the round before warms up
            controls.clear()
            runs = {key: [] for key in methods}
        gc.collect()
        for key, method in methods.items():
            runs[key].append(attached_run(model, twin, method, parity=done))
        controls.append(control_run(model, twin, floor, parity=done))
        progress(f"round {done} of {rounds}")
    lines = [
        {"method": name, "granularity": granularity, "steps": STEPS, "interval": INTERVAL, **summarise(found)}
        | history(methods[name, granularity].predictor.points, granularity, found)
        for (name, granularity), found in runs.items()
    ]
    return [*lines, {"method": "nothing attached; no blocks", "granularity": "", **summarise(controls)}]
