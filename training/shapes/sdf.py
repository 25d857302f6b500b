"""Signed distances to the twelve shapes, on points in the shape's own frame.

Every function takes `x, y` of any shape (enclosing circle of radius 1 at the origin, y up) and
returns a tensor of that shape, negative inside. A few are bounds rather than exact distances;
they are exact near the outline, which is all that anti-aliasing looks at.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Points = list[tuple[float, float]]


def circle(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y) - 0.88


def ring(x: Tensor, y: Tensor) -> Tensor:
    return (torch.hypot(x, y) - 0.74).abs() - 0.21


def pill(x: Tensor, y: Tensor) -> Tensor:
    """A line segment with round ends, upright before rotation."""
    return torch.hypot(x, y - y.clamp(-0.55, 0.55)) - 0.42


def crescent(x: Tensor, y: Tensor) -> Tensor:
    """A disc with a smaller disc bitten out of its right side."""
    bite = torch.hypot(x - 0.46, y) - 0.68
    return torch.maximum(torch.hypot(x, y) - 0.96, -bite)


def semicircle(x: Tensor, y: Tensor) -> Tensor:
    """The upper half of a disc, moved down so that it sits on the centre."""
    low = y + 0.40
    return torch.maximum(torch.hypot(x, low) - 0.90, -low)


def drop(x: Tensor, y: Tensor) -> Tensor:
    """The hull of a big disc below and a near-point above (a capsule of two radii)."""
    big, tip, height = 0.60, 0.03, 1.30
    side, up = x.abs(), y + 0.38
    slope = (big - tip) / height
    cosine = math.sqrt(1.0 - slope * slope)
    along = -slope * side + cosine * up
    body = side * cosine + up * slope - big
    inside_low = torch.hypot(side, up) - big
    inside_high = torch.hypot(side, up - height) - tip
    return torch.where(along < 0, inside_low, torch.where(along > cosine * height, inside_high, body))


def heart(x: Tensor, y: Tensor) -> Tensor:
    """Two upper lobes and a lower tip; the lobes are quarter-turned discs about (1/4, 3/4)."""
    scale = 0.64
    side, up = x.abs() * scale, y * scale + 0.56
    lobe = torch.hypot(side - 0.25, up - 0.75) - math.sqrt(2.0) / 4.0
    to_notch = side.square() + (up - 1.0).square()
    half = 0.5 * (side + up).clamp(min=0.0)
    to_edge = (side - half).square() + (up - half).square()
    lower = torch.minimum(to_notch, to_edge).sqrt() * torch.sign(side - up)
    return torch.where(side + up > 1.0, lobe, lower) / scale


def polygon(points: Points) -> Callable[[Tensor, Tensor], Tensor]:
    """Distance to a closed polygon: nearest edge, with the sign from crossing parity."""

    def distance(x: Tensor, y: Tensor) -> Tensor:
        best = torch.full_like(x, float("inf"))
        inside = torch.zeros_like(x, dtype=torch.bool)
        for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
            ex, ey = bx - ax, by - ay
            wx, wy = x - ax, y - ay
            t = ((wx * ex + wy * ey) / (ex * ex + ey * ey)).clamp(0.0, 1.0)
            best = torch.minimum(best, (wx - t * ex).square() + (wy - t * ey).square())
            if ey != 0.0:
                inside ^= ((y >= ay) != (y >= by)) & (wx < wy * (ex / ey))
        return torch.where(inside, -best.sqrt(), best.sqrt())

    return distance


def _spokes(count: int, radii: tuple[float, ...]) -> Points:
    """`count` points around the origin, starting at the top, cycling through `radii`."""
    turns = [math.pi / 2 + 2 * math.pi * i / count for i in range(count)]
    sizes = [radii[i % len(radii)] for i in range(count)]
    return [(r * math.cos(t), r * math.sin(t)) for r, t in zip(sizes, turns, strict=True)]


def _cross(reach: float, half: float) -> Points:
    corner = [(half, half), (half, reach), (-half, reach), (-half, half)]
    points: Points = []
    for px, py in [*corner, (-reach, half), (-reach, -half), (-half, -half), (-half, -reach)]:
        points.append((px, py))
    return [*points, (half, -reach), (half, -half), (reach, -half), (reach, half)]


_ARROW: Points = [
    (0.0, 0.98), (0.74, 0.16), (0.27, 0.16), (0.27, -0.92),
    (-0.27, -0.92), (-0.27, 0.16), (-0.74, 0.16),
]  # fmt: skip
_SQUARE: Points = [(0.7, 0.7), (-0.7, 0.7), (-0.7, -0.7), (0.7, -0.7)]

# Keyed by class name, so that the catalogue alone decides the order of the ids.
SHAPES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "circle": circle,
    "ring": ring,
    "square": polygon(_SQUARE),
    "triangle": polygon(_spokes(3, (1.0,))),
    "pill": pill,
    "star": polygon(_spokes(10, (1.0, 0.44))),
    "cross": polygon(_cross(0.92, 0.29)),
    "heart": heart,
    "crescent": crescent,
    "arrow": polygon(_ARROW),
    "semicircle": semicircle,
    "drop": drop,
}
