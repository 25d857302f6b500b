"""When extrapolation helps: the same strides under other samplers, guidance strengths and step counts.

A forecast that extrapolates is fed to a sampler that may extrapolate too, and guidance multiplies its error.
Run: python benchmarks/samplers.py --model shapes-t2i --interval 3
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler
from record import RESULTS, cpu_name, write_lines

import foretrace as ft
from foretrace.demo.compare import relative_l2
from foretrace.demo.references import REFERENCES
from foretrace.demo.tasks import load_task

PREDICTORS: dict[str, ft.Predictor] = {
    "reuse": ft.Reuse(),
    "Lagrange 1": ft.Lagrange(1),
    "Lagrange 2": ft.Lagrange(2),
    "TraCache, order up to 2": ft.AdaptiveLagrange(2),
    "FoCa, damping 0.5": ft.FoCa(0.5),
}
SETTINGS = ((3.5, 20), (1.5, 20), (1.0, 20), (3.5, 50))
"""Guidance and steps."""


def samplers(config: Any) -> dict[str, Any]:
    """First-order, and second-order in one and in two ways, over the same noise schedule."""
    return {
        "DDIM": DDIMScheduler.from_config(config, clip_sample=False, set_alpha_to_one=False),
        "DPM-Solver++ 2M": DPMSolverMultistepScheduler.from_config(config, solver_order=2),
        "UniPC 2": UniPCMultistepScheduler.from_config(config, solver_order=2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="shapes-t2i")
    parser.add_argument("--interval", type=int, default=3)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    task, rows = load_task(args.model), []
    name = REFERENCES[args.model].guidance

    def draw(guidance: float, steps: int) -> torch.Tensor:
        return task.draw(task.arguments(range(args.samples), 0, steps) | {name: guidance})

    for sampler, scheduler in samplers(task.pipe.scheduler.config).items():
        task.pipe.scheduler = scheduler
        for guidance, steps in SETTINGS:
            uncached = draw(guidance, steps)
            for label, predictor in PREDICTORS.items():
                method = ft.Method(ft.Stride(args.interval, "first"), predictor, ft.PerModel())
                with ft.accelerate(task.pipe, method) as run:
                    images = draw(guidance, steps)
                rows.append(
                    _row(args, sampler, guidance, steps, label, len(run.report.computed), images, uncached)
                )
            fewer = len(run.report.computed)
            images = draw(guidance, fewer)
            rows.append(_row(args, sampler, guidance, steps, "fewer steps", fewer, images, uncached))
    write_lines(RESULTS / "samplers.jsonl", rows, cpu_name())


def _row(
    args: argparse.Namespace,
    sampler: str,
    guidance: float,
    steps: int,
    label: str,
    computed: int,
    images: torch.Tensor,
    uncached: torch.Tensor,
) -> dict[str, Any]:
    each = [relative_l2(a[None], b[None]) for a, b in zip(images, uncached, strict=True)]
    print(
        f"{sampler:16} guidance {guidance:g} {steps:3} {label:24} {computed:3} {statistics.fmean(each):.4f}"
    )
    return {
        "model": args.model,
        "sampler": sampler,
        "guidance": guidance,
        "steps": steps,
        "label": label,
        "computed": computed,
        "interval": args.interval,
        "relative_l2": statistics.fmean(each),
        "relative_l2_quartiles": statistics.quantiles(each, n=4),
        "samples": len(each),
    }


if __name__ == "__main__":
    main()
