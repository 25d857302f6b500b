"""The picture grid of the demo: a row for each method, a column for each seed."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor


def save_grid(rows: list[tuple[str, Tensor]], titles: list[str], path: Path) -> None:
    """Write ``rows`` of (label, pictures (columns, 3, height, width) in [0, 1]) as one PNG."""
    from matplotlib.figure import Figure

    columns = len(titles)
    figure = Figure(figsize=(1.9 + 1.15 * columns, 0.35 + 1.2 * len(rows)), dpi=110, layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for (label, images), line in zip(rows, axes, strict=True):
        for image, ax in zip(images, line, strict=True):
            ax.imshow(image.permute(1, 2, 0).clamp(0, 1).numpy(), interpolation="nearest")
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9, labelpad=6)
    for title, ax in zip(titles, axes[0], strict=True):
        ax.set_title(title, fontsize=9)
    part = path.with_suffix(".part.png")
    figure.savefig(part)
    part.replace(path)
