"""Every predictor of the package under the name that the tables use."""

from __future__ import annotations

import foretrace as ft

PREDICTORS: dict[str, ft.Predictor] = {
    "reuse": ft.Reuse(),
    **{f"lagrange {n}": ft.Lagrange(n) for n in (1, 2, 3)},
    "lagrange 2 warped": ft.Warped(ft.Lagrange(2)),
    "lagrange 1 damped": ft.Damped(ft.Lagrange(1), 0.75),
    "lagrange 2 clamped": ft.ClampGain(ft.Lagrange(2), 3.0),
    "taylor 2": ft.Taylor(2),
    "taylor 4": ft.Taylor(4),
    "hermite 2": ft.Hermite(2),
    "adams-bashforth 2": ft.AdamsBashforth(2),
    "adams-moulton 2": ft.AdamsMoulton(2),
    "flat backward": ft.FlatBackward(),
    "mean slope": ft.MeanSlope(),
    "chebyshev": ft.ChebyshevSums(),
    "chebyshev centred": ft.ChebyshevSums(centered=True),
    "chebyshev and line": ft.ChebyshevSums(share=0.5),
    "chebyshev, newest 6": ft.Chebyshev(),
    "foca literal": ft.FoCa(1.0),
    "foca damped": ft.FoCa(0.5),
    "foca bdf2": ft.FoCaBDF2(),
    "tracache 4": ft.AdaptiveLagrange(4),
    "soft 2": ft.SoftLagrange(2),
    "dmd 3": ft.DynamicModes(3),
    "corrected": ft.Corrected(ft.AdamsBashforth(2)),
    "bands": ft.Bands(ft.Reuse(), ft.Hermite(2, 0.71)),
    "trust": ft.Trust(ft.Lagrange(2), ft.Lagrange(1)),
}
LINEAR: dict[str, ft.LinearPredictor] = {
    name: predictor for name, predictor in PREDICTORS.items() if isinstance(predictor, ft.LinearPredictor)
}
"""Those whose skipped step is one weighted sum."""
