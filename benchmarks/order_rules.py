"""How to choose the order of a Lagrange forecast: the published rule, fixed orders, rules that need no data.

The noises are not those of the other tables: the default of `SoftLagrange` was chosen on these.
Run: python benchmarks/order_rules.py --seed 5000 --samples 16
"""

from __future__ import annotations

from shapes_bench import SITES, Labelled
from shapes_table import main

import foretrace as ft

RULES: dict[str, ft.Predictor] = {
    **{f"fixed {n}": ft.Lagrange(n) for n in (1, 2, 3)},
    **{f"std up to {n} (published)": ft.AdaptiveLagrange(n) for n in (2, 3, 4)},
    **{f"soft 2, caution {c:g}": ft.SoftLagrange(2, caution=c) for c in (0.25, 0.5, 1.0, 2.0)},
    "soft 3, caution 0.5": ft.SoftLagrange(3, caution=0.5),
    "half of the second increment": ft.Blend(ft.Lagrange(1), ft.Lagrange(2), 0.5),
    **{f"fixed 2, gain up to {g:g}": ft.ClampGain(ft.Lagrange(2), g) for g in (3.0, 4.0, 5.0)},
}


def methods() -> list[Labelled]:
    """(label, site, method) on strides anchored at the last step."""
    rows = []
    for site, granularity in SITES.items():
        for interval in (3, 4, 5, 6, 8):
            for name, predictor in RULES.items():
                method = ft.Method(ft.Stride(interval, "last"), predictor, granularity, name=name)
                rows.append((f"{name}, {interval}", site, method))
    return rows


if __name__ == "__main__":
    main(__doc__, methods(), "order_rules.jsonl")
