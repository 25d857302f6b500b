"""Labels at the points of a chart where they cover neither each other nor the points."""

from __future__ import annotations

from collections.abc import Sequence

LETTER, LINE = 6.4, 14.0
"""Width of a letter and height of a line at the labels' size, in pixels; a little more than they take."""
GAP = 8.0
Box = tuple[float, float, float, float]
"""left, top, right, bottom"""
Spot = tuple[float, float]
_SIDES = ((1, 0), (0, -1), (0, 1), (-1, 0), (1, -1), (1, 1), (-1, -1), (-1, 1))


def place_labels(
    wanted: Sequence[tuple[str, Sequence[Spot]]],
    obstacles: Sequence[Spot],
    frame: Box,
    avoided: Sequence[Spot] = (),
) -> list[Spot | None]:
    """For every label the left end of its base line, at a free side of one of its anchors.

    ``obstacles`` and other labels are never covered, ``avoided`` as few as can be. ``None`` where there is no
    place without a collision; such a series is told by legend and tooltip.
    """
    taken: list[Box] = [(x - 6, y - 6, x + 6, y + 6) for x, y in obstacles]
    spots: list[Spot | None] = []
    for text, anchors in wanted:
        free = [box for box in _boxes(text, anchors) if _free(box, taken, frame)]
        box = min(free, key=lambda box: sum(_inside(spot, box) for spot in avoided), default=None)
        if box is not None:
            taken.append(box)
        spots.append(None if box is None else (box[0], box[3] - 3.5))
    return spots


def _boxes(text: str, anchors: Sequence[Spot]) -> list[Box]:
    """All places of a label, the preferred ones first: every anchor at one side, then at the next."""
    width = LETTER * len(text)
    found = []
    for dx, dy in _SIDES:
        for x, y in anchors:
            left = x + GAP if dx > 0 else x - GAP - width if dx < 0 else x - width / 2
            middle = y + dy * (LINE if dx == 0 else LINE * 0.8)
            found.append((left, middle - LINE / 2, left + width, middle + LINE / 2))
    return found


def _free(box: Box, taken: Sequence[Box], frame: Box) -> bool:
    inside = box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]
    return inside and not any(_overlap(box, other) for other in taken)


def _inside(spot: Spot, box: Box) -> bool:
    return box[0] < spot[0] < box[2] and box[1] < spot[1] < box[3]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
