"""The site of ``PerModel``: the output of the whole denoiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from foretrace.errors import UnsupportedModel
from foretrace.granularity import PerModel
from foretrace.history import Feature, Step
from foretrace.runtime.invocation import Invocation
from foretrace.runtime.packing import tensor_slots, unpack
from foretrace.runtime.rows import take
from foretrace.runtime.trace import Trace


class ModelSite:
    """Computes or forecasts one whole call of the denoiser."""

    def __init__(self, denoiser: nn.Module, granularity: PerModel) -> None:
        self.name = type(denoiser).__name__
        self.residual = granularity.store == "residual"

    def install(self) -> Callable[[], None]:
        """Nothing below the denoiser is touched."""
        return lambda: None

    def skipped_blocks(self, trace: Trace) -> tuple[nn.Module, ...] | None:
        """``None``: a skipped call runs nothing at all."""
        return None

    def compute(self, trace: Trace, step: Step, call: Invocation) -> Any:
        """Run the denoiser, keep its output (or residual), return it untouched."""
        output = call.run()
        feature, trace.template = unpack(output, self.name)
        if self.residual:
            feature = (feature[0] - self._base(feature, call),)
        trace.commit(step, feature)
        return output

    def forecast(self, trace: Trace, step: Step, call: Invocation) -> Any:
        """The forecast in the denoiser's own return type."""
        assert trace.template is not None
        feature = trace.forecast(step)
        if self.residual:
            feature = (feature[0] + self._base(feature, call),)
        return trace.template.pack(feature)

    def partly(self, trace: Trace, step: Step, call: Invocation, rows: tuple[int, ...]) -> Any:
        """Run the denoiser on the samples ``rows`` alone, and forecast the others."""
        assert trace.template is not None
        some, named = take(call.args, call.kwargs, rows, step.batch or 1)
        output, _ = unpack(call.forward(*some, **named), self.name)
        base = (self._base(output, call, step.batch),) if self.residual else ()
        return trace.template.pack(trace.join(step, output, rows, base))

    def _base(self, feature: Feature, call: Invocation, batch: int | None = None) -> Tensor:
        """The latent input: the first tensor argument with the output's shape, of ``batch`` samples."""
        shape = tuple(feature[0].shape) if batch is None else (batch, *feature[0].shape[1:])
        inputs = tensor_slots(call.args, call.kwargs).values()
        base = next((x for x in inputs if x.shape == shape), None)
        if base is None or len(feature) != 1:
            raise UnsupportedModel(
                f"{self.name} returns {[tuple(x.shape) for x in feature]}, and no single input of that shape "
                "is there to subtract; expected one output shaped like the latent. "
                "Use PerModel(store='output')."
            )
        return base
