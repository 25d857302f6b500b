"""SpeCa: forecast speculatively, verify at the last block, compute the next step after a rejection.

    draft     TaylorSeer at every block
    verify    e = mean |F_draft - F| / (|F| + eps) at the last block, run on the drafts of those before it
    accept    iff e <= tau = max(floor, threshold * decay^(index / total))

The paper accepts or rejects in the same step, the released code acts one step later: ``lag`` is 0 or 1, the
released 1 being the default. With ``lag=0`` a rejected step is computed from the same latent, which costs
the cheap pass.
As released, a step after a computed one is always skipped, so the first three steps are never all computed,
and the exact output of the verified block is thrown away (`featfix` keeps it). Drafts are of the blocks'
outputs, where the code has those of attention and feed-forward too; ``e`` divides entry by entry, as the
code does.

Source: arXiv:2509.11628.
"""

from __future__ import annotations

from typing import Literal

from foretrace.checks import at_least
from foretrace.errors import InvalidSetting
from foretrace.gate.speculative import Speculative
from foretrace.gate.verifier import Metric, Verifier
from foretrace.granularity import PerBlock
from foretrace.method import Method
from foretrace.predictor import Taylor
from foretrace.schedule import Window

CITATION = """
@inproceedings{liu2025speca,
  title     = {{SpeCa}: Accelerating Diffusion Transformers with Speculative Feature Caching},
  author    = {Liu, Jiacheng and Zou, Chang and Lyu, Yuanhuiyi and Ren, Fei and Wang, Shaobo
               and Li, Kaixin and Zhang, Linfeng},
  booktitle = {ACM Multimedia},
  year      = {2025}
}
"""


def speca(
    threshold: float = 0.1,
    decay: float = 0.01,
    floor: float = 0.01,
    order: int = 4,
    first: int = 3,
    least: int = 2,
    most: int = 5,
    metric: Metric = "elementwise_l1",
    lag: Literal[0, 1] = 1,
) -> Method:
    """Defaults are those released for DiT; FLUX has 7, 0.3, 0.1 with order 2 and most=8."""
    at_least("lag", lag, 0)
    if lag > 1:
        raise InvalidSetting(f"lag got {lag}; expected 0 (this step) or 1 (the next). Pass one of these.")
    verifier = Verifier(threshold, decay, floor, metric=metric, rejected="next" if lag else "redo")
    return Method(
        Window(), Taylor(order), PerBlock(), gate=Speculative(first, least, most), verifier=verifier
    )
