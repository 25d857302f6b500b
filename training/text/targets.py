"""What the text encoders learn to tell of a sentence: the attributes of its things, word by word."""

from __future__ import annotations

from shapes.captions import COLOURS, GROUNDS, PLACES, SHAPES, SIZES, TONES, Description, Thing

THING: dict[str, tuple[str, ...]] = {
    "size": tuple(SIZES),
    "colour": COLOURS,
    "shape": SHAPES,
    "place": tuple(PLACES),
}
GROUND: dict[str, tuple[str, ...]] = {"tone": TONES, "ground": tuple(GROUNDS)}
NONE = 0  # "no such thing"; the values of an attribute count from 1


def thing_codes(thing: Thing | None) -> list[int]:
    """One number an attribute of `THING`."""
    if thing is None:
        return [NONE] * len(THING)
    return [1 + values.index(getattr(thing, name)) for name, values in THING.items()]


def ground_codes(description: Description | None) -> list[int]:
    """One number an attribute of `GROUND`."""
    if description is None:
        return [NONE] * len(GROUND)
    return [1 + values.index(getattr(description, name)) for name, values in GROUND.items()]


def sentence_codes(description: Description | None) -> list[int]:
    """The whole sentence, for a pooled vector: first thing, second thing, background."""
    things = description.things if description else ()
    first, second = (things[i] if i < len(things) else None for i in range(2))
    return thing_codes(first) + thing_codes(second) + ground_codes(description)


def word_codes(description: Description) -> list[list[int]]:
    """One row a word and one for the end of the sentence.

    A word of a thing's phrase tells of that thing, so that its vector alone says what to draw where: the
    attributes of one thing are bound together before the denoiser sees them. Every other word tells of
    the background only; so do the things' words as well.
    """
    first, *rest = description.things
    owners = [first, None, rest[0] if rest else None, None]
    ground = ground_codes(description)
    rows = []
    for phrase, owner in zip(description.phrases, owners, strict=True):
        rows += [thing_codes(owner) + ground for _ in phrase.split()]
    return [*rows, thing_codes(None) + ground]


SIZES_OF_THING = [len(values) + 1 for values in THING.values()]
SIZES_OF_GROUND = [len(values) + 1 for values in GROUND.values()]
