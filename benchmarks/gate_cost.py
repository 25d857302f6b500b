"""What a gate costs on a skipped step, as a share of a computed one.

The gate admits everything, so that the runs skip the same steps with it and without; runs are interleaved.
What is counted is reading the signal and deciding; the first block, which runs on skipped steps of
FirstBlockCache, does so either way.
Run: python benchmarks/gate_cost.py
"""

from __future__ import annotations

import argparse
import math
import statistics
from dataclasses import replace
from typing import Any

import torch
from record import RESULTS, cpu_name, write_lines
from rich.progress import track

import foretrace as ft
from foretrace.demo.tasks import load_task

GATES = {"error_estimate": "tolerance", "teacache": "threshold", "firstblock": "threshold"}


def seconds(task: Any, method: ft.Method, batch: int, skipped: bool) -> float:
    """Median seconds of the skipped, or of the computed, calls of one run."""
    with ft.accelerate(task.pipe, method) as run:
        task.draw(task.arguments(range(batch), 0, task.steps))
    return run.report.call_seconds(skipped)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="shapes-dit")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    task, rows = load_task(args.model), []
    for name, knob in GATES.items():
        method = ft.load_method(name, **{knob: math.inf})
        window = replace(method, schedule=ft.Window(3, 0))
        bare = replace(method, schedule=ft.Mask([0, 1, 2]), gate=None)
        shares = []
        for _ in track(range(args.rounds), name):
            whole = seconds(task, replace(bare, schedule=ft.Stride(1)), args.batch, False)
            gated, plain = (seconds(task, m, args.batch, True) for m in (window, bare))
            shares.append((gated - plain) / whole)
        low, middle, high = statistics.quantiles(shares, n=4)
        row = {"gate": name, "share": middle, "quartiles": [low, middle, high], "rounds": args.rounds}
        rows.append(row | {"model": args.model, "batch": args.batch})
        print(f"{name:16} {middle:8.3%} of a computed call ({low:.3%} to {high:.3%})")
    write_lines(RESULTS / "gate_cost.jsonl", rows, cpu_name())


if __name__ == "__main__":
    main()
