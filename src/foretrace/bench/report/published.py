"""Columns of a paper's own numbers, which are never mixed with what was measured."""

from __future__ import annotations

from foretrace.bench.published import COST, LATENCY, QUALITIES
from foretrace.bench.report.words import NONE
from foretrace.bench.rows import Row

UNITS = {"macs_t": "MACs, T", "macs_p": "MACs, P", "flops_t": "FLOPs, T", LATENCY: "seconds"}


def published_names(rows: tuple[Row, ...]) -> list[str]:
    """The columns that papers printed for some of these rows, cost and time first."""
    found = dict.fromkeys(name for row in rows for name in row.published.get("values", {}))
    rank = [*COST, LATENCY, *QUALITIES]
    return sorted(found, key=lambda name: rank.index(name) if name in rank else len(rank))


def published_title(name: str) -> str:
    """A column's title, which says that its numbers are a paper's."""
    return f"published {UNITS.get(name) or QUALITIES.get(name, (name, ''))[0]}"


def published_help(rows: tuple[Row, ...]) -> str:
    """Where the numbers were printed, and of which model."""
    found = next(row.published for row in rows if row.published)
    return f"not measured here: printed in {found['source']}, of {found['model']}"


def published_value(row: Row, name: str) -> tuple[str, float | None]:
    """The number as text and to sort by; none where the paper has none."""
    value = row.published.get("values", {}).get(name)
    return (NONE, None) if value is None else (f"{value:g}", value)
