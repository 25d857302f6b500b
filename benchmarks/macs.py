"""Counted MACs of the published architectures beside the MACs columns of the TraCache paper.

Every row is one real attached run of the recipe on the true configuration without weights. Its computed
steps come from the recipe's schedule with the anchor of the model's family, and are checked against that run.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from macs_models import ARCHITECTURES, attached_run, count
from macs_paper import FORMULAS, ROWS, Row
from record import RESULTS, write_lines
from rich.console import Console
from rich.table import Table

import foretrace as ft
from foretrace.macs import Macs

TOLERANCE = 0.5
SITES = (("per_stack", "linear"), ("per_stack", "total"), ("per_model", "linear"),
         ("paper_site", "linear"), ("paper_site", "total"))  # fmt: skip
COLUMNS = (
    "setting", "computed", "PerStack", "PerStack\n+ attention", "PerModel", "paper's site",
    "paper's site\n+ attention", "by hand", "paper's site\nvs by hand", "published",
    "paper's site\nvs published", "",
)  # fmt: skip
LEGEND = """\
paper's site: the attention and feed-forward outputs of every block are kept, so that the adaLN layers run on
a skipped step; the FORA rows count a skipped step as free. Without the caption projection, as in the paper.
PerStack and PerModel: as foretrace runs, everything counted. "+ attention" adds the attention matmuls.
diffusers' DiT has a time embedder in each block, 0.09 G a call beyond the original's: 0.04 % of a computed
call, but 19 % more on a skipped one at the paper's site; PerStack's skipped call runs one of them, as the
original does.
"""


@cache
def run_of(model: str, recipe: str, interval: int, order: int | None, steps: int) -> tuple[int, Macs]:
    """How many steps a recipe computes, and its MACs at its own site, checked against the schedule."""
    settings = {"interval": interval} | ({} if order is None else {"order": order})
    method = ft.load_method(recipe, **settings)
    table = method.schedule.resolve(ARCHITECTURES[model].anchor).table(steps)
    computed, macs = attached_run(model, method, steps)
    if computed != table:
        raise RuntimeError(f"{recipe} {settings} computed {computed}; expected the schedule's {table}.")
    return len(table), macs


def measure(row: Row) -> dict[str, Any]:
    """All numbers of one row, in MACs."""
    counted, settings = count(row.model), dict(row.settings)
    computed, stack = row.steps, counted.computed.times(row.steps)
    if row.recipe is not None:
        computed, stack = run_of(
            row.model, row.recipe, settings["interval"], settings.get("order"), row.steps
        )
    skipped = row.steps - computed
    paper = (counted.computed - counted.caption).times(computed)
    if row.skipped_step == "live":
        paper += (counted.skipped_paper - counted.caption).times(skipped)
    by_hand = FORMULAS[row.model].run(computed, skipped, row.skipped_step)
    return {
        **row.as_dict(),
        "computed": computed,
        "skipped": skipped,
        "skipped_step": row.skipped_step,
        "per_stack": stack._asdict(),
        "per_model": counted.computed.times(computed)._asdict(),
        "paper_site": paper._asdict(),
        "by_hand": by_hand,
        "by_hand_difference_percent": percent(paper.linear, by_hand),
        "published_teras": row.teras,
        "published_difference_percent": percent(paper.linear, row.teras * 1e12),
        "why": row.why,
    }


def percent(ours: float, other: float) -> float:
    """How far ours is above the other, in percent."""
    return round(100 * (ours / other - 1), 3)


def show(console: Console, title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print one of the paper's tables, the reasons for large differences below it."""
    table = Table(title=f"Table {title}: tera-MACs of a run, batch 2")
    for i, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if i in (0, 11) else "right", no_wrap=True)
    notes: list[str] = []
    for row in rows:
        mark = ""
        if abs(row["published_difference_percent"]) > TOLERANCE:
            why = row["why"] or "unexplained"
            notes += [] if why in notes else [why]
            mark = f"({notes.index(why) + 1})"
        table.add_row(
            f"{row['model']} {row['setting']}", f"{row['computed']} of {row['computed'] + row['skipped']}",
            *(f"{row[site][kind] / 1e12:.3f}" for site, kind in SITES),
            f"{row['by_hand'] / 1e12:.3f}", f"{row['by_hand_difference_percent']:+.2f} %",
            f"{row['published_teras']:.2f}", f"{row['published_difference_percent']:+.2f} %", mark,
        )  # fmt: skip
    console.print(table)
    for number, note in enumerate(notes, start=1):
        console.print(f"({number}) {note}")
    console.print()


def show_calls(console: Console) -> list[dict[str, Any]]:
    """Print and return the MACs of single calls, and what diffusers' models run beyond the formulas."""
    table = Table(title="One call, giga-MACs of linear layers (with attention)")
    for column in ("model", "computed", "skipped, PerStack", "skipped, paper's site", "caption projection"):
        table.add_column(column, justify="left" if column == "model" else "right")
    lines = []
    for name in ARCHITECTURES:
        counted = count(name)
        table.add_row(name, *(f"{m.linear / 1e9:.3f} ({m.total / 1e9:.3f})" for m in counted))
        lines.append({"model": name, "call": {k: m._asdict() for k, m in counted._asdict().items()}})
    console.print(table)
    console.print(LEGEND)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS / "macs.jsonl")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=200)
    lines = show_calls(console)
    measured = [measure(row) for row in ROWS]
    for title, rows in groupby(measured, key=lambda row: row["table"]):
        show(console, title, list(rows))
    worst = max(abs(row["by_hand_difference_percent"]) for row in measured)
    console.print(
        f"{'pass' if worst <= TOLERANCE else 'FAIL'}: counted within {worst:.2f} % of the sums by hand"
    )
    write_lines(arguments.out, lines + measured, device="meta")


if __name__ == "__main__":
    main()
