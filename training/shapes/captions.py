"""Scenes with one or two objects, and the sentence that tells of each.

    a large red star left of a small blue ring on a dark gradient

The words are the whole language: size, colour and shape of each object, where the first is as seen
from the second, and the background. Every attribute in the sentence can be seen in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .catalogue import CLASS_NAMES, PALETTE
from .scene import SIZE, Background, Scene, ShapeObject

SHAPES = ("circle", "ring", "square", "triangle", "star", "cross", "heart", "crescent")
COLOURS = tuple(PALETTE)
SIZES: dict[str, tuple[float, float]] = {"small": (9.8, 11.0), "large": (14.0, 15.0)}
"""Radii of the enclosing circle in pixels; the gap between is what makes the word true."""
TONES = ("dark", "light")
GROUNDS: dict[str, tuple[str, str]] = {
    "plain": ("a plain {} background", "plain"),
    "gradient": ("a {} gradient", "gradient"),
    "stripes": ("{} stripes", "stripes"),
}
"""Background word -> its phrase and the renderer's pattern."""
RELATIONS = {"left of": ("left", "right"), "right of": ("right", "left")} | {
    "above": ("top", "bottom"),
    "below": ("bottom", "top"),
}
"""Relation -> the places of the object named first and second."""
PLACES: dict[str, tuple[float, float]] = {
    "middle": (0.0, 0.0),
    "left": (-1.0, 0.0),
    "right": (1.0, 0.0),
    "top": (0.0, -1.0),
    "bottom": (0.0, 1.0),
}
"""Place -> direction of its centre from the picture's, y down."""
OFFSET = 15.5  # pixels from the picture's centre to a place's
WOBBLE = 1.5
MIN_CONTRAST = 0.36  # RGB distance of an object from every colour behind it


@dataclass(frozen=True)
class Thing:
    """One object in words."""

    size: str
    colour: str
    shape: str
    place: str

    @property
    def words(self) -> str:
        """As the sentence has it."""
        return f"a {self.size} {self.colour} {self.shape}"


@dataclass(frozen=True)
class Description:
    """A picture in words: one thing in the middle, or two on an axis, on a background."""

    things: tuple[Thing, ...]
    tone: str
    ground: str

    @property
    def relation(self) -> str:
        """Where the first thing is from the second; empty for one thing."""
        places = tuple(thing.place for thing in self.things)
        return next((word for word, pair in RELATIONS.items() if pair == places), "")

    @property
    def phrases(self) -> list[str]:
        """The sentence in parts: first thing, relation, second thing, background."""
        ground = "on " + GROUNDS[self.ground][0].format(self.tone)
        if len(self.things) == 1:
            return [self.things[0].words, "", "", ground]
        return [self.things[0].words, self.relation, self.things[1].words, ground]

    @property
    def caption(self) -> str:
        """The sentence."""
        return " ".join(phrase for phrase in self.phrases if phrase)


def sample_description(rng: np.random.Generator, alone: float = 0.2) -> Description:
    """Draws a sentence; with odds `alone` it has one thing. Two things never share shape and colour."""
    places = ("middle",)
    if rng.random() >= alone:
        places = RELATIONS[str(rng.choice(list(RELATIONS)))]
    while True:
        things = tuple(
            Thing(str(rng.choice(list(SIZES))), str(rng.choice(COLOURS)), str(rng.choice(SHAPES)), place)
            for place in places
        )
        if len({(thing.colour, thing.shape) for thing in things}) == len(things):
            break
    return Description(things, str(rng.choice(TONES)), str(rng.choice(list(GROUNDS))))


def draw(rng: np.random.Generator, description: Description) -> Scene:
    """A scene that the sentence is true of; what it leaves open is drawn."""
    objects = [_object(rng, thing) for thing in description.things]
    return Scene(_background(rng, description, [thing.colour for thing in objects]), objects)


def _object(rng: np.random.Generator, thing: Thing) -> ShapeObject:
    colour = np.clip(np.array(PALETTE[thing.colour]) + rng.normal(0.0, 0.02, 3), 0.0, 1.0)
    dx, dy = PLACES[thing.place]
    return ShapeObject(
        kind=CLASS_NAMES.index(thing.shape),
        colour_name=thing.colour,
        colour=(float(colour[0]), float(colour[1]), float(colour[2])),
        x=float(SIZE / 2 + dx * OFFSET + rng.uniform(-WOBBLE, WOBBLE)),
        y=float(SIZE / 2 + dy * OFFSET + rng.uniform(-WOBBLE, WOBBLE)),
        radius=float(rng.uniform(*SIZES[thing.size])),
        rotation=float(rng.uniform(-0.26, 0.26)),
        light_angle=float(rng.uniform(0.0, 2 * np.pi)),
        light_strength=float(rng.uniform(0.0, 0.15)),
    )


def _background(
    rng: np.random.Generator, description: Description, colours: list[tuple[float, float, float]]
) -> Background:
    """Draws until both of its colours stand off from every object's."""
    while True:
        hue = np.array(PALETTE[str(rng.choice(COLOURS))])
        hue = hue + (hue.mean() - hue) * rng.uniform(0.2, 1.0)  # less saturated than any object
        dark = description.tone == "dark"
        base = hue * rng.uniform(0.15, 0.4) if dark else 1.0 - (1.0 - hue) * rng.uniform(0.06, 0.3)
        other = base * rng.uniform(1.3, 1.9) if dark else base * rng.uniform(0.84, 0.92)
        gaps = [np.linalg.norm(np.array(colour) - tone) for colour in colours for tone in (base, other)]
        if min(gaps) >= MIN_CONTRAST:
            break
    return Background(
        pattern=GROUNDS[description.ground][1],
        colour_a=(float(base[0]), float(base[1]), float(base[2])),
        colour_b=(float(other[0]), float(other[1]), float(other[2])),
        angle=float(rng.uniform(0.0, 2 * np.pi)),
        period=float(rng.uniform(10.0, 18.0)),
        phase=float(rng.uniform(0.0, 2 * np.pi)),
    )


def described_scene(seed: int, number: int) -> tuple[Description, Scene]:
    """Scene `number` of `seed` with its sentence; the same on every machine and run."""
    rng = np.random.default_rng((seed, number))
    description = sample_description(rng)
    return description, draw(rng, description)
