"""A method is a choice on the axes: schedule, predictor and granularity, in one frozen dataclass.

Calibrators, gates and verifiers are further axes of the design; they join this dataclass with the first
member of each.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from foretrace.errors import InvalidSetting
from foretrace.granularity import Granularity, PerModel
from foretrace.predictor import Predictor
from foretrace.schedule import Schedule


@dataclass(frozen=True)
class Method:
    """What a paper calls its algorithm.

    ``history_dtype`` is the precision of the kept points (``None``: that of the features); sums are
    accumulated in at least fp32 either way. ``name`` is the recipe's file name, for reports and citations.
    """

    schedule: Schedule
    predictor: Predictor
    granularity: Granularity = field(default_factory=PerModel)
    history_dtype: torch.dtype | None = None
    name: str = "custom"

    def __post_init__(self) -> None:
        for part, base in (
            ("schedule", Schedule),
            ("predictor", Predictor),
            ("granularity", Granularity),
        ):
            value = getattr(self, part)
            if not isinstance(value, base):
                raise InvalidSetting(
                    f"Method.{part} got {value!r}; expected a {base.__name__}. "
                    f"Pass one of the parts that foretrace exports."
                )
        dtype = self.history_dtype
        if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
            raise InvalidSetting(
                f"history_dtype got {dtype!r}; expected a floating torch.dtype or None. "
                "Pass e.g. torch.bfloat16."
            )
