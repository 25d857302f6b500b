"""The picture grid of the demo: a row for each method, a column for each sample."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

STRIP = 4
"""Frames shown of each video in the still picture."""
WIDEST_TITLE = 90


def save_grid(rows: list[tuple[str, Tensor]], titles: list[str], path: Path) -> list[Path]:
    """Write ``rows`` of (label, pictures (columns, 3, height, width) in [0, 1]) as one PNG.

    Videos (columns, frames, 3, height, width) become strips of a few frames, and a GIF of all beside the
    PNG. Returns the paths.
    """
    if rows[0][1].ndim == 4:
        return [_save_still(rows, titles, path)]
    shown = len(titles) // STRIP
    frames = rows[0][1].shape[1]
    picked = torch.linspace(0, frames - 1, STRIP).round().long()
    strips = [(label, videos[:shown, picked].flatten(0, 1)) for label, videos in rows]
    names = [titles[i // STRIP] if i % STRIP == 0 else "" for i in range(shown * STRIP)]
    return [_save_still(strips, names, path), _save_moving(rows, path.with_suffix(".gif"))]


def _save_still(rows: list[tuple[str, Tensor]], titles: list[str], path: Path) -> Path:
    from matplotlib.figure import Figure

    columns, long = min(len(titles), len(rows[0][1])), max(map(len, titles)) > 12
    size = (1.9 + 1.15 * columns, (1.3 if long else 0.35) + 1.2 * len(rows))
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for (label, images), line in zip(rows, axes, strict=True):
        for image, ax in zip(images[:columns], line, strict=True):
            ax.imshow(image.permute(1, 2, 0).clamp(0, 1).float().numpy(), interpolation="nearest")
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9, labelpad=6)
    for title, ax in zip(titles, axes[0], strict=False):
        ax.set_title(_wrapped(title) if long else title, fontsize=7 if long else 9)
    part = path.with_suffix(".part.png")
    figure.savefig(part)
    part.replace(path)
    return path


def _wrapped(title: str) -> str:
    """A sentence in lines that fit over one picture."""
    import textwrap

    return "\n".join(textwrap.wrap(title[:WIDEST_TITLE], 16))


def _save_moving(rows: list[tuple[str, Tensor]], path: Path) -> Path:
    """All videos of all methods side by side, a row for each method."""
    from PIL import Image

    videos = torch.stack([videos for _, videos in rows])  # methods, samples, frames, 3, height, width
    methods, samples, frames, channels, height, width = videos.shape
    tiles = videos.permute(2, 0, 4, 1, 5, 3).reshape(frames, methods * height, samples * width, channels)
    pixels = (tiles.clamp(0, 1) * 255).round().to(torch.uint8)
    first, *others = [Image.fromarray(frame.numpy()) for frame in pixels]
    part = path.with_suffix(".part.gif")
    first.save(part, save_all=True, append_images=others, duration=150, loop=0)
    part.replace(path)
    return path
