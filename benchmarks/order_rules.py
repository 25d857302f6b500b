"""How to choose the order of a Lagrange forecast: the published rule, fixed orders, rules that need no data.

The noises are not those of the other tables: the default of `SoftLagrange` was chosen on these.
Run: python benchmarks/order_rules.py --seed 5000 --samples 16
"""

from __future__ import annotations

import torch
from shapes_bench import GUIDANCE, SITES, STEPS, Labelled
from shapes_table import main

import foretrace as ft
from foretrace.offline.orders import orders_by_step

RULES: dict[str, ft.Predictor] = {
    **{f"fixed {n}": ft.Lagrange(n) for n in (1, 2, 3)},
    **{f"std up to {n} (published)": ft.AdaptiveLagrange(n) for n in (2, 3, 4)},
    **{f"soft 2, caution {c:g}": ft.SoftLagrange(2, caution=c) for c in (0.25, 0.5, 1.0, 2.0)},
    **{f"std up to 4, gain to the {p:g}": ft.AdaptiveLagrange(4, penalty=p) for p in (0.5, 1.0, 2.0)},
    "std up to 4, one order for both branches": ft.AdaptiveLagrange(4, "batch"),
    "soft 3, caution 0.5": ft.SoftLagrange(3, caution=0.5),
    "half of the second increment": ft.Blend(ft.Lagrange(1), ft.Lagrange(2), 0.5),
    **{f"fixed 2, gain up to {g:g}": ft.ClampGain(ft.Lagrange(2), g) for g in (3.0, 4.0, 5.0)},
}


RECORDED = range(9000, 9004)
"""Noises of the recording from which orders are fixed; no row is sampled from them."""


def recorded(granularity: ft.PerStack | ft.PerModel) -> torch.Tensor:
    """The inner products of the features of an uncached run."""
    generators = [torch.Generator().manual_seed(seed) for seed in RECORDED]
    call = {"class_labels": [0, 2, 5, 8], "guidance_scale": GUIDANCE, "num_inference_steps": STEPS}
    pipe = ft.reference("shapes-dit")
    pipe.set_progress_bar_config(disable=True)
    return ft.record(pipe, [{**call, "generator": generators}], sites=granularity).gram()


def methods() -> list[Labelled]:
    """(label, site, method) on strides anchored at the last step."""
    rows = []
    for site, granularity in SITES.items():
        gram = recorded(granularity)
        for interval in (3, 4, 5, 6, 8):
            schedule = ft.Stride(interval, "last")
            for most in (2, 3):
                bases = [ft.Lagrange(n) for n in range(1, most + 1)]
                fixed = orders_by_step(gram, schedule.table(STEPS), bases)
                label = f"fixed per step up to {most}, recorded, {interval}"
                rows.append((label, site, ft.Method(schedule, fixed, granularity)))
        for interval in (3, 4, 5, 6, 8):
            for name, predictor in RULES.items():
                method = ft.Method(ft.Stride(interval, "last"), predictor, granularity, name=name)
                rows.append((f"{name}, {interval}", site, method))
    return rows


if __name__ == "__main__":
    main(__doc__, methods(), "order_rules.jsonl")
