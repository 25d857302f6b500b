"""Numbered pictures with sentences: picture `i` of seed `s` is the same on every machine and run."""

from __future__ import annotations

from torch import Tensor

from .captions import Description, described_scene
from .render import render_scenes


def render_described(seed: int, start: int, count: int) -> tuple[Tensor, list[Description]]:
    """Pictures `start .. start + count` of `seed`, (count, 3, 64, 64) in [-1, 1], and their sentences."""
    pairs = [described_scene(seed, number) for number in range(start, start + count)]
    return render_scenes([scene for _, scene in pairs]), [description for description, _ in pairs]
