"""MagCache: reuse the residual of the whole stack while its magnitude is known to stay what it was.

    gamma_i = mean over tokens of |r_i| / |r_{i-1}|                r: what the stack adds, measured once
    compute iff sum_j |1 - prod_{k <= j} gamma_k| >= threshold     over the steps since the last computed one
    skipped:  h_out = h_in + (h_out - h_in) of the last computed step

and never more than K steps in a row, none in the first ``retention`` of the run. The ratios hold for a
model, its sampler and its number of steps: measure them with ``ft.fit``, or name a published table
(``model``), which is resampled to ``total`` steps by the nearest entry as in the release.

Wan's cond and uncond calls have a table and a decision each. The release compares with < on Wan and with <=
on FLUX, and there computes one step (the twelfth of 28) always; here it is <, and no step is special. The
paper smooths Wan's ratios by a square root; the release does not.

Source: arXiv:2506.09045.
"""

from __future__ import annotations

from foretrace.checks import one_of
from foretrace.errors import InvalidSetting
from foretrace.gate import Budget, MagCache
from foretrace.gate.mag_cache import resampled
from foretrace.gate.mag_ratios import RATIOS
from foretrace.granularity import PerStack
from foretrace.method import Method
from foretrace.predictor import Reuse
from foretrace.schedule import Window

CITATION = """
@inproceedings{ma2025magcache,
  title     = {MagCache: Fast Video Generation with Magnitude-Aware Cache},
  author    = {Ma, Zehong and Wei, Longhui and Wang, Feng and Zhang, Shiliang and Tian, Qi},
  booktitle = {NeurIPS},
  year      = {2025}
}
"""


def magcache(
    threshold: float = 0.12,
    longest: int = 3,
    retention: float = 0.2,
    model: str | None = None,
    total: int | None = None,
    ratios: tuple[float, ...] = (),
) -> Method:
    """``threshold`` and ``longest`` (K): .12 and 4 (slow) or .24 and 6 (fast) on Wan and Hunyuan, .24 and 5
    on FLUX, there with ``retention`` .1. ``ratios`` is one's own table, for all branches.
    """
    if model is not None and ratios:
        raise InvalidSetting(
            f"magcache got model={model!r} and ratios; expected one table. Pass one of them."
        )
    tables = (tuple(ratios),) if ratios else ()
    if model is not None:
        one_of("model", model, sorted(RATIOS))
        tables = RATIOS[model]
    if total is not None:
        tables = tuple(resampled(table, total) for table in tables)
    return Method(
        Window(retention),
        Reuse(),
        PerStack(store="residual"),
        gate=MagCache(threshold, tables, branches="alone"),
        budget=Budget(longest=longest),
    )
