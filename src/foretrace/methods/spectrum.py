"""Spectrum: Chebyshev polynomials fitted to all computed features, on growing gaps (arXiv:2603.01623).

    F(t) = phi(t) (Phi^T Phi + ridge I)^{-1} Phi^T H,    phi(t) = (T_0(tau)..T_M(tau)),  tau = 2t/50 - 1

After publication the release blends it with a straight line, `share` of Chebyshev and the rest of the line.
The ridge also shrinks constants, by 9 to 15 % on average on the released schedules, which the LayerNorm after
the paper's site (the stack's output) hides. `centered` fits the differences to the newest feature instead, as
any other site needs. The release has 50 steps built in (`span`). It keeps all features; here their M + 1 sums
and the two newest are kept, which gives the same fit (`predictor/chebyshev_sums.py`). Its coefficients are
in bf16, which adds 0.25 % of error by itself and is not followed.
"""

from __future__ import annotations

from foretrace.granularity import PerStack
from foretrace.method import Method
from foretrace.predictor import ChebyshevSums
from foretrace.schedule import Growing

CITATION = """
@inproceedings{han2026spectrum,
  title     = {Adaptive Spectral Feature Forecasting for Diffusion Sampling Acceleration},
  author    = {Han, Jiaqi and Shi, Juntong and Li, Puheng and Ye, Haotian and Guo, Qiushan and
               Ermon, Stefano},
  booktitle = {Conference on Computer Vision and Pattern Recognition},
  note      = {arXiv:2603.01623},
  year      = {2026}
}
"""


def spectrum(
    flex: float = 0.75,
    degree: int = 4,
    ridge: float = 0.1,
    share: float = 0.5,
    centered: bool = False,
    warmup: int = 5,
    window: float = 2.0,
    span: float = 50.0,
) -> Method:
    """`flex` 0.75 computes 14 of 50 steps, 3 computes 10; `share=1` is the paper's pure Chebyshev form."""
    fit = ChebyshevSums(degree, ridge, span, share, centered)
    return Method(Growing(warmup, window, flex), fit, PerStack())
