"""Foresight: every other step, reuse the blocks up to the last one that changes little.

    MSE_l = mean (h_l - h_l')^2 between the newest two computed steps       h_l: block l's output
    limit_l = strength * MSE_l at the last step of the warm-up
    between computed steps:  blocks up to the last l with MSE_l <= limit_l answer h_l, deeper ones run

After ``warmup`` steps one is reused and one computed, in turn (``interval=2``; n reuses n - 1). Blocks before
a steady one are passed over whether or not they are steady themselves, as released. A step at which some
blocks run counts as computed in the report's list, and by its share in MACs. The release cuts layers into
spatial and temporal halves; here every block is one. Whether it computes or reuses first after the warm-up
was not seen: here it reuses first.

Source: arXiv:2506.00329.
"""

from __future__ import annotations

from foretrace.gate.base import Reduce
from foretrace.gate.foresight import Foresight
from foretrace.granularity import PerBlock
from foretrace.method import Method
from foretrace.predictor import Reuse
from foretrace.schedule import Window

CITATION = """
@inproceedings{adnan2025foresight,
  title     = {Foresight: Adaptive Layer Reuse for Accelerated and High-Quality Text-to-Video Generation},
  author    = {Adnan, Muhammad and Kurella, Nithesh and Arunkumar, Akhil and Nair, Prashant J.},
  booktitle = {NeurIPS},
  year      = {2025}
}
"""


def foresight(strength: float = 0.5, interval: int = 2, warmup: int = 5, reduce: Reduce = "mean") -> Method:
    """``strength`` is the paper's gamma."""
    return Method(
        Window(warmup), Reuse(), PerBlock(), gate=Foresight(strength, interval, warmup, reduce=reduce)
    )
