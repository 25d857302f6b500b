"""What it gains to run several candidates of a search at once: eight of one schedule, eight of several.

The same sixteen candidates are run one by one, and in groups of 2, 4 and 8, in turn, for a few rounds;
``faster`` is the time one by one over that of the groups in the same round. ``apart`` is how far latents of
the two are from each other at most. Run on an idle machine: python benchmarks/together.py
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import torch
from record import RESULTS, cpu_name, write_lines
from task_table import SEARCH_SEED

import foretrace as ft
from foretrace.demo.tasks import Task, load_task
from foretrace.offline.candidate import Candidate
from foretrace.offline.factors import free_gaps, with_factors
from foretrace.offline.proposal import uniform
from foretrace.offline.sampling import relative_error, sample
from foretrace.offline.together import Together

SIZES = (1, 2, 4, 8)
COUNT = 8


def candidates(steps: int, computed: int) -> dict[str, list[Candidate]]:
    """As the fit of factors has them, and as moves of a computed step give them."""
    mask = tuple(uniform(steps, computed))
    gaps = free_gaps(mask, steps)
    rows = [[1.0 - 0.1 * (i == j) for i in range(len(gaps))] for j in range(COUNT)]
    places = [(place, shift) for place in range(2, computed - 1) for shift in (-1, 1)][:COUNT]
    moved = [tuple(sorted({*mask, mask[p] + s} - {mask[p]})) for p, s in places]
    return {
        "one schedule": [with_factors(mask, steps, gaps, row) for row in rows],
        "several": [Candidate(one, ft.Lagrange(1)) for one in moved],
    }


def lines(task: Task, batch: int, computed: int, rounds: int) -> list[dict[str, Any]]:
    """One line for each kind of group and size."""
    call = task.arguments(range(batch), SEARCH_SEED, task.steps) | {"output_type": "latent"}
    reference = sample(task.pipe, call)
    found = []
    for kind, group in candidates(task.steps, computed).items():
        runners = {size: Together(task.pipe, ft.PerModel(), size) for size in SIZES}
        ends = {size: one.latents(group, call, reference) for size, one in runners.items()}  # and warm up
        seconds: dict[int, list[float]] = {size: [] for size in SIZES}
        for _ in range(rounds):
            for size, one in runners.items():
                began = time.perf_counter()
                one.latents(group, call, reference)
                seconds[size].append(time.perf_counter() - began)
        for size in SIZES:
            ratios = [a / b for a, b in zip(seconds[1], seconds[size], strict=True)]
            apart = [relative_error(a, b).max() for a, b in zip(ends[size], ends[1], strict=True)]
            found.append(
                {
                    "model": task.name,
                    "candidates": kind,
                    "together": runners[size].most,
                    "samples": batch,
                    "computed": computed,
                    "steps": task.steps,
                    "seconds": seconds[size],
                    "faster": statistics.median(ratios),
                    "faster_range": [min(ratios), max(ratios)],
                    "apart": float(max(apart)),
                    "threads": torch.get_num_threads(),
                }
            )
            print({k: v for k, v in found[-1].items() if k != "seconds"}, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Time candidates run at once.")
    parser.add_argument("--models", nargs="+", default=["shapes-dit", "shapes-flow"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    found = []
    for name in args.models:
        task = load_task(name)
        for batch in args.batches:
            found += lines(task, batch, task.steps // 4, args.rounds)
    write_lines(RESULTS / "together.jsonl", found, cpu_name())


if __name__ == "__main__":
    main()
