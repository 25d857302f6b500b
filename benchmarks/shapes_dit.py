"""FORA, TraCache and fixed orders on shapes-dit at equal computed steps, with fewer sampler steps beside.

Every row starts from the same noises as the uncached run. Run: python benchmarks/shapes_dit.py
"""

from __future__ import annotations

from shapes_bench import MODULES, SITES, Labelled
from shapes_table import main

import foretrace as ft


def methods() -> list[Labelled]:
    """(label, site, method): FORA, TraCache by the std rule, and the fixed orders of its ablation."""
    rows = []
    for k in (3, 4, 5, 6):
        for name in ("fora", "tracache"):
            method = ft.load_method(name, interval=k, granularity=MODULES)
            rows.append((f"{name} {k}", "modules", method))
    for site, granularity in SITES.items():
        for k in (3, 4, 5, 6):
            for name in ("fora", "tracache_soft"):
                method = ft.load_method(name, interval=k, granularity=granularity)
                rows.append((f"{name} {k}", site, method))
            for select, orders in (("std", (2, 3, 4, 5)), ("fixed", (1, 2, 3, 4, 5))):
                for order in orders:
                    method = ft.load_method(
                        "tracache", interval=k, order=order, select=select, granularity=granularity
                    )
                    rows.append((f"tracache {k},{order} {select}", site, method))
    return rows


if __name__ == "__main__":
    main(__doc__, methods(), "shapes_dit.jsonl")
