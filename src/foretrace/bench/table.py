"""The rows of a bench as a table on the console."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from foretrace.bench.rows import Estimate, Row

COLUMNS = ("row", "steps", "fewer", "s", "faster", "eff.", "error", "PSNR", "Frechet")
TASKS = ("class", "attributes", "motion")
ORDER = ("uncached", "method", "peer", "fewer-steps", "sampler")
LEGEND = """steps: computed, of those of the uncached run    fewer: MACs of the uncached run over these
s: median seconds of a call    faster: than the uncached run of the same round
eff.: faster / (steps / computed)    PSNR: to the uncached samples, dB
error: relative L2 to the uncached samples    Frechet: distance to {reference}, in {network}"""


def make_table(rows: Sequence[Row], title: str) -> Table:
    """One line a row; those that failed or did nothing say so in place of numbers."""
    task = next((name for row in rows for name in row.quality if name in TASKS), None)
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in (*COLUMNS, *([task] if task else [])):
        label = name == "row"
        table.add_column(
            name,
            justify="left" if label else "right",
            no_wrap=not label,
            overflow="fold" if label else "crop",
        )
    for row in sorted(rows, key=lambda row: ORDER.index(row.kind)):
        if row.status == "ok":
            table.add_row(*cells(row), *([_number(row.quality.get(task), "{:.0%}")] if task else []))
        else:
            table.add_row(row.label, row.status)
    return table


def reasons(rows: Sequence[Row]) -> list[str]:
    """Why rows failed or did nothing."""
    return [f"{row.label}: {row.status}: {row.reason}" for row in rows if row.status != "ok"]


def cells(row: Row) -> list[str]:
    """The cells of one line, as text."""
    spent, full = row.macs.get("total"), row.macs_full.get("total")
    timed, quality = row.latency, row.quality
    return [
        row.label,
        f"{len(row.computed)}/{row.about.get('uncached_steps', row.steps)}",
        f"{full / spent:.2f}x" if full and spent else "-",
        "-" if timed is None else f"{timed.median:.2f}",
        "-" if timed is None else f"{timed.speedup.value:.2f}x",
        "-" if row.efficiency is None else f"{row.efficiency:.0%}",
        _number(quality.get("relative_l2"), "{:.4f}"),
        _number(quality.get("psnr"), "{:.1f}"),
        _number(quality.get("frechet"), "{:.3g}"),
    ]


def _number(estimate: Estimate | None, form: str) -> str:
    return "-" if estimate is None else form.format(estimate.value)
