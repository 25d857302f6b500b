"""FORA, TraCache and fixed orders on shapes-dit at equal computed steps, with fewer sampler steps beside.

Every row starts from the same noises as the uncached run. Seeds are held out from nothing: the methods
have no fitted part. Run: python benchmarks/shapes_dit.py
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import torch
from record import RESULTS, cpu_name, write_lines
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

import foretrace as ft
from foretrace.cli.demo import GUIDANCE
from foretrace.demo.classifier import load_classifier
from foretrace.demo.compare import psnr, relative_l2

STEPS = 50
SITES = {"stack": ft.PerStack(), "model": ft.PerModel()}


def methods() -> list[tuple[str, str, ft.Method]]:
    """(label, site, method): FORA, TraCache by the std rule, and the fixed orders of its ablation."""
    rows = []
    for site, granularity in SITES.items():
        for k in (3, 4, 5, 6):
            rows.append((f"fora {k}", site, ft.load_method("fora", interval=k, granularity=granularity)))
            for select, orders in (("std", (2, 3, 4, 5)), ("fixed", (1, 2, 3, 4, 5))):
                for order in orders:
                    method = ft.load_method(
                        "tracache", interval=k, order=order, select=select, granularity=granularity
                    )
                    rows.append((f"tracache {k},{order} {select}", site, method))
    return rows


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


def measure(bench: Bench) -> list[dict[str, Any]]:
    """One plain row for the uncached run, every method, and the sampler with that many steps."""
    rows = [{"label": "uncached", "site": "-", "computed": STEPS, **bench.score(bench.uncached)}]
    counts = set()
    for label, site, method in track(methods(), "methods"):
        with ft.accelerate(bench.pipe, method) as run:
            images = bench.sample(STEPS)
        report = run.report
        counts.add(len(report.computed))
        rows.append(
            {
                "label": label,
                "site": site,
                "computed": len(report.computed),
                "macs_ratio": report.macs_full / report.macs,
                "history_bytes": report.history_bytes,
                **bench.score(images),
            }
        )
    for count in track(sorted(counts, reverse=True), "fewer steps"):
        score = bench.score(bench.sample(count))
        rows.append({"label": f"DDIM-{count}", "site": "-", "computed": count, **score})
    return rows


def show(rows: list[dict[str, Any]], console: Console) -> None:
    """Print the rows, most computed steps first."""
    table = Table(title=f"shapes-dit, DDIM-{STEPS}, guidance {GUIDANCE:g}, {rows[0]['samples']} samples")
    for name in ("method", "site", "computed", "relative L2", "PSNR", "accuracy"):
        table.add_column(name, justify="right" if name not in ("method", "site") else "left")
    for row in sorted(rows, key=lambda r: (-r["computed"], r["site"], r["relative_l2"])):
        table.add_row(
            row["label"],
            row["site"],
            str(row["computed"]),
            f"{row['relative_l2']:.4f}",
            "-" if row["psnr"] is None else f"{row['psnr']:.1f}",
            f"{row['accuracy']:.1%}",
        )
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=48)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS / "shapes_dit.jsonl")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = measure(Bench(options.samples, options.seed))
    show(rows, Console())
    write_lines(options.out, rows, cpu_name())


if __name__ == "__main__":
    main()
