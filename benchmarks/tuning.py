"""Tuned schedules on any reference model, beside uniform ones, published rules and fewer steps.

Searched on noises 1000 and up; judged on others, those of the other tables, which nothing was chosen on.
Run: python benchmarks/tuning.py --model shapes-dit --counts 8 11 14 18 --minutes 3
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import torch
from record import RESULTS, cpu_name, write_lines
from rich.progress import track

import foretrace as ft
from foretrace.demo.compare import relative_l2
from foretrace.demo.tasks import Task, load_task
from foretrace.offline.progress import console
from foretrace.offline.proposal import uniform
from foretrace.offline.tune import as_profile, prepare

SEARCH_SEED, TEST_SEED = 1000, 0
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
    parser.add_argument("--minutes", type=float, default=3.0, help="of search, for each count")
    parser.add_argument("--search-samples", type=int, default=24, help="a third of them only judges")
    parser.add_argument("--samples", type=int, default=36, help="to judge what was found")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", help="name of the results file; tuning_<model>.jsonl by default")
    return parser.parse_args()


class Table:
    """Rows of one model, each judged against the uncached samples of the same noises."""

    def __init__(self, task: Task, samples: int, batch: int) -> None:
        self.task, self.samples, self.batch = task, samples, batch
        self.uncached = self.draw()
        self.rows: list[dict[str, Any]] = []

    def draw(self, steps: int | None = None) -> torch.Tensor:
        """The test samples, a few at a time."""
        parts = []
        for start in range(0, self.samples, self.batch):
            numbers = range(start, min(self.samples, start + self.batch))
            output = self.task.pipe(**self.task.arguments(numbers, TEST_SEED, steps), output_type="pt")
            parts.append(output.images if hasattr(output, "images") else output.frames)
        return torch.cat(parts)

    def add(self, label: str, computed: list[int], images: torch.Tensor, **more: Any) -> None:
        """One row."""
        each = [relative_l2(a[None], b[None]) for a, b in zip(images, self.uncached, strict=True)]
        self.rows.append(
            {
                "model": self.task.name,
                "label": label,
                "computed": len(computed),
                "computed_steps": computed,
                "steps": self.task.steps,
                "relative_l2": statistics.fmean(each),
                "relative_l2_quartiles": statistics.quantiles(each, n=4),
                "score": self.task.score(images),
                "score_name": self.task.score_name,
                "samples": len(each),
                "first_seed": TEST_SEED,
                **more,
            }
        )
        print(f"{label:32} {len(computed):3} {statistics.fmean(each):.4f} {self.rows[-1]['score']:.3f}")

    def method(self, label: str, method: ft.Method, **more: Any) -> None:
        """One row for a method."""
        with ft.accelerate(self.task.pipe, method) as run:
            images = self.draw()
        self.add(label, run.report.computed, images, **more)


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    task = load_task(args.model)
    table = Table(task, args.samples, args.batch)
    table.add("uncached", list(range(task.steps)), table.uncached)
    calls = [
        task.arguments(range(start, min(args.search_samples, start + args.batch)), SEARCH_SEED)
        for start in range(0, args.search_samples, args.batch)
    ]
    tuner = prepare(task.pipe, calls, progress=console)
    for count in args.counts:
        found = tuner.search(count, 60 * args.minutes, 0, console)
        profile = as_profile(tuner, found, count)
        table.method("tuned", profile.method, predictor=str(profile.method.predictor), **profile.measured)
        for name, predictor in track(RULES.items(), "uniform strides"):
            table.method(f"uniform, {name}", ft.Method(ft.Mask(uniform(task.steps, count)), predictor))
        table.add("fewer steps", list(range(count)), table.draw(count))
    name = args.out or f"tuning_{args.model.replace('-', '_')}.jsonl"
    write_lines(RESULTS / name, table.rows, cpu_name())


if __name__ == "__main__":
    main()
