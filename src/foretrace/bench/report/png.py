"""The figures of the page as PNG, for slides and papers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from foretrace.bench.report.axes import Axis, fit_axis
from foretrace.bench.report.growth import Panel, Trajectory
from foretrace.bench.report.palette import colour
from foretrace.bench.report.pareto import plot_axes, x_tick
from foretrace.bench.report.plots import Curve, Plot
from foretrace.bench.report.strips import Strip
from foretrace.bench.report.words import tick

MARKS = {
    "circle": "o", "square": "s", "up": "^", "diamond": "D", "down": "v", "bar": "d", "cross": "x",
    "plus": "+",
}  # fmt: skip
LINES = {"fewer-steps": "--", "sampler": ":", "peer": "-."}
DPI = 130


def pareto_png(plots: Sequence[Plot], path: Path) -> Path:
    """All plots side by side, with one legend."""
    figure, panels = _panels(len(plots), min(len(plots), 2), 5.4, 4.0)
    for plot, axes in zip(plots, panels, strict=False):
        for curve in plot.curves:
            _draw_curve(axes, plot, curve)
        x, y = plot_axes(plot, (0, 1), (0, 1))
        axes.set(xscale="log" if x.log else "linear", yscale="log" if y.log else "linear")
        _scale(axes.xaxis, x, [x_tick(plot, value) for value in x.ticks()])
        _scale(axes.yaxis, y, [tick(value) for value in y.ticks()])
        axes.set(xlabel=plot.x_label, ylabel=plot.y_label, xlim=(x.low, x.high), ylim=(y.low, y.high))
        axes.grid(alpha=0.25)
    entries: dict[str, Any] = {}
    for axes in panels:
        handles, labels = axes.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    figure.legend(
        list(entries.values()), list(entries), loc="outside lower center", ncols=4, frameon=False, fontsize=9
    )
    return _save(figure, path)


def _scale(axis: Any, scale: Axis, names: list[str]) -> None:
    """The page's ticks."""
    axis.set_major_locator(FixedLocator(scale.ticks()))
    axis.set_major_formatter(FixedFormatter(names))
    axis.set_minor_locator(NullLocator())


def _draw_curve(axes: Axes, plot: Plot, curve: Curve) -> None:
    series = curve.series
    xs, ys = [p.x.value for p in curve.points], [p.y.value for p in curve.points]
    low = [max(p.y.value - p.y.low, 0.0) if p.y.low is not None else 0.0 for p in curve.points]
    high = [max(p.y.high - p.y.value, 0.0) if p.y.high is not None else 0.0 for p in curve.points]
    axes.errorbar(
        xs, ys, yerr=[low, high], label=_plain(series.name), color=colour(series.colour),
        marker=MARKS[series.mark], linestyle=LINES.get(series.kind, "-"), markersize=5, linewidth=1.3,
        elinewidth=0.8, markerfacecolor="white" if series.kind == "peer" else None,
    )  # fmt: skip


def strips_png(strips: Sequence[Strip], path: Path) -> Path:
    """A line a row: full blocks are computed, low ones forecast, the higher the order the higher."""
    figure = Figure(figsize=(10, 0.5 + 0.26 * len(strips)), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for line, strip in enumerate(strips):
        width = 1 / max(len(strip.frames), 1)
        tint = colour(strip.series.colour)
        for computed in (True, False):
            frames = [frame for frame in strip.frames if frame.computed == computed]
            height = [0.8 if computed else 0.1 + 0.5 * (frame.height or 0.0) for frame in frames]
            axes.bar(
                [(frame.step + 0.5) * width for frame in frames], height, 0.86 * width,
                bottom=len(strips) - line - 0.9, color=tint, alpha=1.0 if computed else 0.4,
            )  # fmt: skip
    names = [f"{_plain(s.label)}  ({s.computed} of {len(s.frames)})" for s in strips]
    axes.set_yticks([len(strips) - i - 0.5 for i in range(len(strips))], names, fontsize=8)
    axes.set(xticks=[], xlim=(0, 1), ylim=(0, len(strips)), xlabel="from noise to picture")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return _save(figure, path)


def growth_png(panels: Sequence[Panel], path: Path) -> Path:
    """Error of the latents after each step, a panel a series; the number at a line is its computed steps."""
    figure, drawn = _panels(len(panels), min(len(panels), 4), 3.1, 2.5, share=True)
    values = [e for panel in panels for _, _, path_ in panel.lines for _, e in path_]
    log = fit_axis(values, 0, 1).log
    for panel, axes in zip(panels, drawn, strict=False):
        for number, (_, computed, line) in enumerate(panel.lines):
            xs, ys = zip(*line, strict=True)
            axes.plot(xs, ys, color=colour(panel.series.colour), alpha=max(1 - 0.22 * number, 0.35))
            axes.annotate(
                str(computed), (xs[-1], ys[-1]), (3, 0), textcoords="offset points", fontsize=8, va="center"
            )
        axes.set_title(_plain(panel.series.name), fontsize=9)
        axes.set(yscale="log" if log else "linear")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.grid(alpha=0.25)
    figure.supxlabel("step", fontsize=9)
    figure.supylabel("relative L2 of the latents to the uncached ones", fontsize=9)
    return _save(figure, path)


def pca_png(found: Sequence[Trajectory], path: Path) -> Path:
    """The trajectories in their first two principal components, from the ring to the dot."""
    figure, drawn = _panels(len(found), min(len(found), 6), 1.9, 2.0)
    for one, axes in zip(found, drawn, strict=False):
        for line, tint, width in (
            (one.uncached, "#999999", 2.4),
            (one.cached, colour(one.series.colour), 1.1),
        ):
            xs, ys = zip(*line, strict=True)
            axes.plot(xs, ys, color=tint, linewidth=width)
            axes.plot(xs[0], ys[0], "o", color=tint, markerfacecolor="white", markersize=5)
            axes.plot(xs[-1], ys[-1], "o", color=tint, markersize=5)
        axes.set_title(_plain(one.label), fontsize=8)
        axes.set(xticks=[], yticks=[])
    return _save(figure, path)


def _panels(
    count: int, columns: int, width: float, height: float, share: bool = False
) -> tuple[Figure, list[Axes]]:
    rows = math.ceil(count / columns)
    size = (width * columns, height * rows + 0.5)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share)
    flat = [axes for line in grid for axes in line]
    for axes in flat[count:]:
        axes.set_visible(False)
    return figure, flat[:count]


def _plain(text: str) -> str:
    """Text in which a dollar sign begins no formula."""
    return text.replace("$", r"\$")


def _save(figure: Figure, path: Path) -> Path:
    part = path.with_suffix(".part.png")
    figure.savefig(part, metadata={"Software": None})
    part.replace(path)
    return path
