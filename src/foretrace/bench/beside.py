"""A paper's table on the console: its numbers, and beneath each row those that were measured here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from foretrace.bench.papers import row_of
from foretrace.bench.published import COST, LATENCY, QUALITIES, PaperRow, PaperTable
from foretrace.bench.rows import Row
from foretrace.bench.spec import Spec
from foretrace.demo.references import REFERENCES

NONE = "-"
UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1.0, ""))
PUBLISHED, OURS = "published", "ours"
FIDELITY = ("relative_l2", "class", "attributes", "motion")
"""What of a bench is shown beside the paper's columns, where there is any."""


def beside(table: PaperTable, rows: Sequence[Row]) -> Table:
    """Two lines a row of the paper, the second ours; rows that the paper lacks come last."""
    own = [name for name in FIDELITY if any(name in row.quality for row in rows)]
    shown = Table(title=table.title, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in ("row", "whose"):
        shown.add_column(name, overflow="fold")
    for name in (*_headings(table), *own):
        shown.add_column(name, justify="right", no_wrap=True)
    told = set()
    for paper in table.rows:
        shown.add_row(paper.label, PUBLISHED, *_published(table, paper), *[NONE] * len(own), style="dim")
        found = row_of(paper, list(rows))
        if found is not None:
            told.add((found.kind, found.label))
            shown.add_row(*_ours(table, found, own))
    for row in rows:
        if (row.kind, row.label) not in told:
            shown.add_row(*_ours(table, row, own))
    return shown


def legend(table: PaperTable, spec: Spec, about: dict[str, Any]) -> str:
    """Whose numbers are whose, of which model, and what may be compared."""
    return "\n".join(
        [
            f"{PUBLISHED}: printed in {table.source}. {table.model}; {table.sampled}, {table.steps} steps; "
            f"{table.hardware}. Not measured here.",
            f"{OURS}: measured here on {spec.model}; {about['sampler']}, {about['uncached_steps']} steps; "
            f"{spec.samples} samples. {_relation(table, spec)}",
            "fewer, faster: cost and seconds of the uncached row over this row's. Published ratios are "
            "those of the printed numbers.",
            *(["published MACs are half the printed FLOPs."] if table.cost == "flops_t" else []),
            *(f"note: {note}" for note in table.notes),
            *(f"note: {row.label}: {row.note}" for row in table.rows if row.note),
        ]
    )


def _relation(table: PaperTable, spec: Spec) -> str:
    if spec.model in REFERENCES:
        return (
            "Another model, of this project: the ratios and the order of rows may be compared with the "
            "published ones, the scores may not."
        )
    if spec.model == table.weights:
        return (
            f"The published weights; scores are of {spec.samples} samples and of this bench's networks, and "
            "may be compared with the paper's only where these are the same."
        )
    return f"Whether these are the paper's weights ({table.weights or 'none on the hub'}) is not known here."


def _headings(table: PaperTable) -> list[str]:
    found = ["computed"]
    found += ["MACs", "fewer"] if table.cost or table.measure == "rows" else []
    found += ["s", "faster"] if table.measure == "rows" else []
    return found + [_title(name) for name in table.columns if name in QUALITIES]


def _title(column: str) -> str:
    title, ours = QUALITIES[column]
    return title if ours in ("", "clip", column, "peak_bytes", "inception_score") else f"{title} / {ours}"


def _published(table: PaperTable, row: PaperRow) -> list[str]:
    cells = [NONE]
    cost = table.cost
    if cost or table.measure == "rows":
        value = table.value(row, cost) if cost else None
        cells += [_cost(value, cost), _times(table.ratio(row, cost) if cost else None)]
    if table.measure == "rows":
        timed = LATENCY in table.columns
        cells += [_printed(table.value(row, LATENCY)), _times(table.ratio(row, LATENCY) if timed else None)]
    return cells + [_printed(table.value(row, name)) for name in table.columns if name in QUALITIES]


def _ours(table: PaperTable, row: Row, own: Sequence[str]) -> list[str]:
    label = f"  {row.label}"
    if row.status != "ok":
        return [label, f"{OURS}: {row.status}"]
    total = row.about.get("uncached_steps", row.steps)
    cells = [label, OURS, f"{len(row.computed)}/{total}"]
    if table.measure == "rows":
        convention = COST[table.cost][1] if table.cost else "total"
        spent, full = row.macs.get(convention), row.macs_full.get(convention)
        timed = row.latency
        cells += [_macs(spent) if spent else NONE, _times(full / spent if full and spent else None)]
        cells += [_plain(timed.median if timed else None), _times(timed.speedup.value if timed else None)]
    cells += [_measured(row, QUALITIES[name][1]) for name in table.columns if name in QUALITIES]
    return cells + [_measured(row, name) for name in own]


def _measured(row: Row, name: str) -> str:
    if name == "peak_bytes":
        return _plain(None if row.peak_bytes is None else row.peak_bytes / 1e9)
    found = row.quality.get(name)
    return _plain(None if found is None else found.value)


def _cost(value: float | None, column: str | None) -> str:
    return NONE if value is None or column is None else _macs(value * COST[column][0])


def _plain(value: float | None) -> str:
    return NONE if value is None else f"{value:.4g}"


def _printed(value: float | None) -> str:
    """A published number with all its digits."""
    return NONE if value is None else f"{value:g}"


def _times(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}x"


def _macs(value: float) -> str:
    unit, name = next((unit, name) for unit, name in UNITS if value >= unit or unit == 1.0)
    return f"{value / unit:.4g} {name}".strip()
