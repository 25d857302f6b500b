"""HiCache: Hermite polynomials in place of TaylorSeer's powers (arXiv:2508.16984).

    F(t_1 + x) = sum_{i=0..order} d_i sigma^i H_i(sigma x) / i!

with TaylorSeer's difference quotients d_i and the physicists' polynomials H_i. At sigma = 0.5 the slope is
halved, a damped forecast. From order 2 on H_2(0) != 0, so the forecast misses its own newest point.

Known here from the paper's text and secondary sources. Not public, and read so: sites and schedule are those
of TaylorSeer, whose factors it takes over; x counts steps, so that sigma is one per step; on models other
than FLUX sigma is that of FLUX.1-dev.
"""

from __future__ import annotations

from foretrace.granularity import PerModule
from foretrace.method import Method
from foretrace.predictor import Hermite
from foretrace.schedule import Counter

CITATION = """
@misc{feng2025hicache,
  title  = {{HiCache}: Training-free Acceleration of Diffusion Models via Hermite Polynomial-based
            Feature Caching},
  author = {Feng, Liang and others},
  note   = {arXiv:2508.16984, ICLR 2026},
  year   = {2025}
}
"""


def hicache(interval: int = 5, order: int = 2, sigma: float = 0.5, warmup: int = 3) -> Method:
    """The paper takes sigma = 0.5 on FLUX.1-dev and 0.3 on FLUX.1-schnell."""
    return Method(Counter(interval, warmup), Hermite(order, sigma), PerModule("attn", "ff"))
