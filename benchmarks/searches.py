"""Schedules that papers search for, beside ours: the same recording, the same computed steps, other noises.

Each published search runs with the predictor of its paper and, since a schedule is best for the forecast it
was made for, with a parabola too. `proposed` is ours without a run of the closed loop, `tuned` ours with;
*runs* counts the sampler runs a search took beyond the recording, in runs of one search sample.
Run: python benchmarks/searches.py --model shapes-dit --counts 8 11 18
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import torch
from record import RESULTS, cpu_name, write_lines
from task_table import Table

import foretrace as ft
from foretrace.demo.tasks import load_task
from foretrace.offline.judge import Judge
from foretrace.offline.progress import console
from foretrace.offline.proposal import propose, uniform
from foretrace.offline.published import cem, dpcache, lemica, smoothcache
from foretrace.offline.tune import Tuner, as_profile

PARABOLA = ft.Lagrange(2)
PAPER: dict[str, ft.Predictor] = {
    "smoothcache": ft.Reuse(),
    "cem": ft.Reuse(),
    "lemica": ft.Reuse(),
    "dpcache": ft.Taylor(2),
}


def published(tuner: Tuner, count: int, longest: int) -> Iterator[tuple[str, list[int], ft.Predictor, int]]:
    """Name, computed steps, predictor and runs of every published search."""
    gram, steps = tuner.recording.gram(), tuner.steps
    one = Judge(tuner.judge.pipe, tuner.judge.granularity, tuner.judge.calls[:1], tuner.judge.references[:1])
    for name, own in PAPER.items():
        for predictor in (own, PARABOLA):
            runs = 0
            if name == "dpcache":
                assert isinstance(predictor, ft.LinearPredictor)
                found = dpcache(gram, predictor, count)
            elif name == "lemica":
                before = one.runs
                found = lemica(one, predictor, steps, count, longest, console)
                runs = one.runs - before
            else:
                found = (cem if name == "cem" else smoothcache)(gram, count)
            yield name, found, predictor, runs


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare searches for schedules.")
    parser.add_argument("--model", default="shapes-dit")
    parser.add_argument("--counts", type=int, nargs="+", default=[8, 11, 18])
    parser.add_argument("--minutes", type=float, default=1.5, help="Of our closed-loop search, each.")
    parser.add_argument("--search-samples", type=int, default=12)
    parser.add_argument("--samples", type=int, default=24)
    parser.add_argument("--batch", type=int, default=4)
    args = parser.parse_args()
    torch.set_num_threads(1)
    table = Table(load_task(args.model), args.samples, args.batch)
    tuner = table.tuner(args.search_samples)

    def row(label: str, computed: list[int], predictor: ft.Predictor, runs: int, **more: Any) -> None:
        method = ft.Method(ft.Mask(tuple(computed)), predictor)
        table.method(label, method, predictor=str(predictor), search_runs=runs, asked=count, **more)

    for count in args.counts:
        for predictor in (ft.Reuse(), ft.Lagrange(1), PARABOLA):
            row("spread evenly", uniform(table.steps, count), predictor, 0)
        for name, found, predictor, runs in published(tuner, count, max(3, 2 * table.steps // count)):
            row(name, found, predictor, runs)
        probes = len(tuner.amplification)
        for predictor in (ft.Lagrange(1), PARABOLA):
            row(
                "proposed",
                propose(tuner.recording.gram(), predictor, count, tuner.amplification),
                predictor,
                probes,
            )
        before = tuner.judge.runs + tuner.held_out.runs
        profile = as_profile(tuner, tuner.search(count, 60 * args.minutes, 0, console), count)
        runs = tuner.judge.runs + tuner.held_out.runs - before
        method = profile.method
        table.method("tuned", method, predictor=str(method.predictor), search_runs=runs, asked=count)
        table.add("fewer steps", list(range(count)), table.draw(count), predictor="-", asked=count)
    write_lines(RESULTS / f"searches_{args.model.replace('-', '_')}.jsonl", table.rows, cpu_name())


if __name__ == "__main__":
    main()
