"""Draw `results/shapes_dit.jsonl`: distance to the uncached pictures over the steps that were computed.

Run: python benchmarks/plot_shapes.py
"""

from __future__ import annotations

import json
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from record import RESULTS, ROOT

SITES = {
    "modules": "sites: attention and feed-forward",
    "stack": "site: the stack",
    "model": "site: the output",
}
LINES = {  # label in the file, by interval: name, colour
    "fora {}": ("FORA (reuse)", "tab:gray"),
    "tracache {},4 std": ("TraCache, order 4 by std", "tab:blue"),
    "tracache {}": ("TraCache, order 4 by std", "tab:blue"),
    "tracache_soft {}": ("TraCache, soft order 2", "tab:green"),
    "tracache {},2 fixed": ("fixed order 2", "tab:orange"),
    "tracache {},4 fixed": ("fixed order 4", "tab:red"),
}
INTERVALS = (3, 4, 5, 6)


def draw(axes: Any, rows: list[dict[str, Any]], site: str) -> None:
    """One panel: every method at ``site``, and the sampler with fewer steps."""
    found = {row["label"]: row for row in rows if row["site"] == site}
    for pattern, (name, colour) in LINES.items():
        points = [found[pattern.format(k)] for k in INTERVALS if pattern.format(k) in found]
        if points:
            xs, ys = ([row[key] for row in points] for key in ("computed", "relative_l2"))
            axes.plot(xs, ys, marker="o", color=colour, label=name)
    fewer = [row for row in rows if row["label"].startswith("DDIM")]
    xs, ys = ([row[key] for row in fewer] for key in ("computed", "relative_l2"))
    axes.plot(xs, ys, marker="x", linestyle=":", color="black", label="DDIM with that many steps")
    axes.set(title=SITES[site], xlabel="computed steps of 50", yscale="log")
    axes.set_xticks([row["computed"] for row in fewer])
    axes.grid(alpha=0.3, which="both")


def main() -> None:
    """Write the figure beside the documentation."""
    rows = [json.loads(line) for line in (RESULTS / "shapes_dit.jsonl").read_text().splitlines()]
    figure, panels = plt.subplots(1, 3, figsize=(11, 3.8), sharey=True, layout="constrained")
    for axes, site in zip(panels, SITES, strict=True):
        draw(axes, rows, site)
    panels[0].set_ylabel("relative L2 to the uncached pictures")
    handles, labels = panels[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(ROOT / "docs" / "images" / "shapes_dit.png", dpi=110)


if __name__ == "__main__":
    main()
