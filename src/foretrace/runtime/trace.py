"""What a session keeps for one denoiser and one branch during one run."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch

from foretrace.errors import NonFinite, ShapeChanged
from foretrace.history import Feature, Step
from foretrace.hostcopy import HostCopy
from foretrace.method import Method
from foretrace.runtime.packing import Template


@dataclass
class Trace:
    """The predictor's state at the site of one branch, and how the site returns.

    ``shapes`` are those of the call's tensor arguments: a forecast is only good for inputs of the shapes
    it was computed from. ``layout`` is what a per-stack site learned about the blocks.
    """

    method: Method
    source: str
    state: Any = None
    ready: bool = False
    template: Template | None = None
    layout: Any = None
    shapes: dict[str, Any] = field(default_factory=dict)
    return_dict: Any = None
    _range: tuple[int, HostCopy] | None = None

    def check_call(self, step: Step, shapes: dict[str, Any]) -> None:
        """Raise `ShapeChanged` if an argument's shape differs from that at the run's start."""
        if not self.ready:
            self.shapes = shapes
        elif shapes != self.shapes:
            changed = sorted(
                name
                for name in shapes.keys() | self.shapes.keys()
                if shapes.get(name) != self.shapes.get(name)
            )
            name = changed[0]
            raise ShapeChanged(
                f"{self.source}: argument {name!r} got shape {shapes.get(name, 'none')} at step "
                f"{step.index}; expected {self.shapes.get(name, 'none')} as at the start of the run. "
                "Start a new run with run.begin(), or detach for this part of the sampling."
            )

    def commit(self, step: Step, feature: Feature) -> None:
        """Keep a computed feature; whether it is finite is found out later, without waiting for a GPU."""
        if not self.ready:
            self.state = self.method.predictor.init(self.method.history_dtype)
        self.state = self.method.predictor.commit(self.state, step, feature)
        self.ready = True
        if feature[0].device.type != "meta":
            ranges = [torch.stack(torch.aminmax(x.detach())).float() for x in feature]
            self._range = step.index, HostCopy(torch.stack(ranges))

    def forecast(self, step: Step) -> Feature:
        """The predictor's feature at ``step``."""
        return self.method.predictor.predict(self.state, step)

    def check_feature(self) -> str | None:
        """Forget everything kept if a feature with NaN or inf is among it, and say so.

        Raises:
            NonFinite: the method asks to stop at such a feature.
        """
        if self._range is None or not self._range[1].arrived:
            return None
        (index, ranges), self._range = self._range, None
        dtype = self.method.history_dtype
        limit = torch.finfo(dtype or torch.float32).max
        if all(math.isfinite(x) and abs(x) <= limit for row in ranges.rows() for x in row):
            return None
        kept = f" in {dtype}" if dtype else ""
        message = (
            f"{self.source}: the feature at {self.method.granularity} computed at step {index} holds NaN or "
            f"inf{kept}; expected finite numbers. Use a wider dtype, or on_nonfinite='compute' to go on."
        )
        self.ready, self.layout = False, None
        if self.method.on_nonfinite == "stop":
            raise NonFinite(message)
        return message

    def nbytes(self) -> int:
        """Bytes of the kept tensors."""
        return 0 if self.state is None else self.method.predictor.nbytes(self.state)
