"""FreqCa: reuse for the low frequencies, Hermite extrapolation for the high ones (arXiv:2510.08669).

    F(t) = low(F(t_1)) + high(sum_i d_i sigma^i H_i(sigma x) / i!)

Low is the lowest tenth of the frequencies over the tokens, as the release has it for Qwen-Image; for FLUX it
takes a two-dimensional cosine transform over the token grid, which the stack's output does not know. The site
is the paper's, the output of the stack of blocks. Its look-ahead, which rewinds the sampler, is not here.
"""

from __future__ import annotations

from foretrace.combinator.bands import Bands
from foretrace.granularity import PerStack
from foretrace.method import Method
from foretrace.predictor import Hermite, Reuse
from foretrace.schedule import Counter

CITATION = """
@misc{freqca2025,
  title  = {{FreqCa}: Accelerating Diffusion Models via Frequency-Aware Caching},
  author = {{The authors of arXiv:2510.08669}},
  note   = {arXiv:2510.08669},
  year   = {2025}
}
"""


def freqca(
    interval: int = 6, order: int = 2, sigma: float = 0.71, share: float = 0.1, warmup: int = 3
) -> Method:
    """The paper runs intervals 6 and 9."""
    return Method(Counter(interval, warmup), Bands(Reuse(), Hermite(order, sigma), share), PerStack())
