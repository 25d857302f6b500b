"""What a skipped step costs with every linear predictor: beside an uncached call, and beside the floor.

First table: skipped calls of the model of `overhead.py` as a share of uncached ones, and the same bounds.
A run computes as many steps as the predictor has points and skips the rest; an untouched twin is called
beside. Second table: the forecast alone, host arithmetic included, over the two least costs of a weighted sum
of m points, at three sizes. *Traffic* is a copy, which reads one and writes one, times (m + 1) / 2. *One
pass* is one matrix-vector product over points that lie in one block, which is what a fused sum would be.
All are timed in turn, round by round, on the processor's clock; the spread is that of the rounds.
Run: python benchmarks/predictor_cost.py
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from overhead import SKIPPED_TARGET
from overhead_clock import Span, ratio, spread, timed
from overhead_model import Sampler, floor_of, make_model, twin_of
from predictor_list import LINEAR
from record import RESULTS, cpu_name, write_lines
from torch import nn

import foretrace as ft
from foretrace.history import Step

SITES: dict[str, ft.PerStack | ft.PerModel] = {"stack": ft.PerStack(), "model": ft.PerModel()}
SKIPPED = 12
SIZES = {"model": 8192, "stack": 196608, "beyond the cache": 4_000_000}
"""Entries of a feature; the first two are those of the model of the first table."""


def skipped_run(model: nn.Module, twin: nn.Module, predictor: ft.Predictor, site: str) -> tuple[Span, Span]:
    """The median spans of skipped calls and of the twin's calls in one run."""
    warm = predictor.points
    steps = warm + SKIPPED
    method = ft.Method(ft.Mask(tuple(range(warm))), predictor, SITES[site])
    sampler, skipped, uncached = Sampler(steps), [], []
    with ft.accelerate(model, method, steps=steps):
        for index in range(steps):
            inputs = sampler.inputs(index)
            output, span = timed(lambda inputs=inputs: model(**inputs))
            if index >= warm:
                skipped.append(span)
            if index in (0, steps - 1):
                uncached.append(timed(lambda inputs=inputs: twin(**inputs))[1])
            sampler.advance(output[0])
    return ratio(skipped, uncached), ratio(uncached, [Span(1.0, 1.0)])


def shares(rounds: int) -> list[dict[str, Any]]:
    """Skipped calls over uncached ones, for every predictor and site, and the model without blocks."""
    model = make_model()
    twin, floor = twin_of(model), floor_of(model)
    keys = [(name, site) for name in LINEAR for site in SITES]
    found: dict[tuple[str, str], list[Span]] = {key: [] for key in keys}
    bare: list[Span] = []
    for done in range(rounds):
        for name, site in keys:
            found[name, site].append(skipped_run(model, twin, LINEAR[name], site)[0])
        inputs = Sampler(2).inputs(0)
        empty = [timed(lambda inputs=inputs: floor(**inputs))[1] for _ in range(SKIPPED)]
        bare.append(ratio(empty, [timed(lambda inputs=inputs: twin(**inputs))[1] for _ in range(2)]))
        print(f"shares: round {done + 1} of {rounds}", flush=True)
    lines = []
    for (name, site), spans in found.items():
        share = spread([span.cpu for span in spans])
        lines.append(
            {"part": "share", "predictor": name, "site": site, "points": LINEAR[name].points,
             "skipped_over_uncached": share, "bound": SKIPPED_TARGET[site],
             "within": share["median"] <= SKIPPED_TARGET[site]}
        )  # fmt: skip
    none = {"part": "share", "predictor": "nothing attached; no blocks", "site": "stack", "points": 0}
    return [*lines, {**none, "skipped_over_uncached": spread([span.cpu for span in bare])}]


def seconds(call: Callable[[], Any], repeats: int) -> float:
    """Processor seconds of one call, of ``repeats`` in a row."""
    began = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - began) / repeats


def one_size(entries: int, rounds: int) -> list[dict[str, Any]]:
    """Every predictor's forecast over both floors, at one size of feature."""
    repeats = max(3, min(200, 4_000_000 // entries))
    copied, into = torch.randn(entries), torch.empty(entries)
    most = max(predictor.points for predictor in LINEAR.values())
    block = torch.randn(most, entries)
    states = {}
    for name, predictor in LINEAR.items():
        state = predictor.init()
        for index in range(predictor.points):
            state = predictor.commit(state, Step(2 * index), (block[index],))
        states[name] = state
    ratios: dict[str, list[tuple[float, float, float]]] = {name: [] for name in LINEAR}
    for turn in range(rounds + 1):
        for name, predictor in LINEAR.items():
            state, step = states[name], Step(2 * predictor.points + turn)  # a new step each time
            read = sum(w != 0.0 for w in predictor.weights(state.times, step.time))
            stored, row = block[:read].t(), torch.rand(read)
            own = seconds(lambda p=predictor, s=state, t=step: p.predict(s, t), repeats)
            copy = seconds(lambda: into.copy_(copied), repeats)
            fused = seconds(lambda m=stored, r=row: torch.mv(m, r), repeats)
            ratios[name].append((1e6 * own, own / (copy * (read + 1) / 2), own / fused))
    return [_over_floors(name, entries, found[1:]) for name, found in ratios.items()]


def _over_floors(name: str, entries: int, found: Sequence[tuple[float, float, float]]) -> dict[str, Any]:
    microseconds, traffic, fused = (spread(list(column)) for column in zip(*found, strict=True))
    return {
        "part": "floor", "predictor": name, "points": LINEAR[name].points, "entries": entries,
        "microseconds": microseconds, "over_traffic": traffic, "over_one_pass": fused,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="of the shares")
    parser.add_argument("--floor-rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with torch.no_grad():
        lines = [line for entries in SIZES.values() for line in one_size(entries, options.floor_rounds)]
        lines += shares(options.rounds)
    for line in lines:
        if line["part"] == "floor":
            kept = [line[key]["median"] for key in ("microseconds", "over_traffic", "over_one_pass")]
            print(
                f"{line['predictor']:20} {line['entries']:8} {kept[0]:9.1f} us {kept[1]:6.2f} {kept[2]:6.2f}"
            )
        else:
            percent = 100 * line["skipped_over_uncached"]["median"]
            print(f"{line['predictor']:28} {line['site']:6} {percent:.4f} % {line.get('within', '')}")
    write_lines(RESULTS / "predictor_cost.jsonl", lines, cpu_name())


if __name__ == "__main__":
    main()
