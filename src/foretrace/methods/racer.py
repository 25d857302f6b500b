"""RACER: shrink a forecast by how far two forecasts disagree; compute at the riskiest steps, repay later.

    rho     = RMS(p - p_lin) / RMS(p)                              two forecasts from the same points
    kappa   = exp(-0.3 max(horizon - 1, 0)) * sigmoid(4 (theta - rho))
    F       = a + kappa (p - a),  a the newest computed feature    (the combinator `Trust`)
    refresh where rho > ``risk``, and drop a later computed step of the stride for it: their number stays.

The spectral forecast, theta per model and the refresh rule are not public; the abstract and a
re-implementer's notes are. Here both forecasts are polynomials, and ``risk`` is the threshold of the
refresh.

Source: arXiv:2608.01740.
"""

from __future__ import annotations

from foretrace.combinator.trust import Trust
from foretrace.gate.refresh_repay import RefreshRepay
from foretrace.granularity import PerModel
from foretrace.method import Method
from foretrace.predictor import Lagrange
from foretrace.schedule import Window

CITATION = """
@misc{racer2026,
  title         = {{RACER}},
  note          = {cited by its short name},
  year          = {2026},
  eprint        = {2608.01740},
  archivePrefix = {arXiv}
}
"""


def racer(
    interval: int = 5, theta: float = 0.25, risk: float = 0.1, order: int = 2, decay: float = 0.3
) -> Method:
    """``theta``: of the trust (a re-implementer tried .15 to .4); ``risk``: above which a step is
    refreshed.
    """
    predictor = Trust(Lagrange(order), Lagrange(1), tolerance=theta, decay=decay)
    return Method(Window(), predictor, PerModel(), gate=RefreshRepay(interval, risk, order))
