"""TCC on the embedded model: variants, strengths, one line or two, on reuse and on forecasts.

Fitted on noises 2000 and up, a quarter of which judges the strengths; the rows are on noises 0 and up, and
their Frechet distance is to uncached samples of noises 50000 and up.
Run: python benchmarks/calibration.py
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from record import RESULTS, cpu_name, write_lines
from task_table import Table

import foretrace as ft
from foretrace.demo.tasks import load_task
from foretrace.offline.progress import console

FIT_SEED = 2000
ALPHAS = (0.25, 0.5, 1.0)
SETTINGS: dict[str, dict[str, Any]] = {
    "shift": {"variant": "shift"},
    "scale and shift": {"variant": "scale_shift"},
    "full": {"variant": "full"},
    "full, arbitrary null space": {"variant": "full", "null_space": "svd"},
    "full, class pooling": {"variant": "full", "pool": "class"},
    "full, one shot": {"variant": "full", "one_shot": True},
    "full, whole run": {"variant": "full", "window": (0.0, 1.0)},
}
MAIN = ("shift", "full", "full, one shot")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument(
        "--fit-samples", type=int, default=168, help="126 to fit on: twice so many rows, with guidance"
    )
    parser.add_argument("--samples", type=int, default=240)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=[], help="words of the methods' labels; all without")
    parser.add_argument("--main", action="store_true", help="no rarer variants")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    table = Table(load_task("shapes-dit"), args.samples, args.batch, args.steps, 2 * args.samples)
    calls = [
        table.task.arguments(range(start, start + args.batch), FIT_SEED, args.steps)
        for start in range(0, args.fit_samples, args.batch)
    ]
    methods = {
        "fora, k=2": ft.load_method("fora", interval=2),
        "fora, k=3": ft.load_method("fora", interval=3),
        "tracache, k=3": ft.load_method("tracache", interval=3, order=2, granularity="module(attn,ff)"),
        "Lagrange 1, k=3, output": ft.Method(ft.Stride(3), ft.Lagrange(1), ft.PerModel()),
    }
    for label, method in methods.items():
        if args.only and not any(word in label for word in args.only):
            continue
        table.method(label, method, calibration="none")
        for name in SETTINGS if label == "fora, k=2" and not args.main else MAIN:
            settings = SETTINGS[name]
            profile = ft.calibrate(
                table.task.pipe, method, calls, alpha=ALPHAS, force=True, progress=console, **settings
            )
            assert profile.method.calibrator is not None
            size = profile.method.calibrator.nbytes
            more = {"calibration": name, "measured": profile.measured, "profile_bytes": size}
            table.method(f"{label}, {name}", profile.method, **more)
    name = "_".join(["calibration", *args.only])  # a part does not take the place of the whole
    write_lines(RESULTS / f"{name}.jsonl", table.rows, cpu_name())


if __name__ == "__main__":
    main()
