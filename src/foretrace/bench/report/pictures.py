"""Pictures and GIFs of the rows as data URIs, small enough for one page, and only from beside the results."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from foretrace.bench.report.groups import Group, Series

SIDE = 384
"""Stills are shrunk to this longest side, without loss otherwise: the page takes differences of them."""
BUDGET = 32 * 2**20
"""Bytes of pictures on a page; samples beyond are left out, for all rows alike."""
TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}


@dataclass(frozen=True)
class Picture:
    """An embedded picture of a sample; ``moving`` is a GIF of several frames."""

    sample: int
    uri: str
    width: int
    height: int
    moving: bool


@dataclass(frozen=True)
class Line:
    """The pictures of a row, by sample; ``None`` where one is missing."""

    row: int
    label: str
    series: Series
    pictures: tuple[Picture | None, ...]


@dataclass(frozen=True)
class Gallery:
    """What the page shows, and what had to be left out."""

    lines: tuple[Line, ...]
    samples: int
    notes: tuple[str, ...]

    @property
    def moving(self) -> bool:
        """Whether there is any video."""
        return any(p.moving for line in self.lines for p in line.pictures if p is not None)


def gallery(group: Group, folder: Path, budget: int = BUDGET) -> Gallery:
    """Sample by sample for all rows, until the budget is spent; at least the first one."""
    places = [i for i in group.order if group.rows[i].pictures and group.rows[i].ran]
    there = max((len(group.rows[i].pictures) for i in places), default=0)
    columns: list[list[Picture | None]] = []
    lost: list[str] = []
    spent = 0
    for sample in range(there):
        column = [_load(group.rows[i].pictures, sample, folder, lost) for i in places]
        spent += sum(len(picture.uri) for picture in column if picture is not None)
        if columns and spent > budget:
            break
        columns.append(column)
    notes = [f"{len(columns)} of {there} shown samples are on this page, to keep it small"]
    notes = notes if len(columns) < there else []
    notes += [f"left out: {', '.join(lost[:3])}{' and others' if len(lost) > 3 else ''}"] if lost else []
    by_row = list(zip(*columns, strict=True)) if columns else []
    lines = [
        Line(i, group.rows[i].label, group.series_of(i), pictures)
        for i, pictures in zip(places, by_row, strict=True)
        if any(picture is not None for picture in pictures)
    ]
    return Gallery(tuple(lines), len(columns), tuple(notes))


def _load(names: list[str], sample: int, folder: Path, lost: list[str]) -> Picture | None:
    if sample >= len(names):
        return None
    path = (folder / names[sample]).resolve()
    if not path.is_relative_to(folder.resolve()):  # a results file must not draw other files into the page
        lost.append(f"{names[sample]} (not beside the results file)")
        return None
    try:
        return _embed(path.read_bytes(), sample)
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        reason = "no picture" if isinstance(error, UnidentifiedImageError) else type(error).__name__
        lost.append(f"{names[sample]} ({'missing' if isinstance(error, FileNotFoundError) else reason})")
        return None


def _embed(data: bytes, sample: int) -> Picture:
    with Image.open(io.BytesIO(data), formats=list(TYPES)) as image:
        kind, moving = str(image.format), getattr(image, "n_frames", 1) > 1
        size = image.size
        if not moving and max(size) > SIDE:
            small = image.convert("RGB")
            small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            buffer = io.BytesIO()
            small.save(buffer, "WEBP", lossless=True)
            data, kind, size = buffer.getvalue(), "WEBP", small.size
    uri = f"data:{TYPES[kind]};base64,{base64.b64encode(data).decode()}"
    return Picture(sample, uri, size[0], size[1], moving)
