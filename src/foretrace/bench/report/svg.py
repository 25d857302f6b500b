"""Elements of SVG as escaped text, and the marks that tell methods apart without their colours."""

from __future__ import annotations

from markupsafe import Markup, escape

MARKS = ("circle", "square", "up", "diamond", "down", "bar")
"""One a variant of a method; "cross" is the fewer-steps control's, "plus" the other samplers'."""
_PATHS = {
    "circle": "M-4.5 0A4.5 4.5 0 1 0 4.5 0A4.5 4.5 0 1 0 -4.5 0Z",
    "square": "M-4 -4H4V4H-4Z",
    "up": "M0 -5.2L5 3.8H-5Z",
    "diamond": "M0 -5.6L5.6 0L0 5.6L-5.6 0Z",
    "down": "M0 5.2L5 -3.8H-5Z",
    "bar": "M-2 -5.4H2V5.4H-2Z",
    "cross": "M-4 -4L4 4M-4 4L4 -4",
    "plus": "M-5 0H5M0 -5V5",
}


def tag(name: str, *children: str, **attributes: object) -> Markup:
    """An element. Children that are no markup are escaped; ``class_`` is class, and ``a_b`` is a-b."""
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{words}>{Markup('').join(children)}</{name}>")


def number(value: object) -> str:
    """A coordinate with at most one decimal; anything else as it is."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def polyline(points: list[tuple[float, float]], **attributes: object) -> Markup:
    """A line through points."""
    return tag("polyline", points=" ".join(f"{number(x)},{number(y)}" for x, y in points), **attributes)


def mark(shape: str, x: float, y: float, **attributes: object) -> Markup:
    """A mark at a point."""
    return tag("path", d=_PATHS[shape], transform=f"translate({number(x)} {number(y)})", **attributes)
