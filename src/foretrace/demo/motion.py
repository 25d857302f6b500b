"""The judge of shapes-video, without a network: where the one object is in every frame, and how it moves.

The border of a frame shows its background only, and a background's colours lie on a line in RGB. The distance
from that line gives the object's cover; its centre over the frames gives the motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

BORDER = 2  # pixels that no object reaches
CORE = 40  # pixels; fewer than any object's inside
FAINT = 0.15  # RGB distance below which nothing stands off from the background
SLOWEST = 1.5  # pixels a frame; half of the slowest true motion
MOST_SWAY = 1.5  # pixels off a straight and even way; drawn videos through the autoencoder have 0.04
PALETTE = {
    "red": (0.88, 0.16, 0.16),
    "orange": (0.97, 0.55, 0.12),
    "yellow": (0.98, 0.86, 0.20),
    "green": (0.18, 0.68, 0.28),
    "teal": (0.12, 0.68, 0.70),
    "blue": (0.18, 0.36, 0.88),
    "purple": (0.56, 0.26, 0.78),
    "pink": (0.96, 0.50, 0.72),
}
"""The colours' names, as the data has them."""
MOTIONS = {
    "moving left": (-1.0, 0.0),
    "moving right": (1.0, 0.0),
    "moving up": (0.0, -1.0),
    "moving down": (0.0, 1.0),
    "standing still": (0.0, 0.0),
}
"""Phrase -> direction, y down."""


class Seen(NamedTuple):
    """Of N pictures: whether something is there, its cover (N, H, W), centre x, y (N, 2) and colour (N, 3);
    the background's place on its line of colours, (N, H, W) from 0 to 1, and that line's ends (N, 2, 3).
    """

    there: Tensor
    cover: Tensor
    centre: Tensor
    colour: Tensor
    background: Tensor
    ends: Tensor


def see(pictures: Tensor) -> Seen:
    """Look at each of (N, 3, H, W) in [0, 1] on its own."""
    pixels = pictures.flatten(2).transpose(1, 2)
    ends = background_line(pictures)
    start, way = ends[:, :1], ends[:, 1:] - ends[:, :1]
    along = (((pixels - start) * way).sum(2) / way.square().sum(2).clamp(min=1e-8)).clamp(0, 1)
    gap = (pixels - start - along[..., None] * way).norm(dim=2)
    strongest, core = gap.topk(CORE, dim=1)
    inside = (gap > 0.5 * strongest[:, -1:]).float()
    level = (gap * inside).sum(1, keepdim=True) / inside.sum(1, keepdim=True).clamp(min=1)
    cover = (gap / level.clamp(min=1e-6)).clamp(0, 1)
    # Below a quarter it is noise or a stripe's edge; the ramp keeps the soft outline's middle in place.
    cover = ((cover - 0.25) * 2).clamp(0, 1).unflatten(1, pictures.shape[2:])
    colour = pixels.gather(1, core[..., None].expand(-1, -1, 3)).mean(1)
    background = along.unflatten(1, pictures.shape[2:])
    return Seen(strongest[:, -1] > FAINT, cover, centre_of(cover), colour, background, ends)


def background_line(pictures: Tensor) -> Tensor:
    """Ends of the line in RGB that the border's pixels lie on: (N, 2, 3)."""
    ring = torch.ones(pictures.shape[2:], dtype=torch.bool)
    ring[BORDER:-BORDER, BORDER:-BORDER] = False
    pixels = pictures[:, :, ring].transpose(1, 2)
    mean = pixels.mean(1, keepdim=True)
    spread = (pixels - mean).transpose(1, 2) @ (pixels - mean)
    axis = torch.linalg.eigh(spread).eigenvectors[:, :, -1:]
    places = ((pixels - mean) @ axis)[..., 0]
    ends = torch.stack([places.quantile(0.01, dim=1), places.quantile(0.99, dim=1)], dim=1)
    return mean + ends[..., None] * axis.transpose(1, 2)


def centre_of(cover: Tensor) -> Tensor:
    """Centres of mass of (N, H, W): (N, 2), x and y in pixels."""
    mass = cover.sum((1, 2)).clamp(min=1e-6)
    x = (cover.sum(1) * (torch.arange(cover.shape[2]) + 0.5)).sum(1) / mass
    y = (cover.sum(2) * (torch.arange(cover.shape[1]) + 0.5)).sum(1) / mass
    return torch.stack([x, y], dim=1)


def speeds(centres: Tensor) -> Tensor:
    """Straight-line fit of (videos, frames, 2): x and y in pixels a frame, (videos, 2)."""
    times = torch.arange(centres.shape[1]) - (centres.shape[1] - 1) / 2
    return (centres * times[:, None]).sum(1) / times.square().sum()


def sways(centres: Tensor) -> Tensor:
    """RMS distance of (videos, frames, 2) from a straight and even way, in pixels: (videos,)."""
    times = torch.arange(centres.shape[1]) - (centres.shape[1] - 1) / 2
    line = centres.mean(1, keepdim=True) + times[:, None] * speeds(centres)[:, None]
    return (centres - line).square().sum(2).mean(1).sqrt()


def motion_names(speed: Tensor) -> list[str]:
    """The phrase of `MOTIONS` for each of (videos, 2)."""
    directions = torch.tensor(list(MOTIONS.values()))
    names, best = list(MOTIONS), (speed @ directions.T).argmax(1).tolist()
    slow = (speed.abs().amax(1) < SLOWEST).tolist()
    return ["standing still" if s else names[i] for i, s in zip(best, slow, strict=True)]


def motion_share(videos: Tensor, asked: Sequence[dict[str, Any]]) -> float:
    """The share of (videos, frames, 3, 64, 64) in [0, 1] that show the colour and the motion asked for.

    ``asked`` has "colour" and "motion" for each. The object must be there in every frame, have its colour in
    most, and move evenly.
    """
    seen, shape = see(videos.flatten(0, 1).float()), videos.shape[:2]
    centres = seen.centre.unflatten(0, shape)
    named = torch.cdist(seen.colour, torch.tensor(list(PALETTE.values()))).argmin(1).view(shape)
    colours, told = list(PALETTE), motion_names(speeds(centres))
    even, there = sways(centres) < MOST_SWAY, seen.there.view(shape).all(1)
    right = [
        bool(even[i] and there[i])
        and told[i] == one["motion"]
        and float((named[i] == colours.index(one["colour"])).float().mean()) > 0.5
        for i, one in enumerate(asked)
    ]
    return sum(right) / len(right)
