"""A tiny configuration of every denoiser class of diffusers, by class name (and variant, after a plus)."""

from __future__ import annotations

from zoo import (
    audio,
    audio_video,
    image_classic,
    image_flux,
    image_joint,
    image_refined,
    molecules,
    video,
    video_hunyuan,
    video_wan,
)
from zoo.case import Case

GROUPS = (
    image_flux,
    image_joint,
    image_refined,
    image_classic,
    video,
    video_wan,
    video_hunyuan,
    audio,
    audio_video,
    molecules,
)

CASES: dict[str, Case] = {case.name: case for group in GROUPS for case in group.CASES}
