"""Errors added as squares or as vectors: which tells a schedule's error before it is run, if any.

One row a model, number of computed steps and predictor: the rank correlation of each estimate with the true
error of schedules a few moves away from the even and the proposed one, and the true error of the schedule
that each likes best, beside the even one. The estimates are measured on some noises, errors on others.
Run: python benchmarks/coherent.py --model shapes-dit --counts 8 18
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from record import RESULTS, cpu_name, write_lines
from task_table import SEARCH_SEED, TEST_SEED

import foretrace as ft
from foretrace.demo.tasks import Task, load_task
from foretrace.offline.amplification import amplification
from foretrace.offline.coherent import measure_response
from foretrace.offline.judge import Candidate, Judge
from foretrace.offline.progress import console
from foretrace.offline.proposal import propose, squared_error, stencil, uniform
from foretrace.offline.record import record
from foretrace.offline.search import moves
from foretrace.offline.tuner import PROBES
from foretrace.predictor import LinearPredictor

PREDICTORS: tuple[LinearPredictor, ...] = (ft.Reuse(), ft.Lagrange(1), ft.Lagrange(2))
Estimate = Callable[[LinearPredictor, Sequence[int]], float]


def judge_of(task: Task, samples: int, seed: int) -> tuple[Judge, torch.Tensor]:
    """A judge over ``samples`` noises from ``seed`` on, and the Gram matrix of their features."""
    calls = [task.arguments(range(samples), seed, task.steps)]
    recording = record(task.pipe, calls, sites=ft.PerModel(), progress=console)
    return Judge(task.pipe, ft.PerModel(), calls, recording.latents), recording.gram()


def squares(gram: np.ndarray, scale: Sequence[float]) -> Estimate:
    """What `propose` minimises."""

    def estimate(predictor: LinearPredictor, computed: Sequence[int]) -> float:
        skipped = sorted(set(range(len(gram))) - set(computed))
        errors = (squared_error(gram, *stencil(predictor, computed, i), i) for i in skipped)
        return math.sqrt(sum(scale[i] ** 2 * e for i, e in zip(skipped, errors, strict=True)))

    return estimate


def climb(start: Sequence[int], total: int, cost: Callable[[Sequence[int]], float]) -> tuple[int, ...]:
    """The best schedule that single moves lead to, from ``start``."""
    current, rng = Candidate(tuple(start), ft.Reuse()), np.random.default_rng(0)
    while True:
        best = min(moves(current, total, [ft.Reuse()], rng), key=lambda one: cost(one.computed))
        if cost(best.computed) >= cost(current.computed) * (1 - 1e-9):
            return current.computed
        current = best


def near(starts: Sequence[Sequence[int]], total: int, count: int) -> list[tuple[int, ...]]:
    """``count`` schedules up to three moves away from one of ``starts``."""
    rng, found = np.random.default_rng(0), set[tuple[int, ...]]()
    while len(found) < count:
        one = Candidate(tuple(starts[len(found) % len(starts)]), ft.Reuse())
        for _ in range(int(rng.integers(1, 4))):
            one = next(moves(one, total, [ft.Reuse()], rng))
        found.add(one.computed)
    return sorted(found)


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's."""
    first, second = (np.argsort(np.argsort(x)).tolist() for x in (a, b))
    return statistics.correlation(first, second)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare estimates of a schedule's error.")
    parser.add_argument("--model", default="shapes-dit")
    parser.add_argument("--counts", type=int, nargs="+", default=[8, 18])
    parser.add_argument("--measured", type=int, default=4, help="samples")
    parser.add_argument("--samples", type=int, default=8, help="to judge on")
    parser.add_argument("--schedules", type=int, default=24)
    args = parser.parse_args()
    task = load_task(args.model)
    total = task.steps
    judge, gram = judge_of(task, args.measured, SEARCH_SEED)
    test, _ = judge_of(task, args.samples, TEST_SEED)
    plain, base = gram.double().numpy(), ft.Lagrange(1)
    response = measure_response(judge, gram, base, console)
    every = amplification(judge, gram, base, total - 1, console)
    few = amplification(judge, gram, base, PROBES, console)
    estimates: dict[str, Estimate] = {
        "vectors": response.error,
        "squares": squares(plain, every),
        f"squares, {PROBES} probes": squares(plain, few),
    }
    rows: list[dict[str, Any]] = []
    for count in args.counts:
        for predictor in PREDICTORS:
            even, proposed = uniform(total, count), propose(gram, predictor, count, every)
            liked: dict[str, Sequence[int]] = {
                "even": even,
                "squares": proposed,
                f"squares, {PROBES} probes": propose(gram, predictor, count, few),
            }
            ends = [climb(s, total, lambda h, p=predictor: response.error(p, h)) for s in (even, proposed)]
            liked["vectors"] = min(ends, key=lambda h, p=predictor: response.error(p, h))
            tried = near((even, proposed), total, args.schedules)
            truth = [test.error(Candidate(h, predictor)) for h in tried]
            told = {name: [f(predictor, h) for h in tried] for name, f in estimates.items()}
            ratios = [a / b for a, b in zip(told["vectors"], truth, strict=True)]
            errors = {name: test.error(Candidate(tuple(h), predictor)) for name, h in liked.items()}
            row = {
                "model": task.name,
                "predictor": str(predictor),
                "computed": count,
                "steps": total,
                "rank_correlation": {name: rank_correlation(x, truth) for name, x in told.items()},
                "vectors_over_truth": statistics.median(ratios),
                "relative_l2": errors,
                "schedules": {name: list(h) for name, h in liked.items()},
                "tried": len(tried),
                "samples": [args.measured, args.samples],
            }
            rows.append(row)
            print(row, flush=True)
    write_lines(RESULTS / f"coherent_{task.name.replace('-', '_')}.jsonl", rows, cpu_name())


if __name__ == "__main__":
    main()
