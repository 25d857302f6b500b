"""PrediT: the model's output forecast by a linear multistep method (arXiv:2602.18093).

    F(t) = F_1 + k ((1 + k/2h) g_1 - (k/2h) g_2)                            Adams-Bashforth, 2 slopes
    g_j  = (F_j - F_{j+1}) / (t_j - t_{j+1}),   k = t - t_1,   h = t_1 - t_2
    J    = floor(tolerance / (delta + eps)^{1/(p+1)})                       how many steps are forecast

There is no code, and the text was not to be had in full. Known: the site (the model's output), Adams-
Bashforth on past outputs, an Adams-Moulton corrector where features change fast, J by a secondary source. Not
public: the corrector's formula and trigger, the order and the thresholds of each model. The default is what
is known, without the corrector; two readings of it are offered. ``corrector="forecast"`` corrects the
forecast, with the slope at the target that the forecast itself has (`AdamsMoulton`, the form that HyCa uses).
``"history"`` corrects computed points that changed by more than `change` per step, since one source says that
the corrector needs a true evaluation (`Corrected`); the computed step still returns what was computed.

With ``tolerance`` J decides when to compute, as published (`gate/step_modulation.py`); its values are not
public. Without it steps are computed at a fixed ``interval``. The same table for every run is also to be had:
that of J along a recorded run (`offline/modulation.py`), passed on as ``computed``.
"""

from __future__ import annotations

from typing import Literal

from foretrace.checks import one_of
from foretrace.combinator.corrected import Corrected
from foretrace.errors import InvalidSetting
from foretrace.gate import Budget, StepModulation
from foretrace.granularity import PerModel
from foretrace.method import Method
from foretrace.predictor import AdamsBashforth, AdamsMoulton, Predictor
from foretrace.schedule import Counter, Mask, Window

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
    tolerance: float | None = None,
    longest: int = 8,
) -> Method:
    """``order`` counts slopes; ``tolerance`` or ``computed`` takes the place of ``interval``. J is at most
    ``longest``.
    """
    one_of("corrector", corrector, ("none", "forecast", "history"))
    forecast: Predictor = AdamsMoulton(order) if corrector == "forecast" else AdamsBashforth(order)
    if corrector == "history":
        forecast = Corrected(forecast, change)
    if tolerance is None:
        return Method(Mask(computed) if computed else Counter(interval, warmup), forecast, PerModel())
    if computed:
        raise InvalidSetting(
            f"predit got computed={computed} and tolerance={tolerance}; expected one of them. Leave one out."
        )
    gate = StepModulation(tolerance, order)
    return Method(Window(warmup), forecast, PerModel(), gate=gate, budget=Budget(longest=longest))
