"""Schedules that papers search for, beside ours: on one recording, at equal computed steps.

The rows are on other noises than the search's. Published schedules are run with the predictor of their paper
and, where that costs no runs, with a parabola. `proposed` is ours without the closed loop, `searched` with
it, in a fifth of ``--minutes``, `tuned` with factors that are fitted in the rest; ``search_runs`` are the
runs of one sample that a search took beyond the recording. `even` rows are every even schedule with every
predictor that the search chooses from.
Run: python benchmarks/searches.py --model shapes-dit --counts 8 11 18
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from record import RESULTS, cpu_name, write_lines
from task_table import SEARCH_SEED, Table

import foretrace as ft
from foretrace.demo.tasks import load_task
from foretrace.offline.judge import Judge
from foretrace.offline.progress import console
from foretrace.offline.proposal import even_schedules, propose
from foretrace.offline.published import cem, dpcache, lemica, smoothcache
from foretrace.offline.tune import as_profile
from foretrace.offline.tuner import PREDICTORS, PROBES, SEARCHING, Tuner

PARABOLA = ft.Lagrange(2)


def published(tuner: Tuner, one: Judge, count: int) -> Iterator[tuple[str, list[int], ft.Predictor, int]]:
    """Name, computed steps, predictor and runs of every published search; ``one`` judges by one sample."""
    gram = tuner.recording.gram()
    longest = max(3, 2 * tuner.steps // count)
    yield "lemica", lemica(one, ft.Reuse(), tuner.steps, count, longest, console), ft.Reuse(), one.runs
    for predictor in (ft.Taylor(2), PARABOLA):
        yield "dpcache", dpcache(gram, predictor, count), predictor, 0
    for predictor in (ft.Reuse(), PARABOLA):
        yield "cem", cem(gram, count), predictor, 0
        yield "smoothcache", smoothcache(gram, count), predictor, 0


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare searches for schedules.")
    parser.add_argument("--model", default="shapes-dit")
    parser.add_argument("--counts", type=int, nargs="+", default=[8, 11, 18])
    parser.add_argument("--minutes", type=float, default=2.5, help="Of our closed-loop search, each.")
    parser.add_argument("--search-samples", type=int, default=24)
    parser.add_argument("--search-batch", type=int, default=4)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--ours", action="store_true", help="Only our rows, in a file of their own.")
    parser.add_argument("--profiles", type=Path, help="Folder for the profiles of our rows.")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    table = Table(load_task(args.model), args.samples, args.batch)
    tuner = table.tuner(args.search_samples, args.search_batch)
    probes = PROBES * len(tuner.judge.references[0])
    first = table.task.arguments(range(1), SEARCH_SEED, table.steps)
    one = Judge(table.task.pipe, ft.PerModel(), [first], [tuner.judge.references[0][:1]])

    def row(label: str, computed: list[int], predictor: ft.Predictor, runs: int, **more: Any) -> None:
        method = ft.Method(ft.Mask(tuple(computed)), predictor)
        table.method(label, method, predictor=str(predictor), search_runs=runs, asked=count, **more)

    for count in args.counts:
        if not args.ours:
            for computed in dict.fromkeys(map(tuple, even_schedules(table.steps, count))):
                for predictor in PREDICTORS:
                    row("even", list(computed), predictor, 0)
            for name, found, predictor, runs in published(tuner, one, count):
                row(name, found, predictor, runs)
        for predictor in (ft.Lagrange(1), PARABOLA):
            found = propose(tuner.recording.gram(), predictor, count, tuner.amplification)
            row("proposed", found, predictor, probes)
        before, began = tuner.judge.runs + tuner.held_out.runs, time.monotonic()
        plain = replace(tuner, factors=False).search(count, 60 * args.minutes * SEARCHING, 0, console)
        stages = {"searched": plain, "tuned": tuner.fit(plain, began + 60 * args.minutes, console)}
        for name, found in stages.items():
            profile = as_profile(tuner, found, count)  # what is handed out
            if args.profiles is not None:
                profile.save(args.profiles / f"{name}-{count}.safetensors")
            measured = profile.measured | {"stage_seconds": round(found.seconds, 1)}
            one_sample = (found.runs - before) * args.search_batch + probes
            row(name, measured["computed"], profile.method.predictor, one_sample, measured=measured)
        table.add("fewer steps", list(range(count)), table.draw(count), predictor="-", asked=count)
        name = f"searches_{args.model.replace('-', '_')}{'_ours' * args.ours}.jsonl"
        write_lines(RESULTS / name, table.rows, cpu_name())


if __name__ == "__main__":
    main()
