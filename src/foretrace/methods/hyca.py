"""HyCa: groups of channels, each with the ODE solver that forecasts it best (arXiv:2510.04188).

    TF    2 F_1 - F_2                        BDF2  4/3 F_1 - 1/3 F_2
    RK2   3/2 F_1 - 1/2 F_3                  AB2   5/2 F_1 - 2 F_2 + 1/2 F_3
    AM    F_1 + 5/12 (AB2 - F_1) + 2/3 (F_1 - F_2) - 1/12 (F_2 - F_3)

This is the pool one gap ahead, on even gaps; `predictor/solvers.py` has the solvers for any gaps. Groups and
solvers are found once per model from features of an uncached run (`fit_channels`, `offline/clusters.py`) and
are settings here: ``hyca(groups=found.groups, solvers=found.solvers)``. Without groups, the one solver
forecasts all channels. There is no code. Not public, and read so: between computed steps a solver is the
textbook's on its true gaps, a slope being that of a gap; BDF2's slope at the target is zero, which leaves the
two terms above; all blocks share one map of channels. The paper forecasts the residual of every block. With
one map the sum of those forecasts is the forecast of their sum, so the site is the residual of the stack.
A map for every block was not better on shapes-dit: up to 17 % more error (`benchmarks/hyca_maps.py`).
"""

from __future__ import annotations

from foretrace.combinator.channels import Channels
from foretrace.errors import InvalidSetting
from foretrace.granularity import PerStack
from foretrace.method import Method
from foretrace.predictor.pool import solver
from foretrace.schedule import Counter

CITATION = """
@inproceedings{zheng2026hyca,
  title     = {Let Features Decide Their Own Solvers: Hybrid Feature Caching for Diffusion
               Transformers},
  author    = {Zheng, Shikang and Chen, Guantao and Zhou, Qinming and Lin, Yuqi and He, Lixuan and
               Zou, Chang and Cai, Peiliang and Liu, Jiacheng and Zhang, Linfeng},
  booktitle = {International Conference on Learning Representations},
  note      = {arXiv:2510.04188},
  year      = {2026}
}
"""


def hyca(
    interval: int = 5, warmup: int = 3, solvers: tuple[str, ...] = ("tf",), groups: tuple[int, ...] = ()
) -> Method:
    """The paper runs intervals 3 to 8 and two groups; `groups[c]` is the group of channel c."""
    names = (solvers,) if isinstance(solvers, str) else tuple(solvers)
    predictors = tuple(solver(name) for name in names)
    if not groups and len(predictors) != 1:
        raise InvalidSetting(
            f"groups got none with {len(predictors)} solvers; expected a group for every channel. "
            "Pass those of fit_channels, or one solver."
        )
    predictor = Channels(predictors, groups) if groups else predictors[0]
    return Method(Counter(interval, warmup), predictor, PerStack(store="residual"))
