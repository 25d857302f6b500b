"""HyCa's maps of channels on shapes-dit: one for all blocks, or one a block, and whether either helps.

Forecast errors along an uncached run, without feeding them back: solvers are fitted on one sample and judged
on others, on strides counted from the last step, over the residual of the stack. *One map* forecasts it with
one set of groups and solvers; *a map a block* forecasts every block's residual with its own and adds them up.
Run: python benchmarks/hyca_maps.py
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import torch
from record import RESULTS, cpu_name, write_lines
from torch import Tensor

import foretrace as ft
from foretrace.demo.tasks import load_task
from foretrace.offline.clusters import ChannelSolvers, fit_channels
from foretrace.predictor.pool import SOLVERS

FIT_SEED, TEST_SEED = 9000, 9100
Path = list[Tensor]
"""One feature a step."""


def residuals(task: Any, samples: int, seed: int) -> list[Path]:
    """Per block, its residuals along uncached runs; they add up to the stack's."""
    call = task.arguments(range(samples), seed, task.steps)
    recording = ft.record(task.pipe, [call], sites="block:residual", keep="features")
    return [
        [recording.features(0, step, site)[0] for step in range(recording.steps)] for site in recording.sites
    ]


def total(blocks: Sequence[Path]) -> Path:
    """The stack's residual."""
    return [torch.stack(parts).sum(dim=0) for parts in zip(*blocks, strict=True)]


def forecasts(predictor: ft.Predictor, path: Path, table: Sequence[int]) -> dict[int, Tensor]:
    """The forecast of every skipped step that has three points before it."""
    state, found = predictor.init(), {}
    for step, feature in enumerate(path):
        if step in table:
            state = predictor.commit(state, ft.Step(step), (feature,))
        elif sum(i < step for i in table) >= 3:
            found[step] = predictor.predict(state, ft.Step(step))[0]
    return found


def error(found: dict[int, Tensor], truth: Path) -> float:
    """Relative, over all judged steps."""
    missed = sum(float((x - truth[step]).square().sum()) for step, x in found.items())
    return (missed / sum(float(truth[step].square().sum()) for step in found)) ** 0.5


def rows(fit: list[Path], test: list[Path], interval: int, clusters: int) -> list[dict[str, Any]]:
    """One line for each way to choose solvers."""
    times = [float(i) for i in range(len(fit[0]))]
    table = ft.Stride(interval, "last").table(len(times))
    truth = total(test)

    def fitted(path: Path) -> ChannelSolvers:
        return fit_channels(path, times, clusters, table)

    one, own = fitted(total(fit)), [fitted(path) for path in fit]
    parts = [forecasts(found.predictor(), path, table) for found, path in zip(own, test, strict=True)]
    summed = {step: torch.stack([part[step] for part in parts]).sum(dim=0) for step in parts[0]}
    choices = [
        ("one map", [one.solvers], forecasts(one.predictor(), truth, table)),
        ("a map a block", [found.solvers for found in own], summed),
        *((name, [(name,)], forecasts(p, truth, table)) for name, p in SOLVERS.items()),
    ]
    about = {"interval": interval, "clusters": clusters}
    return [{**about, "choice": n, "solvers": found, "error": error(x, truth)} for n, found, x in choices]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=4, help="to judge with")
    options = parser.parse_args()
    torch.set_num_threads(1)
    task = load_task("shapes-dit")
    fit, test = residuals(task, 1, FIT_SEED), residuals(task, options.samples, TEST_SEED)
    lines = [line for k in (3, 5, 8) for clusters in (2, 4) for line in rows(fit, test, k, clusters)]
    for line in lines:
        print(
            f"{line['interval']} {line['clusters']} {line['choice']:14} {line['error']:.4f} {line['solvers']}"
        )
    write_lines(RESULTS / "hyca_maps.jsonl", [{**x, "samples": options.samples} for x in lines], cpu_name())


if __name__ == "__main__":
    main()
