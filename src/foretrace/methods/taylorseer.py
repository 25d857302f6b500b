"""TaylorSeer: a Taylor polynomial in recursive difference quotients, as released (arXiv:2503.06923).

    F(t_1 + x) = sum_{i=0..order} d_i x^i / i!
    d_0 = F(t_1),   d_{i+1} = (d_i(t_1) - d_i(t_2)) / (t_1 - t_2)

The quotients lack Newton's factors, so the forecast is exact on straight lines only, whatever the order
(`predictor/taylor.py`); `taylorseer_newton` has the factors. The sites are the attention and feed-forward
outputs of every block; the release's "lite" variant keeps one tensor near the end: granularity=PerStack().
Its guard that delays the first quotient until after the warm-up is not followed: with `warmup` computed
steps there are quotients, and they are used.
"""

from __future__ import annotations

from foretrace.granularity import PerModule
from foretrace.method import Method
from foretrace.predictor import Taylor
from foretrace.schedule import Counter

CITATION = """
@inproceedings{liu2025taylorseer,
  title     = {From Reusing to Forecasting: Accelerating Diffusion Models with {TaylorSeers}},
  author    = {Liu, Jiacheng and Zou, Chang and Lyu, Yuanhuiyi and Chen, Junjie and Zhang, Linfeng},
  booktitle = {International Conference on Computer Vision},
  note      = {arXiv:2503.06923},
  year      = {2025}
}
"""


def taylorseer(interval: int = 5, order: int = 2, warmup: int = 3) -> Method:
    """The release runs (interval, order, warmup) = (4, 4, 2) on DiT, (6, 1, 3) on FLUX."""
    return Method(Counter(interval, warmup), Taylor(order), PerModule("attn", "ff"))
