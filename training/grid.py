"""Sheets of small pictures, for looking at what a training made."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

MOST_BYTES = 300_000  # sheets are kept under version control


def save_grid(images: Tensor, columns: int, path: Path) -> None:
    """Writes (count, 3, H, W) in [-1, 1] as one PNG, row by row; a short last row is padded."""
    missing = -len(images) % columns
    images = torch.cat([images, images.new_ones(missing, *images.shape[1:])])
    count, channels, height, width = images.shape
    pixels = ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    rows = pixels.view(count // columns, columns, channels, height, width)
    sheet = rows.permute(0, 3, 1, 4, 2).reshape(-1, columns * width, channels)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(sheet.numpy())
    picture.save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        # Dithered to 256 colours a sheet takes a third of the bytes, for a little grain.
        palette = picture.quantize(256, method=Image.Quantize.MEDIANCUT)
        dithered = picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
        dithered.save(path, optimize=True)
