"""The methods of the papers on a reference model, at their strides and sites, with controls beside.

For every interval: FORA, TraCache, TaylorSeer and FoCa at their papers' sites and at the denoiser's output, a
schedule tuned to as many computed steps, and the same sampler with that many steps.
Run: python benchmarks/reference_models.py --model shapes-t2i --intervals 2 3 4
"""

from __future__ import annotations

import argparse

import torch
from record import RESULTS, cpu_name, write_lines
from task_table import Table

import foretrace as ft
from foretrace.demo.tasks import load_task
from foretrace.offline.progress import console
from foretrace.offline.tune import as_profile

RECIPES: dict[str, dict[str, object]] = {
    "fora": {},
    "tracache": {"order": 2},
    "tracache_soft": {},
    "taylorseer": {"order": 2},
    "foca": {},
}
SITES = (None, "model")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="shapes-t2i")
    parser.add_argument("--intervals", type=int, nargs="+", default=[2, 3, 4])
    parser.add_argument("--minutes", type=float, default=2.0, help="of search, for each interval")
    parser.add_argument("--search-samples", type=int, default=24)
    parser.add_argument("--samples", type=int, default=48, help="to judge with")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def recipes(table: Table, interval: int) -> list[int]:
    """The rows of one interval; returns the computed steps of the schedule that the papers use."""
    computed: list[int] = []
    for name, settings in RECIPES.items():
        for site in SITES:
            own = dict(settings) if site is None else {**settings, "granularity": site}
            method = ft.load_method(name, interval=interval, **own)  # type: ignore[arg-type]
            where = str(method.granularity)
            table.method(f"{name}, k={interval}, {where}", method, interval=interval, site=where)
            if name == "fora":
                computed = table.rows[-1]["computed_steps"]
    return computed


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    table = Table(load_task(args.model), args.samples, args.batch)
    steps = table.task.steps
    table.add("uncached", list(range(steps)), table.uncached, site="-")
    tuner = table.tuner(args.search_samples)
    for interval in args.intervals:
        count = len(recipes(table, interval))
        found = tuner.search(count, 60 * args.minutes, 0, console)
        profile = as_profile(tuner, found, count)
        words = str(profile.method.predictor)
        table.method("tuned", profile.method, site="PerModel", predictor=words, measured=profile.measured)
        table.add("fewer steps", list(range(count)), table.draw(count), site="-")
    name = f"reference_{args.model.replace('-', '_')}.jsonl"
    write_lines(RESULTS / name, table.rows, cpu_name())


if __name__ == "__main__":
    main()
