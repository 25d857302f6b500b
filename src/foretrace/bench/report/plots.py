"""What the Pareto plots show, as plain data for the page and for the PNG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from foretrace.bench.report.groups import Group, Series, steps_computed
from foretrace.bench.report.words import METRICS, finite, metric_title, more_is_better
from foretrace.bench.rows import Estimate, Row


@dataclass(frozen=True)
class Point:
    """A row of the group at a place of the plot."""

    row: int
    x: Estimate
    y: Estimate


@dataclass(frozen=True)
class Curve:
    """The points of a series, from left to right."""

    series: Series
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Plot:
    """A quality over a cost. ``fast_right`` says on which side the fast rows lie."""

    name: str
    title: str
    x_label: str
    y_label: str
    fast_right: bool
    high_better: bool
    curves: tuple[Curve, ...]

    @property
    def points(self) -> list[Point]:
        """The points of all curves."""
        return [point for curve in self.curves for point in curve.points]

    def front(self) -> list[Point]:
        """The points that no other beats in both directions, from left to right."""
        best: list[Point] = []
        sign = -1 if self.high_better else 1
        for point in sorted(
            self.points, key=lambda p: (p.x.value * (-1 if self.fast_right else 1), sign * p.y.value)
        ):
            if not best or sign * point.y.value < sign * best[-1].y.value:
                best.append(point)
        return sorted(best, key=lambda p: p.x.value)


Cost = Callable[[Row], Estimate | None]
COSTS: dict[str, tuple[str, bool, Cost]] = {
    "speedup": ("measured speed-up", True, lambda row: row.latency.speedup if row.latency else None),
    "computed": ("computed steps", False, lambda row: Estimate(steps_computed(row))),
    "macs": (
        "multiply-accumulates",
        False,
        lambda row: Estimate(row.macs["total"]) if "total" in row.macs else None,
    ),
}
MAIN = (
    ("relative_l2", "speedup"),
    ("relative_l2", "computed"),
    ("relative_l2", "macs"),
    ("frechet", "speedup"),
)


def main_plots(group: Group) -> list[Plot]:
    """Error over speed-up, steps and work, and Fréchet distance over speed-up: those that have points."""
    return _existing(group, MAIN)


def other_plots(group: Group) -> list[Plot]:
    """Every other quality over the measured speed-up, or over computed steps where nothing was timed."""
    timed = any(row.latency for row in group.rows)
    names = dict.fromkeys(name for row in group.rows for name in row.quality)
    rank = list(METRICS)
    others = sorted(names, key=lambda name: rank.index(name) if name in rank else len(rank))
    shown = {metric for metric, _ in MAIN}
    cost = "speedup" if timed else "computed"
    return _existing(group, [(name, cost) for name in others if name not in shown])


def _existing(group: Group, pairs: Sequence[tuple[str, str]]) -> list[Plot]:
    plots = [make_plot(group, metric, cost) for metric, cost in pairs]
    return [plot for plot in plots if len(plot.points) > 1]


def make_plot(group: Group, metric: str, cost: str) -> Plot:
    """One plot of the rows that ran and have both numbers; the uncached run has no error and is no point."""
    x_label, fast_right, read = COSTS[cost]
    curves = []
    for series in group.series:
        points = [
            Point(i, x, y)
            for i in series.rows
            if (row := group.rows[i]).status == "ok"
            and (row.kind != "uncached" or metric not in ("relative_l2", "psnr", "ssim", "lpips"))
            and (x := read(row)) is not None
            and (y := row.quality.get(metric)) is not None
            and finite(x.value)
            and finite(y.value)
        ]
        if points:
            curves.append(Curve(series, tuple(sorted(points, key=lambda p: p.x.value))))
    title = metric_title(metric)
    name = f"{metric.replace('_', '-')}-{cost}"
    return Plot(
        name, f"{title} over {x_label}", x_label, title, fast_right, more_is_better(metric), tuple(curves)
    )
