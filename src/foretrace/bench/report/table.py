"""The table of all numbers: columns that have values, cells as text with the value to sort by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from foretrace.bench.report.groups import Group, Series, steps_computed
from foretrace.bench.report.published import (
    published_help,
    published_names,
    published_title,
    published_value,
)
from foretrace.bench.report.words import (
    METRICS,
    NONE,
    TIMES,
    bytes_text,
    finite,
    interval,
    macs_text,
    metric_help,
    metric_title,
    seconds_text,
    short,
)
from foretrace.bench.rows import Estimate, Row


@dataclass(frozen=True)
class Cell:
    """What is printed, the smaller line below it, and the value to sort by (none sorts last)."""

    text: str
    note: str = ""
    value: float | None = None


@dataclass(frozen=True)
class Column:
    """A column and how a row's cell is made."""

    title: str
    help: str
    cell: Callable[[Row], Cell]


@dataclass(frozen=True)
class Line:
    """A row of the table."""

    row: int
    label: str
    series: Series
    status: str
    reason: str
    settings: str
    cells: tuple[Cell, ...]


def table(group: Group) -> tuple[list[Column], list[Line]]:
    """Columns in which at least one row has a value, and a line for every row, failed ones included."""
    kept = [
        column for column in _columns(group) if any(column.cell(row).value is not None for row in group.rows)
    ]
    lines = []
    for i in group.order:
        row = group.rows[i]
        pairs = [f"{name}={value}" for name, value in row.settings.items()]
        settings = "" if all(pair in row.label for pair in pairs) else ", ".join(pairs)
        cells = tuple(column.cell(row) for column in kept)
        lines.append(Line(i, row.label, group.series_of(i), row.status, row.reason, settings, cells))
    return kept, lines


def _columns(group: Group) -> list[Column]:
    names = dict.fromkeys(name for row in group.rows for name in row.quality)
    rank = list(METRICS)
    qualities = sorted(names, key=lambda name: rank.index(name) if name in rank else len(rank))
    return [
        Column("computed", "steps at which the network was computed", _computed),
        Column("speed-up", "measured, against the uncached run of the same round", _speedup),
        Column("time", "median seconds of a run", _time),
        Column("efficiency", "speed-up over (steps / computed steps)", lambda r: _plain(r.efficiency)),
        *(Column(metric_title(name), metric_help(name), _quality(name)) for name in qualities),
        Column("MACs", "multiply-accumulates of a run, attention included", _macs("total")),
        Column("linear MACs", "those of linear layers and convolutions only", _macs("linear")),
        Column("nominal MACs", "computed / steps of the full count, as papers print", _macs("nominal")),
        Column("peak", "most memory held during a run", lambda r: _memory(r.peak_bytes)),
        Column("history", "bytes of the kept features", lambda r: _memory(r.history_bytes)),
        *(
            Column(published_title(name), published_help(group.rows), _published(name))
            for name in published_names(group.rows)
        ),
    ]


def _plain(value: float | None) -> Cell:
    return Cell(short(value), "", value if finite(value) else None)


def _estimate(estimate: Estimate | None, unit: str = "") -> Cell:
    if estimate is None:
        return Cell(NONE)
    text = short(estimate.value)
    value = None if estimate.value != estimate.value else estimate.value
    return Cell(text + unit if finite(estimate.value) else text, interval(estimate), value)


def _computed(row: Row) -> Cell:
    if not row.ran:
        return Cell(NONE)
    steps = steps_computed(row)
    total = steps if row.kind in ("fewer-steps", "sampler") else row.steps
    return Cell(f"{steps} of {total}", "", float(steps))


def _speedup(row: Row) -> Cell:
    return _estimate(row.latency.speedup if row.latency else None, TIMES)


def _time(row: Row) -> Cell:
    if row.latency is None:
        return Cell(NONE)
    seconds = [s for s in row.latency.seconds if finite(s)]
    spread = f"{seconds_text(min(seconds))} to {seconds_text(max(seconds))}" if len(seconds) > 1 else ""
    return Cell(seconds_text(row.latency.median), spread, row.latency.median)


def _quality(name: str) -> Callable[[Row], Cell]:
    return lambda row: _estimate(row.quality.get(name))


def _published(name: str) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        text, value = published_value(row, name)
        return Cell(text, "", value)

    return cell


def _macs(convention: str) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        value = row.macs.get(convention)
        full = row.macs_full.get("linear" if convention == "linear" else "total")
        fewer = f"{full / value:.2f}{TIMES} fewer" if full and value else ""
        return Cell(macs_text(value), fewer, None if value is None else float(value))

    return cell


def _memory(value: int | None) -> Cell:
    return Cell(bytes_text(value), "", None if value is None else float(value))
