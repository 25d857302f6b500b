"""The strip of a row: which steps are computed, and the order of the forecast at the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foretrace.bench.report.groups import Group, Series, steps_computed
from foretrace.bench.report.words import short
from foretrace.bench.rows import Row


@dataclass(frozen=True)
class Frame:
    """One step. ``order`` is that of its forecast, ``height`` the share of the highest order of the group."""

    step: int
    computed: bool
    order: float | None = None
    height: float | None = None

    @property
    def text(self) -> str:
        """The order where it is a whole number, or its mean over samples with one decimal."""
        return "" if self.order is None else f"{self.order:.1f}".removesuffix(".0")


@dataclass(frozen=True)
class Strip:
    """All frames of a row, and the line that says how many are computed."""

    row: int
    label: str
    series: Series
    frames: tuple[Frame, ...]
    computed: int

    @property
    def summary(self) -> str:
        """What the strip shows, in words."""
        orders = [frame.order for frame in self.frames if frame.order is not None]
        told = f", orders {short(min(orders))} to {short(max(orders))}" if orders else ""
        return f"{self.label}: {self.computed} of {len(self.frames)} steps computed{told}"


def strips(group: Group) -> list[Strip]:
    """A strip for every row that ran, series by series."""
    shown = [i for i in group.order if group.rows[i].ran]
    orders = {i: orders_of(group.rows[i]) for i in shown}
    highest = max((abs(o) for each in orders.values() for o in each.values()), default=0.0) or 1.0
    made = []
    for i in shown:
        row = group.rows[i]
        computed = set(row.computed) if row.computed else set(range(row.steps))
        length = steps_computed(row) if row.kind in ("fewer-steps", "sampler") else row.steps
        frames = tuple(
            Frame(t, t in computed)
            if t in computed or (order := orders[i].get(t)) is None
            else Frame(t, False, order, abs(order) / highest)
            for t in range(length)
        )
        made.append(Strip(i, row.label, group.series_of(i), frames, len(computed)))
    return made


def orders_of(row: Row) -> dict[int, float]:
    """Order by step. It is written as one a skipped step, as one a step, or by the step's number."""
    given: Any = row.trajectory.get("orders")
    if isinstance(given, Mapping):
        pairs: list[tuple[Any, Any]] = list(given.items())
    elif isinstance(given, Sequence):
        skipped = [t for t in range(row.steps) if t not in row.computed]
        pairs = list(zip(skipped if len(given) == len(skipped) else range(row.steps), given, strict=False))
    else:
        return {}
    return {int(step): float(order) for step, order in pairs if isinstance(order, (int, float))}
