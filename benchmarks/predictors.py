"""Every forecasting method on shapes-dit at intervals 3, 5 and 8, per stack and per model.

All on one schedule, the stride anchored at the last step, so that only the forecast differs; `spectrum` keeps
its own growing gaps, and the recipes on their own schedules are in the rows that end in "own".
Run: python benchmarks/predictors.py
"""

from __future__ import annotations

from dataclasses import replace

from shapes_bench import MODULES, SITES, Labelled
from shapes_table import main

import foretrace as ft

PREDICTORS: dict[str, ft.Predictor] = {
    "reuse": ft.Reuse(),
    **{f"lagrange {n}": ft.Lagrange(n) for n in (1, 2, 3)},
    "tracache 4": ft.AdaptiveLagrange(4),
    "soft 2": ft.SoftLagrange(2),
    "dmd 3": ft.DynamicModes(3),
    "taylor 2": ft.Taylor(2),
    "hermite 2": ft.Hermite(2),
    "foca literal": ft.FoCa(1.0),
    "foca damped": ft.FoCa(0.5),
    "adams-bashforth 2": ft.AdamsBashforth(2),
    "chebyshev": ft.Chebyshev(),
    "chebyshev centred": ft.Centered(ft.Chebyshev()),
    "lagrange 1 damped": ft.Damped(ft.Lagrange(1), 0.75),
    "lagrange 2 clamped": ft.ClampGain(ft.Lagrange(2), 3.0),
    "lagrange 2 warped": ft.Warped(ft.Lagrange(2)),
}
OWN = ("taylorseer", "taylorseer_newton", "hicache", "foca", "abcache", "resilphase", "freqca", "predit")


def site_of(method: ft.Method) -> str:
    """The site's name in the table."""
    return {v: k for k, v in {**SITES, "modules": MODULES}.items()}.get(method.granularity, "residual")


def methods() -> list[Labelled]:
    """(label, site, method) for the shared schedule, then the recipes on their own ones."""
    rows = []
    for site, granularity in SITES.items():
        for interval in (3, 5, 8):
            for name, predictor in PREDICTORS.items():
                method = ft.Method(ft.Stride(interval, "last"), predictor, granularity, name=name)
                rows.append((f"{name}, {interval}", site, method))
    for name in OWN:
        for interval in (3, 5, 8):
            method = ft.load_method(name, interval=interval)
            rows.append((f"{name}, {interval}, own", site_of(method), method))
    for flex in (0.75, 3.0):
        spectrum = ft.load_method("spectrum", flex=flex)
        rows.append((f"spectrum {flex:g}, own", "stack", spectrum))
        rows.append((f"spectrum {flex:g}, own", "model", replace(spectrum, granularity=ft.PerModel())))
    return rows


if __name__ == "__main__":
    main(__doc__, methods(), "predictors.jsonl")
