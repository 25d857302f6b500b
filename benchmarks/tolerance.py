"""What a tolerance means: `error_estimate` on several models, at several numbers of steps.

Run: python benchmarks/tolerance.py
"""

from __future__ import annotations

import argparse

import torch
from gate_rows import GateTable, own
from record import RESULTS, cpu_name, write_lines
from rich.progress import track
from task_table import TEST_SEED

from foretrace.demo.tasks import load_task

TOLERANCES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
STEPS = {
    "shapes-dit": (20, 30, 50),
    "shapes-t2i": (20, 30, 50),
    "shapes-flow": (20, 30, 50),
    "shapes-video": (30, 50),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=list(STEPS), choices=list(STEPS))
    parser.add_argument("--order", type=int, default=1)
    parser.add_argument("--samples", type=int, default=12)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    make, rows = own("error_estimate", "tolerance", order=args.order), []
    for model in args.models:
        task = load_task(model)
        for steps in STEPS[model]:
            table = GateTable(task, args.samples, args.batch, steps)
            for tolerance in track(TOLERANCES, f"{model}, {steps} steps"):
                images, computed = table.run(make(tolerance), args.samples, TEST_SEED)
                table.add(f"error_estimate {tolerance:g}", [], images, tolerance=tolerance, order=args.order)
                table.rows[-1] |= {"computed": computed, "computed_steps": None}
            rows += table.rows
    write_lines(RESULTS / "tolerance.jsonl", rows, cpu_name())


if __name__ == "__main__":
    main()
