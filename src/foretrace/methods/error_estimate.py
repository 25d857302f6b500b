"""Error-controlled sampling: a tolerance decides when to compute, from an embedded error estimate. Ours.

    spent_i = sum_j s A_j r_j |phi_{n+1}(t_j) - phi_n(t_j)| / |x| < tolerance

over the steps j skipped in a row (`gate/error_estimate.py` has the whole of it). The forecast is Lagrange of
``order`` n at the denoiser's output.

Not a published method.
"""

from __future__ import annotations

from foretrace.gate import ErrorEstimate
from foretrace.gate.base import Reduce
from foretrace.granularity import PerModel
from foretrace.method import Method
from foretrace.predictor import Lagrange
from foretrace.schedule import Window

CITATION = """
@software{foretrace,
  title = {foretrace: faster sampling of diffusion transformers by forecasting their features},
  author = {{The foretrace team}},
  year  = {2026}
}
"""


def error_estimate(tolerance: float = 0.005, order: int = 1, reduce: Reduce = "mean") -> Method:
    """``tolerance`` of the local error per run of skipped steps, relative to the latent."""
    gate = ErrorEstimate(tolerance, order, reduce=reduce)
    return Method(Window(), Lagrange(order), PerModel(), gate=gate)
