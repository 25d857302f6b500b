"""What foretrace costs: skipped and computed calls beside uncached ones, on one thread.

Machines drift, so nothing is compared over more than a fraction of a second: an untouched twin on the same
weights is called beside every computed call, in alternating order, and each ratio is one of neighbours or of
one round's medians. The spread is that of the rounds. On a shared machine the wall clock flatters the short
skipped calls, which are seldom interrupted, so targets are judged on the processor's clock too.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from overhead_runs import measure
from record import RESULTS, cpu_name, write_lines
from rich.console import Console
from rich.table import Table

SKIPPED_TARGET = {"stack": 0.005, "model": 0.001}
COMPUTED_TARGET = 0.01


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    for column in columns:
        left = column in ("method", "site", "targets")
        table.add_column(column, justify="left" if left else "right", no_wrap=True)
    return table


def _cell(s: dict[str, float], digits: int, scale: float = 1.0) -> str:
    median, low, q1, q3 = (f"{scale * s[key]:.{digits}f}" for key in ("median", "min", "q1", "q3"))
    return f"{median} ({low}; {q1} to {q3})"


def show_times(console: Console, lines: Sequence[dict[str, Any]], clock: str, name: str) -> None:
    """Print milliseconds over all calls."""
    table = _table(
        f"Milliseconds a call, {name}: median (minimum; quartiles)",
        "method", "site", "uncached", "computed", "skipped", "commit, processor", "forecast, processor",
    )  # fmt: skip
    for line in lines:
        parts = [_cell(line[key], 3) if key in line else "" for key in ("commit_ms", "forecast_ms")]
        table.add_row(
            line["method"], line["granularity"], _cell(line["uncached_ms"][clock], 1),
            _cell(line["computed_ms"][clock], 1), _cell(line["skipped_ms"][clock], 3), *parts,
        )  # fmt: skip
    console.print(table)


def show_ratios(console: Console, lines: Sequence[dict[str, Any]], clock: str, name: str) -> None:
    """Print the ratios in percent, spread over rounds."""
    table = _table(
        f"Percent of an uncached call, {name}: median over rounds (minimum; quartiles)",
        "method", "site", "skipped", "computed - 100", "95 % interval", "first call - 100", "history",
        "targets",
    )  # fmt: skip
    for line in lines:
        first = _cell(line["first_call_excess"][clock], 2, 100) if "first_call_excess" in line else ""
        bytes_kept = (
            f"{line['history_bytes']} of {line['expected_bytes']} B" if "history_bytes" in line else ""
        )
        skipped = _cell(line["skipped_over_uncached"][clock], 3, 100)
        computed = _cell(line["computed_excess"][clock], 2, 100)
        judged = ", ".join(verdicts(line, clock))
        low, high = line["computed_excess_interval"][clock]
        cells = (skipped, computed, f"{100 * low:.2f} to {100 * high:.2f}", first, bytes_kept, judged)
        table.add_row(line["method"], line["granularity"], *cells)
    console.print(table)


def verdicts(line: dict[str, Any], clock: str) -> list[str]:
    """Which targets a line meets; the control is a bound and is not judged.

    Neighbouring calls differ by more than the target on a busy machine, so a computed call is judged by the
    confidence interval of the median over all pairs, and the verdict is open where the target lies in it.
    """
    if "history_exact" not in line:
        return ["(a bound)"]
    low, high = line["computed_excess_interval"][clock]
    open_or_fail = "open" if low <= COMPUTED_TARGET else "FAIL"
    skipped = line["skipped_over_uncached"][clock]["median"] <= SKIPPED_TARGET[line["granularity"]]
    return [
        f"skipped {'pass' if skipped else 'FAIL'}",
        f"computed {'pass' if high <= COMPUTED_TARGET else open_or_fail}",
        f"history {'pass' if line['history_exact'] else 'FAIL'}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--out", type=Path, default=RESULTS / "overhead.jsonl")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=240)
    with torch.no_grad():
        lines = measure(arguments.rounds, lambda text: console.print(text))
    clocks = {"wall": "wall", "cpu": "processor"}
    for line in lines:
        line["verdicts"] = {clock: verdicts(line, clock) for clock in clocks}
    for clock, name in clocks.items():
        show_times(console, lines, clock, name)
        show_ratios(console, lines, clock, name)
    console.print(
        f"targets: skipped at most {100 * SKIPPED_TARGET['stack']} % at the stack and "
        f"{100 * SKIPPED_TARGET['model']} % at the model, computed at most {100 * COMPUTED_TARGET} % over "
        "uncached (judged by the interval, that of the median over all pairs), history exactly as many "
        "features as the predictor has points.\n"
        "nothing attached; no blocks: pairs of uncached calls show the error of the method of measuring; the "
        "model without its blocks is the least a skipped call at the stack can take."
    )
    write_lines(arguments.out, lines, device=cpu_name())


if __name__ == "__main__":
    main()
