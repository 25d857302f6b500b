"""What the template is given for one group of rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from foretrace.bench.report import growth, head, pareto
from foretrace.bench.report.facts import facts
from foretrace.bench.report.groups import Group, Series
from foretrace.bench.report.pictures import gallery
from foretrace.bench.report.plots import Plot, main_plots, other_plots
from foretrace.bench.report.strips import strips
from foretrace.bench.report.svg import mark, tag
from foretrace.bench.report.table import Column, Line, table
from foretrace.bench.report.words import bytes_text


def page_part(group: Group, folder: Path, figures: Sequence[Path]) -> dict[str, Any]:
    """Everything the template needs for one group."""
    columns, lines = table(group)
    return {
        "model": (group.uncached or group.rows[0]).model,
        "sentence": head.sentence(group),
        "facts": facts(group),
        "verdicts": head.verdicts(group),
        "plots": [_drawn(plot) for plot in main_plots(group)],
        "more_plots": [_drawn(plot) for plot in other_plots(group)],
        "legend": _legend(group),
        "strips": strips(group),
        "growth": growth.draw_growth(growth.growth_panels(group)),
        "pca": [(one, growth.draw_trajectory(one)) for one in growth.trajectories(group)],
        "gallery": gallery(group, folder),
        "memory": _memory(group),
        "columns": columns,
        "lines": lines,
        "tips": {line.row: _tip(columns, line) for line in lines},
        "off": [line for line in lines if line.status != "ok"],
        "figures": [path.name for path in figures],
    }


def _drawn(plot: Plot) -> dict[str, Any]:
    return {"plot": plot, "svg": [pareto.draw_plot(plot, size) for size in pareto.SIZES]}


def _legend(group: Group) -> list[tuple[Series, Markup]]:
    """The series that are in any plot, each with its line and mark."""
    drawn = {c.series.name for plot in main_plots(group) + other_plots(group) for c in plot.curves}
    return [(s, _key(s.mark)) for s in group.series if s.name in drawn]


def _key(shape: str) -> Markup:
    """A line with its mark, for the legend."""
    line = tag("line", class_="curve", x1=0, x2=30, y1=8, y2=8)
    return tag("svg", line, mark(shape, 15, 8, class_="mark"), viewBox="0 0 30 16", width=30, height=16)


def _memory(group: Group) -> list[dict[str, Any]]:
    """Peak and history of each row; the bars of a kind share one scale."""
    shown = [
        (i, row) for i in group.order if (row := group.rows[i]).ran and (row.peak_bytes or row.history_bytes)
    ]
    most_peak = max((row.peak_bytes or 0 for _, row in shown), default=0) or 1
    most_history = max((row.history_bytes or 0 for _, row in shown), default=0) or 1
    return [
        {
            "row": i,
            "label": row.label,
            "series": group.series_of(i),
            "peak": bytes_text(row.peak_bytes),
            "peak_share": 100 * (row.peak_bytes or 0) / most_peak,
            "history": bytes_text(row.history_bytes),
            "history_share": 100 * (row.history_bytes or 0) / most_history,
        }
        for i, row in shown
    ]


def _tip(columns: Sequence[Column], line: Line) -> dict[str, Any]:
    numbers = [
        [column.title, f"{cell.text} ({cell.note})" if cell.note else cell.text]
        for column, cell in zip(columns, line.cells, strict=True)
        if cell.value is not None
    ]
    return {"label": line.label, "series": line.series.name, "numbers": numbers}
