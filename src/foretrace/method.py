"""A method is a choice on the axes: schedule, predictor, calibrator, gate and granularity, in one frozen
dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch

from foretrace.calibrator import Calibrator
from foretrace.checks import one_of
from foretrace.errors import InvalidSetting
from foretrace.gate import Budget, Gate, Verifier
from foretrace.granularity import Granularity, PerModel
from foretrace.predictor import Predictor
from foretrace.schedule import Schedule

TimeAxis = Literal["index", "timestep", "sigma", "logsnr"]
TIME_AXES = ("index", "timestep", "sigma", "logsnr")


@dataclass(frozen=True)
class Method:
    """What a paper calls its algorithm.

    ``history_dtype`` is the precision of the kept points (``None``: that of the features); sums are
    accumulated in at least fp32 either way. ``time`` is the coordinate that predictors extrapolate in, see
    `runtime/axis.py`. ``on_nonfinite`` says what to do when a feature holds NaN or inf: compute until one is
    finite again, with a warning, or stop with an error. A step is skipped iff ``schedule`` allows it and
    ``gate`` admits it, within ``budget``, the limits of what a gate may decide. ``verifier`` holds forecasts
    against the truth at some sites. ``name`` is the recipe's file name, for reports and citations.
    """

    schedule: Schedule
    predictor: Predictor
    granularity: Granularity = field(default_factory=PerModel)
    history_dtype: torch.dtype | None = None
    time: TimeAxis = "index"
    on_nonfinite: Literal["compute", "stop"] = "compute"
    name: str = "custom"
    calibrator: Calibrator | None = None
    gate: Gate | None = None
    budget: Budget | None = None
    verifier: Verifier | None = None

    def __post_init__(self) -> None:
        one_of("time", self.time, TIME_AXES)
        one_of("on_nonfinite", self.on_nonfinite, ("compute", "stop"))
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
        self._check_optional()
        if self.time != "index" and self.predictor.counts_steps:
            raise InvalidSetting(
                f"time got {self.time!r} with {self.predictor}, which measures in steps; "
                "expected time='index'. Pass that, or another predictor."
            )
        self._check_dtype()

    def _check_optional(self) -> None:
        """The parts that may be absent."""
        for part, base, hint in (
            ("calibrator", Calibrator, "Fit one with foretrace.calibrate."),
            ("gate", Gate, "Pass one of foretrace's gates, such as ErrorEstimate(0.05)."),
            ("budget", Budget, "Pass foretrace.Budget(most=..., longest=...)."),
            ("verifier", Verifier, "Pass foretrace.Verifier(threshold=...)."),
        ):
            value = getattr(self, part)
            if value is not None and not isinstance(value, base):
                raise InvalidSetting(
                    f"Method.{part} got {value!r}; expected a {base.__name__} or None. {hint}"
                )
        if self.verifier is not None:
            self.verifier.check(self.granularity)
        looks = self.gate is not None and self.gate.probe == "head" and self.gate.reduce != "sample"
        if self.predictor.watches_probe and not looks:
            raise InvalidSetting(
                f"Method got {self.predictor} with the gate {self.gate}; expected one that looks behind the "
                "first blocks, and at all samples together. Pass DiCache or FirstBlock without "
                "reduce='sample', or another predictor."
            )
        if self.budget is not None and self.gate is None:
            raise InvalidSetting(
                f"Method got {self.budget} without a gate; expected a gate, whose decisions it limits. Pass "
                "one, or leave the budget out: a schedule alone decides nothing at run time."
            )

    def _check_dtype(self) -> None:
        dtype = self.history_dtype
        if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
            raise InvalidSetting(
                f"history_dtype got {dtype!r}; expected a floating torch.dtype or None. "
                "Pass e.g. torch.bfloat16."
            )
