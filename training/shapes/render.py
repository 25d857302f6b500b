"""Turns scenes into pixels: a batch at a time, with torch, without any drawing library."""

from __future__ import annotations

import torch
from torch import Tensor

from .catalogue import CLASS_NAMES, PATTERNS
from .scene import SIZE, Background, Scene, ShapeObject
from .sdf import SHAPES


def render_scenes(scenes: list[Scene]) -> Tensor:
    """Pictures of `scenes`: (batch, 3, 64, 64) in [-1, 1], float32."""
    images = _paint_backgrounds([scene.background for scene in scenes])
    for layer in range(max(len(scene.objects) for scene in scenes)):
        rows = [i for i, scene in enumerate(scenes) if len(scene.objects) > layer]
        index = torch.tensor(rows)
        objects = [scenes[i].objects[layer] for i in rows]
        images[index] = _paint_objects(images[index], objects)
    return images.clamp(0.0, 1.0) * 2.0 - 1.0


def _pixel_grid() -> tuple[Tensor, Tensor]:
    """Pixel centres, x to the right and y down: two tensors (1, 64, 64)."""
    axis = torch.arange(SIZE, dtype=torch.float32) + 0.5
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return x[None], y[None]


def _column(values: list[float]) -> Tensor:
    """A list of floats as (batch, 1, 1), ready to broadcast over pixels."""
    return torch.tensor(values, dtype=torch.float32)[:, None, None]


def _paint_backgrounds(backgrounds: list[Background]) -> Tensor:
    """(batch, 3, 64, 64) in [0, 1]: two colours mixed by each background's pattern."""
    x, y = _pixel_grid()
    angle = _column([b.angle for b in backgrounds])
    phase = _column([b.phase for b in backgrounds])
    wave = 2 * torch.pi / _column([b.period for b in backgrounds])
    along = x * angle.cos() + y * angle.sin()
    across = y * angle.cos() - x * angle.sin()
    centred = (x - SIZE / 2) * angle.cos() + (y - SIZE / 2) * angle.sin()
    stripes = torch.sin(along * wave + phase)
    mixes = {
        "plain": torch.zeros_like(along),
        "gradient": (centred / SIZE + 0.5).clamp(0.0, 1.0),
        "stripes": _soft_step(stripes),
        "checker": _soft_step(stripes * torch.sin(across * wave + 0.7 * phase)),
        "clouds": _clouds(along, across, wave, phase),
    }
    code = torch.tensor([PATTERNS.index(b.pattern) for b in backgrounds])
    stack = torch.stack([mixes[name] for name in PATTERNS])
    mix = stack[code, torch.arange(len(backgrounds))][:, None]
    colour_a = torch.tensor([b.colour_a for b in backgrounds])[:, :, None, None]
    colour_b = torch.tensor([b.colour_b for b in backgrounds])[:, :, None, None]
    return colour_a * (1.0 - mix) + colour_b * mix


def _soft_step(wave: Tensor) -> Tensor:
    """A sine in [-1, 1] squared up to [0, 1], keeping about a pixel of blur at each change."""
    return (wave * 2.5 + 0.5).clamp(0.0, 1.0)


def _clouds(along: Tensor, across: Tensor, wave: Tensor, phase: Tensor) -> Tensor:
    """Smooth noise in [0, 1]: four plane waves whose frequencies share no common period."""
    total = torch.zeros_like(along)
    for fx, fy, turn in (
        (0.31, 0.53, 1.0),
        (-0.47, 0.37, 2.3),
        (0.71, -0.19, 3.1),
        (0.23, 0.83, 5.7),
    ):
        total = total + torch.sin((along * fx + across * fy) * wave + phase * turn)
    return (total / 5.0 + 0.5).clamp(0.0, 1.0)


def _paint_objects(images: Tensor, objects: list[ShapeObject]) -> Tensor:
    """`images` (batch, 3, 64, 64) with one object laid over each, edges one pixel soft."""
    x, y = _pixel_grid()
    radius = _column([o.radius for o in objects])
    turn = _column([o.rotation for o in objects])
    dx = (x - _column([o.x for o in objects])) / radius
    dy = (_column([o.y for o in objects]) - y) / radius
    u = dx * turn.cos() + dy * turn.sin()
    v = dy * turn.cos() - dx * turn.sin()
    distance = _distances(u, v, torch.tensor([o.kind for o in objects])) * radius
    cover = (0.5 - distance).clamp(0.0, 1.0)[:, None]

    light = _column([o.light_angle for o in objects])
    slope = (dx * light.cos() + dy * light.sin()) * _column([o.light_strength for o in objects])
    colour = torch.tensor([o.colour for o in objects])[:, :, None, None]
    lit = torch.where(
        slope[:, None] > 0, colour + (1 - colour) * slope[:, None], colour * (1 + slope[:, None])
    )
    return images * (1.0 - cover) + lit * cover


def _distances(u: Tensor, v: Tensor, kinds: Tensor) -> Tensor:
    """Signed distance of every pixel to its own image's shape, one class at a time."""
    distance = torch.empty_like(u)
    for kind in kinds.unique().tolist():
        rows = (kinds == kind).nonzero()[:, 0]
        distance[rows] = SHAPES[CLASS_NAMES[kind]](u[rows], v[rows])
    return distance
