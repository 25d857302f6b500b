"""The curve of a training run, kept as numbers (JSON) and as a picture (PNG)."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no display on a training machine
import matplotlib.pyplot as plt


class History:
    """Rows of named numbers, one per report; rewritten whole each time, as they are few."""

    def __init__(self, path: Path, rows: list[dict[str, float]] | None = None) -> None:
        self.path = path
        self.rows = rows if rows is not None else []

    def add(self, **values: float) -> None:
        """Appends one row (`step` and what was measured there) and saves JSON and PNG."""
        self.rows.append({name: round(float(value), 6) for name, value in values.items()})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = ",\n".join(json.dumps(row) for row in self.rows)
        self.path.write_text(f"[\n{lines}\n]\n")

    def plot(self, keys: list[str], log: bool = True) -> None:
        """Draws `keys` over the step next to the JSON file."""
        figure, axes = plt.subplots(figsize=(6, 3.5))
        for key in keys:
            points = [(row["step"], row[key]) for row in self.rows if key in row]
            if points:
                axes.plot(*zip(*points, strict=True), label=key, linewidth=1.2)
        if log:
            axes.set_yscale("log")
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        axes.legend()
        figure.tight_layout()
        figure.savefig(self.path.with_suffix(".png"), dpi=90)
        plt.close(figure)
