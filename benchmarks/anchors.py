"""Where strides begin: counted back from the last step, as the papers do on DiT, on from the first, or
spread.

Spread evenly from the first step, with no need for a step near the end, as `foretrace.tune` starts from.

On the noises of `shapes_dit.py`. Run: python benchmarks/anchors.py --samples 36
"""

from __future__ import annotations

from shapes_bench import STEPS, Labelled
from shapes_table import main

import foretrace as ft
from foretrace.offline.proposal import uniform

PREDICTORS: dict[str, ft.Predictor] = {
    "reuse": ft.Reuse(),
    "Lagrange 1": ft.Lagrange(1),
    "Lagrange 2": ft.Lagrange(2),
    "TraCache, order up to 4": ft.AdaptiveLagrange(4),
    "FoCa, damping 0.5": ft.FoCa(0.5),
}


def schedules() -> dict[str, ft.Schedule]:
    """Of 50 steps the intervals compute 18 or 17, 11 or 10, and 8."""
    strides = {
        f"interval {interval} from the {anchor}": ft.Stride(interval, anchor)
        for interval in (3, 5, 7)
        for anchor in ("last", "first")
    }
    return strides | {f"{count} spread evenly": ft.Mask(uniform(STEPS, count)) for count in (18, 11, 8)}


def methods() -> list[Labelled]:
    """All at the denoiser's output."""
    return [
        (f"{name}, {where}", "model", ft.Method(schedule, predictor))
        for where, schedule in schedules().items()
        for name, predictor in PREDICTORS.items()
    ]


if __name__ == "__main__":
    main(__doc__, methods(), "anchors.jsonl")
