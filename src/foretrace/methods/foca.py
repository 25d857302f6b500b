"""FoCa: the feature as the state of an ODE, BDF2 as predictor, Heun's rule as corrector (arXiv:2508.16211).

    (7)  P_{k+1} = 4/3 F_k - 1/3 F_{k-1} + 2/3 h s_k
    (6)  s_{k+1} = (3 P_{k+1} - 4 F_k + F_{k-1}) / (2h)
    (8)  F_{k+1} = F_k + h/2 (D + s_{k+1})

Put together, s_{k+1} = s_k and P cancels, which leaves a closed form (`predictor/foca.py`). Not public, and
read so: the history rolls over forecasts; D is the slope between the two newest computed steps, the only
stable reading; s_k is the last difference, or with ``slope="bdf2"`` eq. 6 itself, which amplifies what was
forecast wrongly (`predictor/foca_bdf2.py`); distances count steps. Literally (`refresh_damping=1`) an error
at the end of one interval returns in the next with factor -(1 - 2^-(interval-1)), -0.94 at interval 5; the
default 0.5 halves that. The site of the paper is not public; here it is the stack. The other reading of the
history, ``history="anchors"``, has both slopes from computed steps: F + k (D + D') / 2 (`MeanSlope`).
"""

from __future__ import annotations

from typing import Literal

from foretrace.checks import one_of
from foretrace.errors import InvalidSetting
from foretrace.granularity import PerStack
from foretrace.method import Method
from foretrace.predictor import FoCa, FoCaBDF2, MeanSlope
from foretrace.schedule import Counter

CITATION = """
@article{zheng2025foca,
  title   = {Forecast then Calibrate: Feature Caching as {ODE} for Efficient Diffusion Transformers},
  author  = {Zheng, Shikang and Feng, Liang and Wang, Xinyu and Zhou, Qinming and Cai, Peiliang and
             Zou, Chang and Liu, Jiacheng and Lin, Yuqi and Chen, Junjie and Ma, Yue and Zhang, Linfeng},
  journal = {arXiv preprint arXiv:2508.16211},
  year    = {2025}
}
"""


def foca(
    interval: int = 5,
    warmup: int = 3,
    refresh_damping: float = 0.5,
    history: Literal["rolling", "anchors"] = "rolling",
    slope: Literal["difference", "bdf2"] = "difference",
) -> Method:
    """From the published FLOPs: warm-up 3 on FLUX, 2 on DiT, 1 on HunyuanVideo; intervals 5 to 8."""
    one_of("history", history, ("rolling", "anchors"))
    one_of("slope", slope, ("difference", "bdf2"))
    if slope == "bdf2":
        if history == "anchors" or refresh_damping != 0.5:
            raise InvalidSetting(
                "slope='bdf2' got another history or damping; expected neither, since it is the literal "
                "recursion. Leave them out."
            )
        return Method(Counter(interval, warmup), FoCaBDF2(), PerStack())
    predictor = FoCa(refresh_damping) if history == "rolling" else MeanSlope()
    return Method(Counter(interval, warmup), predictor, PerStack())
