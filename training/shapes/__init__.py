"""Procedural pictures of coloured shapes: scenes, their rendering, and seeded batches."""

from .catalogue import CLASS_NAMES, PALETTE
from .dataset import render_range
from .render import render_scenes
from .scene import CALM, WIDE, Background, Scene, ShapeObject, Variety, sample_scene

__all__ = [
    "CALM",
    "CLASS_NAMES",
    "PALETTE",
    "WIDE",
    "Background",
    "Scene",
    "ShapeObject",
    "Variety",
    "render_range",
    "render_scenes",
    "sample_scene",
]
