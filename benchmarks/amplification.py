"""How far an error of the denoiser's output at each step moves the final sample, on three reference models.

Fitted as for a profile of `error_estimate` (order 2): each probed step is forecast once per call, alone, and
what that moves is divided by what the gate expects of it. Run: python benchmarks/amplification.py
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from record import RESULTS, cpu_name, write_lines
from task_table import SEARCH_SEED

import foretrace as ft
from foretrace.demo.tasks import load_task
from foretrace.offline.progress import console

MODELS = ("shapes-dit", "shapes-flow", "shapes-t2i")


def measured(name: str, calls: int, probes: int) -> dict[str, Any]:
    """One line: the amplification of every step, and what the held-out call says of the fit."""
    task = load_task(name)
    asked = [task.arguments(range(2 * i, 2 * i + 2), SEARCH_SEED, task.steps) for i in range(calls)]
    method = ft.load_method("error_estimate", order=2)
    profile = ft.fit(task.pipe, method, asked, held_out=1, probes=probes, force=True, progress=console)
    gate = profile.method.gate
    assert isinstance(gate, ft.ErrorEstimate)
    third = len(gate.amplification) // 3
    ends = sum(gate.amplification[:third]) / third, sum(gate.amplification[-third:]) / third
    print(f"{name}: {ends[0]:.2f} in the first third, {ends[1]:.2f} in the last", flush=True)
    return {
        "model": name,
        "steps": task.steps,
        "samples": 2 * (calls - 1),
        "probes": probes,
        "first_seed": SEARCH_SEED,
        "amplification": list(gate.amplification),
        "measured": profile.measured,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the amplification of errors.")
    parser.add_argument("--calls", type=int, default=4, help="Of 2 samples; the last one only judges.")
    parser.add_argument("--probes", type=int, default=16)
    args = parser.parse_args()
    torch.set_num_threads(1)
    lines = [measured(name, args.calls, args.probes) for name in MODELS]
    write_lines(RESULTS / "amplification.jsonl", lines, cpu_name())


if __name__ == "__main__":
    main()
