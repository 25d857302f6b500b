"""TraCache: Lagrange extrapolation of block outputs, its order chosen by the spread of the increments.

    phi_n(t) = sum_{k=0..n} F(t_k) l_k(t)                         (5, 6)
    l_k(t)   = prod_{q != k} (t - t_q) / (t_k - t_q)
    n*       = argmin_{n in 1..o} std(phi_n(t) - phi_{n-1}(t))    (7)

(OpenReview td24jA8Kui.) Only the last block's forecast reaches the output, so one site, the stack's output,
gives the same picture as all blocks at a fraction of the memory. Not public, and read so: an order n is a
degree, with n + 1 points (section 3.3; section 4.3 contradicts; ``order_means="points"`` is the other
reading); phi_0 is the newest computed feature and never a candidate itself; std is taken over all elements of
a sample; time is the step index; with fewer points the orders there are compete.
"""

from __future__ import annotations

from typing import Literal

from foretrace.checks import at_least, one_of
from foretrace.granularity import PerStack
from foretrace.method import Method
from foretrace.predictor import AdaptiveLagrange, Lagrange
from foretrace.schedule import Anchor, FamilyStride, Stride

CITATION = """
@misc{du2025tracache,
  title  = {{TraCache}: Trajectory-Aware Feature Prediction for Training-Free
            Diffusion Transformer Acceleration},
  author = {Du, Chenxi and Deng, Yongheng and Ren, Ju and Zhang, Yaoxue},
  note   = {OpenReview td24jA8Kui, ICLR 2026 submission 4358},
  year   = {2025}
}
"""


def tracache(
    interval: int = 5,
    order: int = 4,
    select: Literal["std", "fixed"] = "std",
    over: Literal["sample", "batch"] = "sample",
    order_means: Literal["degree", "points"] = "degree",
    anchor: Anchor | None = None,
) -> Method:
    """TraCache_{interval,order}; ``select="fixed"`` is the ablation without the order choice.

    The paper runs (3,3), (4,4) and (5,4) on DiT-XL/2 and (2,2), (3,2), (4,2) on PixArt-alpha and Open-Sora.
    """
    one_of("select", select, ("std", "fixed"))
    one_of("order_means", order_means, ("degree", "points"))
    schedule = FamilyStride(interval) if anchor is None else Stride(interval, anchor)
    at_least("order", order, 0)
    degree = order if order_means == "degree" else max(order - 1, 0)
    adaptive = select == "std" and degree > 0
    return Method(schedule, AdaptiveLagrange(degree, over) if adaptive else Lagrange(degree), PerStack())
