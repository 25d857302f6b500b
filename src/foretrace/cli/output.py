"""Writing results: checked before the work begins, never half-written."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from foretrace.errors import LoadError


def prepare_folder(folder: Path) -> None:
    """Make ``folder`` and prove that files can be written there; raise `LoadError` if not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise LoadError(
            f"cannot write to {folder} ({error.strerror}); expected a folder that can be made and written. "
            "Pass another --out."
        ) from error


def save_images(output: Any, folder: Path, stem: str) -> list[Path]:
    """Save a pipeline's pictures as PNG, or its videos as GIF; returns the paths."""
    pictures = getattr(output, "images", None)
    videos = getattr(output, "frames", None)
    paths = []
    for i, item in enumerate(pictures if pictures is not None else videos if videos is not None else []):
        frames = list(item) if isinstance(item, (list, tuple)) else [item]
        first = frames[0]
        if not hasattr(first, "save"):
            raise LoadError(
                f"the pipeline returned {type(first).__name__}, not pictures; expected PIL images. "
                "Leave output_type out of --pass."
            )
        suffix = "png" if len(frames) == 1 else "gif"
        path = folder / f"{stem}-{i}.{suffix}"
        part = path.with_suffix(f".part.{suffix}")
        animation = {"save_all": True, "append_images": frames[1:], "duration": 100, "loop": 0}
        first.save(part, **(animation if len(frames) > 1 else {}))
        part.replace(path)
        paths.append(path)
    return paths
