"""Run every denoiser class of diffusers, tiny and random, at every granularity, and write what holds.

Two laws per cell: always computing is the uncached model bit for bit, and a skip with the same input repeats
the computed output. A cell that fails one is no refusal but a defect, and stops the script.
Run: python benchmarks/coverage.py
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import diffusers
import torch
from rich.progress import track

from foretrace.errors import ForetraceError
from foretrace.models.coverage import COLUMNS, FILE

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from zoo import CASES
from zoo.laws import check_computing, check_skipping


def reason(name: str, spelling: str) -> str | None:
    """Why the class is refused at this granularity, None if both laws hold."""
    try:
        check_computing(name, COLUMNS[spelling])
        check_skipping(name, COLUMNS[spelling])
    except ForetraceError as error:
        return str(error).split("; expected")[0]
    return None


def main() -> None:
    """Fill the matrix and write it."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    classes = {name: {s: reason(name, s) for s in COLUMNS} for name in track(CASES, "classes")}
    text = json.dumps({"diffusers": diffusers.__version__, "classes": classes}, indent=1)
    FILE.write_text(text + "\n")
    held = sum(why is None for row in classes.values() for why in row.values())
    print(f"{held} of {len(classes) * len(COLUMNS)} cells hold; {FILE}")


if __name__ == "__main__":
    main()
