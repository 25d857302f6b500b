"""What a session keeps for one denoiser and one branch during one run: a predictor's state per site."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from foretrace.errors import NonFinite, ShapeChanged
from foretrace.history import Feature, Observer, SiteKey, Step
from foretrace.hostcopy import HostCopy
from foretrace.method import Method
from foretrace.runtime.packing import Template
from foretrace.runtime.residual import residual_of
from foretrace.runtime.rows import merge, others, pick, pick_all


class _Ranges(NamedTuple):
    """The least and the greatest entry of every stream computed at ``step``, on their way to the host."""

    step: int
    sites: tuple[int, ...]
    copy: HostCopy

    def first_beyond(self, limit: float) -> int | None:
        """The first site with an entry that is not finite or beyond ``limit``."""
        for site, row in zip(self.sites, self.copy.rows(), strict=True):
            if not all(math.isfinite(x) and abs(x) <= limit for x in row):
                return site
        return None


@dataclass
class Trace:
    """The predictor's state at every site of one branch, and how the sites return.

    ``shapes`` are those of the call's tensor arguments: a forecast is only good for inputs of the shapes
    it was computed from. ``layout`` is what sites inside the denoiser learned about its modules. ``entered``
    and
    ``shown`` are what a gate's probe saw in the newest call; ``watch`` is told every computed feature;
    ``missed`` is the error that a verifier found in the newest forecast.
    """

    method: Method
    source: str
    key: tuple[str, int] = ("denoiser", 0)
    observer: Observer | None = None
    states: list[Any] = field(default_factory=list)
    ready: bool = False
    computed: int = 0
    template: Template | None = None
    layout: Any = None
    shapes: dict[str, Any] = field(default_factory=dict)
    modes: dict[str, Any] = field(default_factory=dict)
    return_dict: Any = None
    names: tuple[str, ...] = ()
    entered: Feature = ()
    shown: Feature = ()
    missed: float | None = None
    watch: Callable[[SiteKey, Step, Feature], None] | None = None
    _passing: list[tuple[int, Tensor]] = field(default_factory=list)
    _ranges: _Ranges | None = None

    def check_modes(self, modes: dict[str, Any]) -> None:
        """Forget everything kept if the call is of another mode, such as with a cache that is now filled."""
        if self.ready and modes != self.modes:
            self.restart()
        self.modes = modes

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

    def restart(self) -> None:
        """Forget everything kept; the next computed call is as the first of a run."""
        self.ready, self.computed, self.layout = False, 0, None
        self.states, self._passing, self._ranges = [], [], None

    def commit(self, step: Step, feature: Feature, site: int = 0) -> None:
        """Keep a computed feature. The sites of a first call come in their order."""
        if site == len(self.states):
            self.states.append(self.method.predictor.init(self.method.history_dtype))
        self._look(site)
        self.states[site] = self.method.predictor.commit(self.states[site], step, feature)
        if self.observer is not None:
            self.observer.computed(SiteKey(*self.key, site), step, feature)
        if self.watch is not None:
            self.watch(SiteKey(*self.key, site), step, feature)
        if feature[0].device.type != "meta":
            for x in feature:
                self._passing.append((site, torch.stack(torch.aminmax(x.detach())).float()))

    def close(self, step: Step) -> None:
        """The call is computed. Whether its features are finite is found out later, unwaited."""
        self.ready, self.computed = True, self.computed + 1
        if self._passing:
            sites, ranges = zip(*self._passing, strict=True)
            together = torch.stack([x.to(ranges[0].device, non_blocking=True) for x in ranges])
            self._ranges = _Ranges(step.index, sites, HostCopy(together))
            self._passing = []

    def forecast(self, step: Step, site: int = 0) -> Feature:
        """The predictor's feature at ``step``, as the calibrator corrects it."""
        predictor, calibrator = self.method.predictor, self.method.calibrator
        self._look(site)
        feature = predictor.predict(self.states[site], step)
        if self.observer is not None:
            self.observer.forecast(SiteKey(*self.key, site), step, feature)
        if calibrator is None:
            return feature
        corrected = calibrator.correct(feature, SiteKey(*self.key, site), step)
        if calibrator.write_back and corrected is not feature:
            self.states[site] = predictor.commit(self.states[site], step, corrected)
        return corrected

    def _look(self, site: int) -> None:
        """Show a predictor that asks for it what the blocks before the span added in this call."""
        if self.method.predictor.watches_probe:
            added = tuple(x - e for x, e in zip(self.shown, self.entered, strict=True))
            self.states[site] = self.method.predictor.look(self.states[site], added)

    def join(
        self,
        step: Step,
        computed: Feature,
        rows: tuple[int, ...],
        base: Feature = (),
        site: int = 0,
        wide: bool = False,
    ) -> Feature:
        """Keep what was computed of the samples ``rows``; return it among the forecasts of the others.

        ``base`` is what entered, of all samples, where the residual to it is stored; ``wide``: as
        `residual_of`.
        """
        batch = step.batch or 1
        rest = others(rows, batch)
        base = pick_all(base, range(batch), batch, self.source)
        own = tuple(pick(e, rows) for e in base)
        kept = residual_of(computed, own, wide) if base else computed
        self.commit(replace(step, rows=rows), kept, site)
        forecast = self.forecast(replace(step, rows=rest), site)
        if base:
            forecast = tuple(x + pick(e, rest) for x, e in zip(forecast, base, strict=True))
        return merge(computed, forecast, rows, batch)

    def check_feature(self) -> str | None:
        """Forget everything kept if a feature with NaN or inf is among it, and say so.

        Raises:
            NonFinite: the method asks to stop at such a feature.
        """
        if self._ranges is None or not self._ranges.copy.arrived:
            return None
        ranges, self._ranges = self._ranges, None
        dtype = self.method.history_dtype
        site = ranges.first_beyond(torch.finfo(dtype or torch.float32).max)
        if site is None:
            return None
        where = f" ({self.names[site]})" if self.names else ""
        kept = f" in {dtype}" if dtype else ""
        message = (
            f"{self.source}: the feature at {self.method.granularity}{where} computed at step {ranges.step} "
            f"holds NaN or inf{kept}; expected finite numbers. Use a wider dtype, or on_nonfinite='compute' "
            "to go on."
        )
        self.restart()
        if self.method.on_nonfinite == "stop":
            raise NonFinite(message)
        return message

    def nbytes(self) -> int:
        """Bytes of the kept tensors."""
        return sum(self.method.predictor.nbytes(state) for state in self.states)
