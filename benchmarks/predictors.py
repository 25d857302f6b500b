"""Every forecast on a reference model at intervals 3, 5 and 8, per stack and per model; fewer steps beside.

All on one schedule, the stride that the papers anchor for the model's family, so that only the forecast
differs; HyCa's groups and solvers are fitted to a run of other noises. With --own the recipes on their own
schedules follow. Run: python benchmarks/predictors.py --model shapes-dit --samples 12 --own
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from predictor_list import PREDICTORS
from record import RESULTS, cpu_name, replace_lines, write_lines
from rich.progress import track

import foretrace as ft
from foretrace.demo.compare import psnr, relative_l2
from foretrace.demo.tasks import Task, load_task
from foretrace.errors import UnsupportedModel
from foretrace.models import find_spec
from foretrace.offline.clusters import ChannelSolvers, fit_channels
from foretrace.schedule import Anchor

SITES: dict[str, ft.PerStack | ft.PerModel] = {"stack": ft.PerStack(), "model": ft.PerModel()}
OWN = (
    "taylorseer",
    "taylorseer_newton",
    "hicache",
    "foca",
    "abcache",
    "resilphase",
    "freqca",
    "predit",
    "dmd",
)
FIT_SEED, TEST_SEED = 9000, 1000


@dataclass(frozen=True)
class Row:
    """What a line of the table is about."""

    label: str
    site: str
    interval: int | None
    method: ft.Method


class Features:
    """HyCa's recording: the stack's residual along one uncached sample, or its output where it has none."""

    def __init__(self, task: Task) -> None:
        call = task.arguments(range(1), FIT_SEED, task.steps)
        self.site = ft.PerStack(store="residual")
        try:
            recording = ft.record(task.pipe, [call], sites=self.site, keep="features")
        except UnsupportedModel:
            self.site = ft.PerStack()
            recording = ft.record(task.pipe, [call], sites=self.site, keep="features")
        key = recording.sites[0]
        self.steps = [recording.features(0, step, key)[0] for step in range(recording.steps)]

    def fit(self, schedule: ft.Schedule) -> ChannelSolvers:
        """Two groups of channels, and the solver that is best for each on the forecasts of ``schedule``."""
        times = [float(i) for i in range(len(self.steps))]
        return fit_channels(self.steps, times, computed=schedule.table(len(times)))


def shared(features: Features, anchor: Anchor, intervals: Sequence[int]) -> Iterator[Row]:
    """Every predictor on one schedule."""
    for interval in intervals:
        schedule = ft.Stride(interval, anchor)
        for site, granularity in SITES.items():
            for name, predictor in PREDICTORS.items():
                yield Row(name, site, interval, ft.Method(schedule, predictor, granularity, name=name))
        hyca = ft.Method(schedule, features.fit(schedule).predictor(), features.site, name="hyca")
        yield Row("hyca", str(features.site), interval, hyca)


def own(features: Features, intervals: Sequence[int]) -> Iterator[Row]:
    """The recipes as they are published."""
    for interval in intervals:
        for name in OWN:
            method = ft.load_method(name, interval=interval)
            yield Row(f"{name}, own schedule", str(method.granularity), interval, method)
        found = features.fit(ft.load_method("hyca", interval=interval).schedule)
        method = ft.load_method("hyca", interval=interval, groups=found.groups, solvers=found.solvers)
        yield Row("hyca, own schedule", str(method.granularity), interval, method)
    for flex in (0.75, 3.0):
        method = ft.load_method("spectrum", flex=flex)
        for site, granularity in SITES.items():
            moved = replace(method, granularity=granularity)
            yield Row(f"spectrum {flex:g}, own schedule", site, None, moved)


class Samples:
    """The task's samples from fixed noises, scored against the uncached ones."""

    def __init__(self, task: Task, count: int) -> None:
        self.task, self.count = task, count
        self.uncached = self.draw(task.steps)

    def draw(self, steps: int) -> torch.Tensor:
        """All samples in one call."""
        return self.task.draw(self.task.arguments(range(self.count), TEST_SEED, steps))

    def score(self, images: torch.Tensor) -> dict[str, Any]:
        """Fidelity to the uncached samples and whether they show what was asked for."""
        each = [relative_l2(a[None], b[None]) for a, b in zip(images, self.uncached, strict=True)]
        return {
            "relative_l2": sum(each) / len(each),
            "relative_l2_each": each,
            "psnr": None if images is self.uncached else psnr(images, self.uncached),
            "score": self.task.score(images),
            "score_name": self.task.score_name,
            "samples": self.count,
            "first_seed": TEST_SEED,
            "model": self.task.name,
            "sampler": self.task.sampler,
            "steps": self.task.steps,
        }

    def measure(self, row: Row) -> dict[str, Any]:
        """One line for a method. Times are medians of single calls on the wall, so compare within a line."""
        with ft.accelerate(self.task.pipe, row.method) as run:
            images = self.draw(self.task.steps)
        report = run.report
        return {
            "label": row.label,
            "site": row.site,
            "interval": row.interval,
            "predictor": str(row.method.predictor)[:200],
            "computed": len(report.computed),
            "computed_steps": report.computed,
            "macs_ratio": report.macs_full / report.macs,
            "history_bytes": report.history_bytes,
            "computed_ms": 1e3 * report.call_seconds(False),
            "skipped_ms": 1e3 * report.call_seconds(True),
            **self.score(images),
        }


def table(samples: Samples, rows: list[Row]) -> list[dict[str, Any]]:
    """The uncached line, one a method, and the sampler with as many steps as were computed."""
    steps = samples.task.steps
    lines = [{"label": "uncached", "site": "-", "computed": steps, **samples.score(samples.uncached)}]
    lines += [samples.measure(row) for row in track(rows, samples.task.name)]
    for count in sorted({len(line["computed_steps"]) for line in lines[1:]}, reverse=True):
        score = samples.score(samples.draw(count))
        lines.append({"label": "fewer steps", "site": "-", "computed": count, **score})
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="shapes-dit")
    parser.add_argument("--samples", type=int, default=12)
    parser.add_argument("--intervals", type=int, nargs="+", default=[3, 5, 8])
    parser.add_argument("--own", action="store_true", help="the recipes on their own schedules as well")
    parser.add_argument("--only", nargs="+", help="rows with one of these words, in place of the old ones")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    task = load_task(options.model)
    features = Features(task)
    anchor = find_spec(task.pipe.transformer).anchor
    rows = list(shared(features, anchor, options.intervals))
    if options.own:
        rows += own(features, options.intervals)
    samples = Samples(task, options.samples)
    name = "predictors" if options.model == "shapes-dit" else f"predictors_{options.model.replace('-', '_')}"
    path = RESULTS / f"{name}.jsonl"
    if options.only:
        wanted = [row for row in rows if any(word in row.label for word in options.only)]
        lines = [samples.measure(row) for row in track(wanted, task.name)]
        replace_lines(path, lines, cpu_name(), ("label", "site", "interval"))
    else:
        lines = table(samples, rows)
        write_lines(path, lines, cpu_name())
    for line in lines:
        print(f"{line['label']:32} {line['site']:8} {line['computed']:3} {line['relative_l2']:.4f}")


if __name__ == "__main__":
    main()
