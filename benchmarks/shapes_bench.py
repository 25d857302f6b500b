"""Sampling shapes-dit from fixed noises with a method, and scoring the pictures against the uncached ones."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

import torch
from rich.progress import track
from torch import Tensor

import foretrace as ft
from foretrace.demo.classifier import load_classifier
from foretrace.demo.compare import psnr, relative_l2
from foretrace.demo.references import REFERENCES

STEPS = 50
GUIDANCE = REFERENCES["shapes-dit"].call["guidance_scale"]
SITES = {"stack": ft.PerStack(), "model": ft.PerModel()}
MODULES = ft.PerModule("attn", "ff")
Labelled = tuple[str, str, ft.Method]
"""A row's label, its site's name and its method."""


class Bench:
    """Samples shapes-dit from fixed noises and scores pictures against the uncached ones."""

    def __init__(self, samples: int, seed: int) -> None:
        self.pipe, self.judge = ft.reference("shapes-dit"), load_classifier()
        self.pipe.set_progress_bar_config(disable=True)
        self.labels = [i % len(self.judge.class_names) for i in range(samples)]
        self.seed = seed
        self.uncached = self.sample(STEPS)

    def sample(self, steps: int) -> Tensor:
        """Pictures of shape (samples, 3, 64, 64) in [0, 1]."""
        generators = [torch.Generator().manual_seed(self.seed + i) for i in range(len(self.labels))]
        return self.pipe(
            self.labels,
            guidance_scale=GUIDANCE,
            num_inference_steps=steps,
            generator=generators,
            output_type="pt",
        ).images

    def score(self, images: Tensor) -> dict[str, Any]:
        """Fidelity to the uncached pictures, with quartiles over samples, and accuracy."""
        each = [relative_l2(a[None], b[None]) for a, b in zip(images, self.uncached, strict=True)]
        right = self.judge.predict(images) == torch.tensor(self.labels)
        same = images is self.uncached
        return {
            "relative_l2": statistics.fmean(each),
            "relative_l2_quartiles": statistics.quantiles(each, n=4),
            "psnr": None if same else psnr(images, self.uncached),
            "accuracy": float(right.float().mean()),
            "samples": len(self.labels),
            "first_seed": self.seed,
            "guidance": GUIDANCE,
            "steps": STEPS,
        }


def measure(bench: Bench, methods: Iterable[Labelled]) -> list[dict[str, Any]]:
    """One plain row for the uncached run, every method, and the sampler with that many steps."""
    rows = [{"label": "uncached", "site": "-", "computed": STEPS, **bench.score(bench.uncached)}]
    counts = set()
    for label, site, method in track(list(methods), "methods"):
        with ft.accelerate(bench.pipe, method) as run:
            images = bench.sample(STEPS)
        report = run.report
        counts.add(len(report.computed))
        rows.append(
            {
                "label": label,
                "site": site,
                "computed": len(report.computed),
                "computed_steps": report.computed,
                "macs_ratio": report.macs_full / report.macs,
                "history_bytes": report.history_bytes,
                "computed_ms": 1e3 * report.call_seconds(False),
                "skipped_ms": 1e3 * report.call_seconds(True),
                **bench.score(images),
            }
        )
    for count in track(sorted(counts, reverse=True), "fewer steps"):
        score = bench.score(bench.sample(count))
        rows.append({"label": f"DDIM-{count}", "site": "-", "computed": count, **score})
    return rows
