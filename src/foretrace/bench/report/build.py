"""Results file in, page with everything inside out; PNG and JSON of the same beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from foretrace.bench.report import growth, palette, png
from foretrace.bench.report.groups import Group, group_rows
from foretrace.bench.report.page import page_part
from foretrace.bench.report.plots import main_plots, other_plots
from foretrace.bench.report.strips import strips
from foretrace.bench.rows import read_rows
from foretrace.errors import LoadError

FIGURES = ("pareto", "strips", "growth", "pca")


def build_report(results: Path, out: Path) -> list[Path]:
    """Write ``report.html``, ``report.json`` and the figures as PNG into ``out``; returns their paths.

    The page needs nothing else: pictures are inside, nothing is loaded from anywhere. The same rows give the
    same bytes. Where the file holds rows of several models, machines or settings, each has its own part of
    the page, since ratios between them mean nothing.

    Raises:
        LoadError: there is no such file, or no row in it.
    """
    groups = group_rows(read_rows(results))
    if not groups:
        raise LoadError(f"{results} holds no rows; expected at least one. Run foretrace bench again.")
    out.mkdir(parents=True, exist_ok=True)
    figures = [_figures(group, out, "" if len(groups) == 1 else f"-{n}") for n, group in enumerate(groups, 1)]
    numbers = _write(out / "report.json", json.dumps(_numbers(groups), indent=1, allow_nan=False) + "\n")
    page = _write(out / "report.html", render_page(groups, results.parent, figures))
    return [page, numbers, *(path for drawn in figures for path in drawn)]


def _figures(group: Group, out: Path, suffix: str) -> list[Path]:
    data = (main_plots(group), strips(group), growth.growth_panels(group), growth.trajectories(group))
    draw = (png.pareto_png, png.strips_png, png.growth_png, png.pca_png)
    return [
        make(shown, out / f"{name}{suffix}.png")  # type: ignore[arg-type]
        for name, make, shown in zip(FIGURES, draw, data, strict=True)
        if shown
    ]


def _numbers(groups: Sequence[Group]) -> Any:
    """What the page shows, for programs; numbers that are not finite are null."""
    return _finite(
        [
            {
                "model": (group.uncached or group.rows[0]).model,
                "rows": [asdict(row) for row in group.rows],
                "series": [asdict(series) for series in group.series],
                "plots": [
                    {
                        "title": plot.title,
                        "points": [asdict(point) for point in plot.points],
                        "front": [point.row for point in plot.front()],
                    }
                    for plot in main_plots(group) + other_plots(group)
                ],
            }
            for group in groups
        ]
    )


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return value


def render_page(groups: Sequence[Group], folder: Path, figures: Sequence[Sequence[Path]]) -> str:
    """The page as text; ``folder`` holds the pictures, ``figures`` are those files of each group to name."""
    parts = [page_part(group, folder, drawn) for group, drawn in zip(groups, figures, strict=True)]
    environment = Environment(
        loader=PackageLoader("foretrace.bench", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    assets = files("foretrace.bench.report")
    style, script = ((assets / name).read_text("utf-8") for name in ("style.css", "script.js"))
    return environment.get_template("template.html.j2").render(
        parts=parts,
        style=Markup(palette.style_sheet() + style),
        script=Markup(script),
    )


def _write(path: Path, text: str) -> Path:
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path
