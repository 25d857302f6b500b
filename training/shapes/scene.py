"""What is in a picture, before any pixel: a background and a list of objects.

The sampler makes one object per scene. The structure and the renderer take any number, so that
scenes with two objects, and captions written from the same attributes, need no new format.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from .catalogue import CLASS_NAMES, PALETTE, PATTERNS

RGB = tuple[float, float, float]

SIZE = 64  # pixels per side
MIN_CONTRAST = 0.42  # RGB distance between an object and everything its background shows


@dataclass(frozen=True)
class Variety:
    """How far scenes may differ; angles in rad, lengths in pixels."""

    radius: tuple[float, float]
    tilt: float
    shift: float  # of an object's centre from the picture's centre, along each axis
    pattern_odds: tuple[float, ...]  # one per pattern


# For the autoencoder and the judge. At 12 px even the narrow classes are about 16 px long.
WIDE = Variety((12.0, 20.0), math.radians(40.0), SIZE, (0.15, 0.40, 0.15, 0.10, 0.20))
# For the diffusion model, whose training is the dear one: the same world, less far apart.
CALM = Variety((15.0, 20.0), math.radians(20.0), 6.0, (0.20, 0.50, 0.10, 0.05, 0.15))


@dataclass(frozen=True)
class ShapeObject:
    """One object. `x`, `y` and `radius` (of the enclosing circle) are in pixels, angles in rad."""

    kind: int
    colour_name: str
    colour: RGB
    x: float
    y: float
    radius: float
    rotation: float
    light_angle: float
    light_strength: float

    @property
    def class_name(self) -> str:
        """The shape's name, as the class list has it."""
        return CLASS_NAMES[self.kind]


@dataclass(frozen=True)
class Background:
    """Two close colours and the pattern that mixes them; `period` is in pixels."""

    pattern: str
    colour_a: RGB
    colour_b: RGB
    angle: float
    period: float
    phase: float


@dataclass(frozen=True)
class Scene:
    """A background and the objects painted over it, first object first."""

    background: Background
    objects: list[ShapeObject] = field(default_factory=list)


def sample_scene(rng: np.random.Generator, kind: int | None = None, variety: Variety = WIDE) -> Scene:
    """Draws a scene with one object, of class `kind` where one is asked for."""
    kind = int(rng.integers(len(CLASS_NAMES))) if kind is None else kind
    shape = _sample_object(rng, kind, variety)
    return Scene(_sample_background(rng, shape.colour, variety), [shape])


def _sample_object(rng: np.random.Generator, kind: int, variety: Variety) -> ShapeObject:
    name = str(rng.choice(list(PALETTE)))
    jitter = rng.normal(0.0, 0.035, 3)
    colour = np.clip(np.array(PALETTE[name]) + jitter, 0.0, 1.0)
    radius = float(rng.uniform(*variety.radius))
    # 1.5 px of clear border around the enclosing circle
    room = min(variety.shift, SIZE / 2 - radius - 1.5)
    return ShapeObject(
        kind=kind,
        colour_name=name,
        colour=_rgb(colour),
        x=float(SIZE / 2 + rng.uniform(-room, room)),
        y=float(SIZE / 2 + rng.uniform(-room, room)),
        radius=radius,
        rotation=float(rng.uniform(-variety.tilt, variety.tilt)),
        light_angle=float(rng.uniform(0.0, 2 * math.pi)),
        light_strength=float(rng.uniform(0.0, 0.22)),
    )


def _sample_background(rng: np.random.Generator, object_colour: RGB, variety: Variety) -> Background:
    """Draws backgrounds until one stands off from the object's colour; few draws are needed."""
    while True:
        base = _background_colour(rng)
        other = np.clip(base + rng.normal(0.0, 0.09, 3) + rng.uniform(-0.10, 0.10), 0.0, 1.0)
        gaps = [np.linalg.norm(np.array(object_colour) - c) for c in (base, other)]
        if min(gaps) >= MIN_CONTRAST and _lightness_gap(object_colour, base, other) >= 0.12:
            break
    return Background(
        pattern=str(rng.choice(PATTERNS, p=variety.pattern_odds)),
        colour_a=_rgb(base),
        colour_b=_rgb(other),
        angle=float(rng.uniform(0.0, 2 * math.pi)),
        period=float(rng.uniform(8.0, 18.0)),
        phase=float(rng.uniform(0.0, 2 * math.pi)),
    )


def _background_colour(rng: np.random.Generator) -> np.ndarray:
    """A grey, a pastel or a dark tone: less saturated than any object, so objects stand out."""
    hue = np.array(PALETTE[str(rng.choice(list(PALETTE)))])
    mode = rng.integers(3)
    if mode == 0:
        return np.full(3, rng.uniform(0.08, 0.95))
    if mode == 1:
        return hue + (1.0 - hue) * rng.uniform(0.55, 0.8)
    return hue * rng.uniform(0.15, 0.4)


def _lightness_gap(object_colour: RGB, *others: np.ndarray) -> float:
    """Smallest luma difference; hue contrast alone blurs at edges and hides from some viewers."""
    weights = np.array([0.299, 0.587, 0.114])
    luma = float(weights @ np.array(object_colour))
    return min(abs(luma - float(weights @ other)) for other in others)


def _rgb(values: np.ndarray) -> RGB:
    return float(values[0]), float(values[1]), float(values[2])
