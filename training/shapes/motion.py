"""Short videos of one object that moves or stands still, and the sentence that tells of each.

    a large red star moving right on a dark gradient

The background stays as it is. Frame, object and background are drawn as `captions.py` draws a picture with
one thing; only the object's place changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .captions import Description, Thing, draw, sample_description
from .render import render_scenes
from .scene import SIZE, Scene

FRAMES = 8
MOTIONS: dict[str, tuple[float, float]] = {
    "moving left": (-1.0, 0.0),
    "moving right": (1.0, 0.0),
    "moving up": (0.0, -1.0),
    "moving down": (0.0, 1.0),
    "standing still": (0.0, 0.0),
}
"""Phrase -> direction, y down."""
SPEED = (3.0, 3.8)
"""Pixels a frame: 21 to 27 in all, so that a large object's circle stays 2 pixels inside the picture."""
WOBBLE = 1.0  # of the way's middle around the picture's, in pixels


@dataclass(frozen=True)
class MotionDescription:
    """A video in words: what a picture's sentence tells, and how its one thing moves."""

    picture: Description
    motion: str

    @property
    def thing(self) -> Thing:
        """The one object."""
        return self.picture.things[0]

    @property
    def phrases(self) -> list[str]:
        """The sentence in parts: thing, motion, background."""
        thing, _, _, ground = self.picture.phrases
        return [thing, self.motion, ground]

    @property
    def caption(self) -> str:
        """The sentence."""
        return " ".join(self.phrases)


def sample_motion(rng: np.random.Generator) -> MotionDescription:
    """Draws a sentence."""
    return MotionDescription(sample_description(rng, alone=1.0), str(rng.choice(list(MOTIONS))))


def draw_frames(rng: np.random.Generator, description: MotionDescription) -> list[Scene]:
    """`FRAMES` scenes that the sentence is true of; the way's middle is near the picture's."""
    scene = draw(rng, description.picture)
    thing = scene.objects[0]
    dx, dy = MOTIONS[description.motion]
    speed, wobble = rng.uniform(*SPEED), rng.uniform(-WOBBLE, WOBBLE, 2)
    frames = []
    for frame in range(FRAMES):
        way = speed * (frame - (FRAMES - 1) / 2)
        x, y = SIZE / 2 + dx * way + wobble[0], SIZE / 2 + dy * way + wobble[1]
        frames.append(Scene(scene.background, [replace(thing, x=float(x), y=float(y))]))
    return frames


def motion_scenes(seed: int, number: int) -> tuple[MotionDescription, list[Scene]]:
    """Video `number` of `seed` with its sentence; the same on every machine and run."""
    rng = np.random.default_rng((seed, number))
    description = sample_motion(rng)
    return description, draw_frames(rng, description)


def render_motion(seed: int, start: int, count: int) -> tuple[Tensor, list[MotionDescription]]:
    """Videos `start .. start + count` of `seed`, (count, 8, 3, 64, 64) in [-1, 1], and their sentences."""
    pairs = [motion_scenes(seed, number) for number in range(start, start + count)]
    frames = torch.cat([render_scenes(scenes) for _, scenes in pairs])
    return frames.unflatten(0, (count, FRAMES)), [description for description, _ in pairs]
