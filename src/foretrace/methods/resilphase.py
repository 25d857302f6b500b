"""ResilPhase: Lagrange extrapolation of the network's residual, on a warped time (arXiv:2606.26769).

    R(t) = sum_k R(t_k) l_k(s(t)),    s(t) = tanh(0.55 (t - mean) / reach)
    R    = output - input of the stack

The time axis flattens beyond the points, which bounds how far a high order runs away. The mean and the reach
are those of the kept points; this is the "balanced" mapping of the release. Its barycentric form is the same
polynomial as the Newton form used here. Its other mapping, onto Chebyshev nodes with a clamp, is not here: a
clamped target is reused.
"""

from __future__ import annotations

from foretrace.combinator.warped import Warped
from foretrace.granularity import PerStack
from foretrace.method import Method
from foretrace.predictor import Lagrange
from foretrace.schedule import Counter

CITATION = """
@inproceedings{resilphase2026,
  title     = {{ResilPhase}: Plug-and-Play Phase Mapping and Noise-Resilient Macro-Trajectory
               Extrapolation for Diffusion Acceleration},
  author    = {{The authors of arXiv:2606.26769}},
  booktitle = {European Conference on Computer Vision},
  note      = {arXiv:2606.26769},
  year      = {2026}
}
"""


def resilphase(interval: int = 6, order: int = 1, warmup: int = 3, strength: float = 0.55) -> Method:
    """The release runs (interval, order, warmup) = (4, 4, 2) on DiT and (6, 1, 3) on FLUX."""
    return Method(Counter(interval, warmup), Warped(Lagrange(order), strength), PerStack(store="residual"))
