"""Error-controlled sampling: a tolerance decides when to compute, from an embedded error estimate. Ours.

    spent_i = sum_j s A_j r_j |phi_{n+1}(t_j) - phi_n(t_j)| / |x| < tolerance

over the steps j skipped in a row (`gate/error_estimate.py` has the whole of it), at the denoiser's output.
As ODE solvers with an embedded pair do, the error of order n is estimated and the sample goes on with the
better of the pair: order n + 1, softened where its increment does not shrink (`SoftLagrange`).

Not a published method.
"""

from __future__ import annotations

from foretrace.gate import ErrorEstimate
from foretrace.gate.base import Reduce
from foretrace.granularity import PerModel
from foretrace.method import Method
from foretrace.predictor import SoftLagrange
from foretrace.schedule import Window

CITATION = """
@software{foretrace,
  title = {foretrace: faster sampling of diffusion transformers by forecasting their features},
  author = {{The foretrace team}},
  year  = {2026}
}
"""


def error_estimate(tolerance: float = 0.005, order: int = 1, reduce: Reduce = "mean") -> Method:
    """``tolerance`` of the local error per run of skipped steps, relative to the latent; ``order`` is that
    whose error is estimated.
    """
    gate = ErrorEstimate(tolerance, order, reduce=reduce)
    return Method(Window(), SoftLagrange(order + 1), PerModel(), gate=gate)
