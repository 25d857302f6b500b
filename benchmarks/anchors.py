"""Where a stride begins: counted back from the last step, as the papers do on DiT, or on from the first.

On the noises of `shapes_dit.py`. Run: python benchmarks/anchors.py --samples 36
"""

from __future__ import annotations

from shapes_bench import Labelled
from shapes_table import main

import foretrace as ft

PREDICTORS: dict[str, ft.Predictor] = {
    "reuse": ft.Reuse(),
    "Lagrange 1": ft.Lagrange(1),
    "Lagrange 2": ft.Lagrange(2),
    "TraCache, order up to 4": ft.AdaptiveLagrange(4),
    "FoCa, damping 0.5": ft.FoCa(0.5),
}


def methods() -> list[Labelled]:
    """At the denoiser's output. Of 50 steps the intervals compute 18 or 17, 11 or 10, and 8."""
    return [
        (f"{name}, {interval}, from the {anchor}", "model", ft.Method(ft.Stride(interval, anchor), predictor))
        for interval in (3, 5, 7)
        for anchor in ("last", "first")
        for name, predictor in PREDICTORS.items()
    ]


if __name__ == "__main__":
    main(__doc__, methods(), "anchors.jsonl")
