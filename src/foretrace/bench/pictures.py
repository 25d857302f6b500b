"""The first samples of a row as files: PNG for pictures, GIF for videos."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import torch
from torch import Tensor


def save_pictures(images: Tensor, folder: Path, label: str, shown: int) -> list[str]:
    """Save the first ``shown`` of (samples, frames, 3, height, width) in [0, 1]; paths from ``folder``."""
    from PIL import Image

    place = folder / "pictures"
    place.mkdir(parents=True, exist_ok=True)
    paths = []
    for i, sample in enumerate(images[:shown]):
        pixels = (255 * sample.clamp(0, 1)).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        frames = [Image.fromarray(frame) for frame in pixels]
        path = place / f"{file_name(label)}-{i}.{'gif' if len(frames) > 1 else 'png'}"
        more = {"save_all": True, "append_images": frames[1:], "duration": 100, "loop": 0}
        frames[0].save(path, **(more if len(frames) > 1 else {}))
        paths.append(path.relative_to(folder).as_posix())
    return paths


def file_name(label: str) -> str:
    """A label as a file's name, different for different labels."""
    word = re.sub(r"[^A-Za-z0-9.+=]+", "-", label).strip("-")
    return f"{word[:60]}-{hashlib.sha256(label.encode()).hexdigest()[:6]}"
