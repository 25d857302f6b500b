"""Finds the one object of a picture and names it by comparison, without any trained network.

The border of a picture shows its background only, and a background's colours lie on a line. The distance
from that line gives the object's cover; the nearest of many drawn covers gives its shape and size.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from shapes.captions import COLOURS, SHAPES, SIZES
from shapes.catalogue import CLASS_NAMES, PALETTE
from shapes.render import render_scenes
from shapes.scene import SIZE, Background, Scene, ShapeObject
from torch import Tensor

BORDER = 2  # pixels that no object reaches
CROP = 36  # holds a large object's circle
CORE = 40  # pixels; fewer than any object's inside
FAINT = 0.15  # RGB distance below which nothing stands off from the background


@dataclass
class Found:
    """What each of N pictures shows; words are rows of `SHAPES`, `COLOURS` and `SIZES`."""

    there: Tensor  # (N,) bool
    cover: Tensor  # (N, 64, 64) in [0, 1]
    centre: Tensor  # (N, 2) x, y in pixels
    background: Tensor  # (N, 64, 64): place on the line of background colours, 0 to 1
    ends: Tensor  # (N, 2, 3): colours of that line's ends
    colour: Tensor  # (N,)
    shape: Tensor  # (N,)
    size: Tensor  # (N,)
    miss: Tensor  # (N,) squared distance from the nearest drawn cover, relative to it


def find(pictures: Tensor) -> Found:
    """Looks at each of (N, 3, 64, 64) in [0, 1] on its own."""
    pixels = pictures.flatten(2).transpose(1, 2)
    ends = _background_line(pictures)
    start, way = ends[:, :1], ends[:, 1:] - ends[:, :1]
    along = (((pixels - start) * way).sum(2) / way.square().sum(2).clamp(min=1e-8)).clamp(0, 1)
    gap = (pixels - start - along[..., None] * way).norm(dim=2)
    strongest, core = gap.topk(CORE, dim=1)
    edge = 0.5 * strongest[:, -1:]
    inside = (gap > edge).float()
    level = (gap * inside).sum(1, keepdim=True) / inside.sum(1, keepdim=True).clamp(min=1)
    cover = (gap / level.clamp(min=1e-6)).clamp(0, 1)
    # Below a quarter it is noise or a stripe's edge; the ramp keeps the soft outline's middle in place.
    cover = ((cover - 0.25) * 2).clamp(0, 1).unflatten(1, (SIZE, SIZE))
    colour = pixels.gather(1, core[..., None].expand(-1, -1, 3)).mean(1)
    palette = torch.tensor([PALETTE[name] for name in COLOURS])
    centre = _centre(cover)
    shape, size, miss = _compare(cover, centre)
    there = strongest[:, -1] > FAINT
    background = along.unflatten(1, (SIZE, SIZE))
    name = torch.cdist(colour, palette).argmin(1)
    return Found(there, cover, centre, background, ends, name, shape, size, miss)


def _background_line(pictures: Tensor) -> Tensor:
    """Ends of the line in RGB that the border's pixels lie on: (N, 2, 3)."""
    ring = torch.ones(SIZE, SIZE, dtype=torch.bool)
    ring[BORDER:-BORDER, BORDER:-BORDER] = False
    pixels = pictures[:, :, ring].transpose(1, 2)
    mean = pixels.mean(1, keepdim=True)
    spread = (pixels - mean).transpose(1, 2) @ (pixels - mean)
    axis = torch.linalg.eigh(spread).eigenvectors[:, :, -1:]
    places = ((pixels - mean) @ axis)[..., 0]
    ends = torch.stack([places.quantile(0.01, dim=1), places.quantile(0.99, dim=1)], dim=1)
    return mean + ends[..., None] * axis.transpose(1, 2)


def _centre(cover: Tensor) -> Tensor:
    """Centres of mass of (N, H, W): (N, 2), x and y in pixels."""
    mass = cover.sum((1, 2)).clamp(min=1e-6)
    x = (cover.sum(1) * (torch.arange(cover.shape[2]) + 0.5)).sum(1) / mass
    y = (cover.sum(2) * (torch.arange(cover.shape[1]) + 0.5)).sum(1) / mass
    return torch.stack([x, y], dim=1)


def _crop(cover: Tensor, centre: Tensor) -> Tensor:
    """Windows of `CROP` pixels around `centre`: (N, CROP * CROP)."""
    offsets = torch.arange(CROP) + 0.5 - CROP / 2
    x = (centre[:, :1] + offsets) * 2 / SIZE - 1
    y = (centre[:, 1:] + offsets) * 2 / SIZE - 1
    grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), dim=3)
    return F.grid_sample(cover[:, None], grid, align_corners=False).flatten(1)


@cache
def _drawn() -> tuple[Tensor, Tensor, Tensor]:
    """Covers of every shape in many sizes and turns, (M, CROP * CROP), with the rows of shape and size."""
    black, white = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    ground = Background("plain", black, black, 0.0, 10.0, 0.0)
    turns = torch.linspace(-0.26, 0.26, 9).tolist()
    sizes = [(row, r) for row, ends in enumerate(SIZES.values()) for r in torch.linspace(*ends, 4).tolist()]
    scenes, names = [], []
    for (row, name), (size, radius), turn in itertools.product(enumerate(SHAPES), sizes, turns):
        middle = SIZE / 2
        thing = ShapeObject(CLASS_NAMES.index(name), "", white, middle, middle, radius, turn, 0.0, 0.0)
        scenes.append(Scene(ground, [thing]))
        names.append((row, size))
    cover = render_scenes(scenes)[:, 0] / 2 + 0.5
    shapes, rows = torch.tensor(names).unbind(1)
    return _crop(cover, _centre(cover)), shapes, rows


def _compare(cover: Tensor, centre: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The nearest drawn cover's shape, size and relative squared distance: three of (N,)."""
    drawn, shapes, sizes = _drawn()
    distance = torch.cdist(_crop(cover, centre), drawn).square() / drawn.square().sum(1)
    miss, best = distance.min(1)
    return shapes[best], sizes[best], miss
