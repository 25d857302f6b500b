"""What a session keeps for one denoiser and one branch during one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from foretrace.errors import ShapeChanged
from foretrace.history import Feature, Step
from foretrace.predictor import Predictor
from foretrace.runtime.packing import Slot, Template, tensor_slots


@dataclass
class Trace:
    """The predictor's state at the site of one branch, and how the site returns.

    ``shapes`` are those of the call's tensor arguments: a forecast is only good for inputs of the shapes
    it was computed from. ``layout`` is what a per-stack site learned about the blocks.
    """

    predictor: Predictor
    state: Any
    source: str
    ready: bool = False
    template: Template | None = None
    layout: Any = None
    shapes: dict[Slot, torch.Size] = field(default_factory=dict)

    def check_call(self, step: Step, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raise `ShapeChanged` if an argument's shape differs from that at the run's start."""
        shapes = {slot: tensor.shape for slot, tensor in tensor_slots(args, kwargs).items()}
        if not self.ready:
            self.shapes = shapes
        elif shapes != self.shapes:
            changed = sorted(
                str(s) for s in shapes.keys() | self.shapes.keys() if shapes.get(s) != self.shapes.get(s)
            )
            slot = next(s for s in (*shapes, *self.shapes) if str(s) == changed[0])
            raise ShapeChanged(
                f"{self.source}: argument {slot!r} got shape {_show(shapes.get(slot))} at step "
                f"{step.index}; expected {_show(self.shapes.get(slot))} as at the start of the run. "
                "Start a new run with run.begin(), or detach for this part of the sampling."
            )

    def commit(self, step: Step, feature: Feature) -> None:
        """Keep a computed feature."""
        self.state = self.predictor.commit(self.state, step, feature)
        self.ready = True

    def forecast(self, step: Step) -> Feature:
        """The predictor's feature at ``step``."""
        return self.predictor.predict(self.state, step)


def _show(shape: torch.Size | None) -> str:
    return "none" if shape is None else str(tuple(shape))
