"""Tuned schedules on a reference model, beside uniform ones with published rules, and fewer steps.

On noises 0 and up, not those of `shapes_dit.py`.
Run: python benchmarks/tuning.py --model shapes-dit --counts 8 11 14 18 --minutes 2.5
"""

from __future__ import annotations

import argparse

import torch
from record import RESULTS, cpu_name, write_lines
from rich.progress import track
from task_table import Table

import foretrace as ft
from foretrace.demo.tasks import load_task
from foretrace.offline.progress import console
from foretrace.offline.proposal import uniform
from foretrace.offline.tune import as_profile

RULES: dict[str, ft.Predictor] = {
    "reuse": ft.Reuse(),
    "Lagrange 1": ft.Lagrange(1),
    "Lagrange 2": ft.Lagrange(2),
    "TraCache, order up to 4": ft.AdaptiveLagrange(4),
    "TaylorSeer 2": ft.Taylor(2),
    "FoCa, damping 0.5": ft.FoCa(0.5),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="shapes-dit")
    parser.add_argument("--counts", type=int, nargs="+", default=[8, 11, 14, 18])
    parser.add_argument("--minutes", type=float, default=2.5, help="of search, for each count")
    parser.add_argument("--search-samples", type=int, default=24, help="a third of them only judges")
    parser.add_argument("--samples", type=int, default=36, help="to judge what was found")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    table = Table(load_task(args.model), args.samples, args.batch)
    steps = table.task.steps
    table.add("uncached", list(range(steps)), table.uncached)
    tuner = table.tuner(args.search_samples)
    for count in args.counts:
        found = tuner.search(count, 60 * args.minutes, 0, console)
        profile = as_profile(tuner, found, count)
        words = str(profile.method.predictor)
        table.method("tuned", profile.method, predictor=words, measured=profile.measured)
        for name, predictor in track(RULES.items(), "uniform strides"):
            table.method(f"uniform, {name}", ft.Method(ft.Mask(uniform(steps, count)), predictor))
        table.add("fewer steps", list(range(count)), table.draw(count))
    name = f"tuning_{args.model.replace('-', '_')}.jsonl"
    write_lines(RESULTS / name, table.rows, cpu_name())


if __name__ == "__main__":
    main()
