"""Finds the one object of a picture and names it by comparison, without any trained network.

The package's judge of motion gives the object's cover; the nearest of many drawn covers gives its shape and
size.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import torch
import torch.nn.functional as F
from described_judge import package_module
from shapes.captions import COLOURS, SHAPES, SIZES
from shapes.catalogue import CLASS_NAMES, PALETTE
from shapes.render import render_scenes
from shapes.scene import SIZE, Background, Scene, ShapeObject
from torch import Tensor

CROP = 36  # holds a large object's circle


def motion_module() -> ModuleType:
    """`foretrace/demo/motion.py` by its path."""
    return package_module("motion")


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
    seen = motion_module().see(pictures)
    shape, size, miss = _compare(seen.cover, seen.centre)
    palette = torch.tensor([PALETTE[name] for name in COLOURS])
    name = torch.cdist(seen.colour, palette).argmin(1)
    return Found(seen.there, seen.cover, seen.centre, seen.background, seen.ends, name, shape, size, miss)


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
    return _crop(cover, motion_module().centre_of(cover)), shapes, rows


def _compare(cover: Tensor, centre: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The nearest drawn cover's shape, size and relative squared distance: three of (N,)."""
    drawn, shapes, sizes = _drawn()
    distance = torch.cdist(_crop(cover, centre), drawn).square() / drawn.square().sum(1)
    miss, best = distance.min(1)
    return shapes[best], sizes[best], miss
