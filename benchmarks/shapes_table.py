"""The table of a benchmark on shapes-dit, and the command line that all of them share."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from record import RESULTS, cpu_name, write_lines
from rich.console import Console
from rich.table import Table
from shapes_bench import GUIDANCE, STEPS, Bench, Labelled, measure


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


def main(description: str | None, methods: Iterable[Labelled], results: str) -> None:
    """Parse the options, measure ``methods``, print the table and write the results."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--samples", type=int, default=48)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS / results)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = measure(Bench(options.samples, options.seed), methods)
    show(rows, Console())
    write_lines(options.out, rows, cpu_name())
