"""PrediT: the model's output forecast by a linear multistep method (arXiv:2602.18093).

    F(t) = F_1 + k ((1 + k/2h) g_1 - (k/2h) g_2)                            Adams-Bashforth, 2 slopes
    g_j  = (F_j - F_{j+1}) / (t_j - t_{j+1}),   k = t - t_1,   h = t_1 - t_2
    J    = floor(tolerance / (delta + eps)^{1/(p+1)})                       how many steps to forecast

There is no code, and the text was not to be had in full. Known: the site (the model's output), Adams-
Bashforth on past outputs, an Adams-Moulton corrector where features change fast, J by a secondary source. Not
public: the corrector's formula and trigger, the order and the thresholds of each model. The default is what
is known, without the corrector; two readings of it are offered. ``corrector="forecast"`` corrects the
forecast, with the slope at the target that the forecast itself has (`AdamsMoulton`, the form that HyCa uses).
``"history"`` corrects computed points that changed by more than `change` per step, since one source says that
the corrector needs a true evaluation (`Corrected`); the computed step still returns what was computed.

J decides when to compute from the live feature, which no schedule can: it waits for gates. What fits today is
its table along a recorded run: `modulated(features, tolerance)` of `offline/modulation.py`, passed on as
`computed`.
"""

from __future__ import annotations

from typing import Literal

from foretrace.checks import one_of
from foretrace.combinator.corrected import Corrected
from foretrace.granularity import PerModel
from foretrace.method import Method
from foretrace.predictor import AdamsBashforth, AdamsMoulton
from foretrace.schedule import Counter, Mask

CITATION = """
@misc{predit2026,
  title  = {Predict to Skip: Linear Multistep Feature Forecasting for Efficient Diffusion
            Transformers},
  author = {{The authors of arXiv:2602.18093}},
  note   = {arXiv:2602.18093},
  year   = {2026}
}
"""


def predit(
    interval: int = 3,
    order: int = 2,
    warmup: int = 3,
    corrector: Literal["none", "forecast", "history"] = "none",
    change: float = 0.1,
    computed: tuple[int, ...] = (),
) -> Method:
    """`order` counts slopes; `computed`, where given, names the computed steps in place of `interval`."""
    one_of("corrector", corrector, ("none", "forecast", "history"))
    forecast = AdamsMoulton(order) if corrector == "forecast" else AdamsBashforth(order)
    schedule = Mask(computed) if computed else Counter(interval, warmup)
    return Method(schedule, Corrected(forecast, change) if corrector == "history" else forecast, PerModel())
