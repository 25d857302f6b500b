"""Numbered pictures: picture `i` of seed `s` is the same picture on every machine and run."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .render import render_scenes
from .scene import WIDE, Variety, sample_scene

# Seeds of the three disjoint sets; held-out pictures never share a seed with training ones.
TRAIN_SEED = 0
JUDGE_SEED = 500_009
HELD_OUT_SEED = 1_000_003


def render_range(seed: int, start: int, count: int, variety: Variety = WIDE) -> tuple[Tensor, Tensor]:
    """Pictures `start .. start + count` of `seed` and their class ids.

    Returns ((count, 3, 64, 64) float32 in [-1, 1], (count,) int64). Each picture draws from a
    generator keyed by (seed, number), so neither batch size nor order changes any of them.
    """
    numbers = range(start, start + count)
    scenes = [sample_scene(np.random.default_rng((seed, i)), variety=variety) for i in numbers]
    labels = torch.tensor([scene.objects[0].kind for scene in scenes])
    return render_scenes(scenes), labels
