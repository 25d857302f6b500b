"""How a call is served where a gate decides: ask, run accordingly, tell the gate what was computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from foretrace.errors import InvalidSetting
from foretrace.gate import Signal, Verifier
from foretrace.granularity import PerModule, PerStack
from foretrace.history import Feature, SiteKey, Step
from foretrace.method import Method
from foretrace.runtime.decider import Decider, Rows
from foretrace.runtime.gated_site import GatedSite
from foretrace.runtime.invocation import Invocation
from foretrace.runtime.module_site import ModuleSite
from foretrace.runtime.packing import unpack
from foretrace.runtime.row_proof import check_rows
from foretrace.runtime.scheduler_step import StepCall, is_feature, watch_step, watches
from foretrace.runtime.sites import Site
from foretrace.runtime.stack_site import StackSite
from foretrace.runtime.trace import Trace
from foretrace.schedule import Schedule


@dataclass
class Visit:
    """One call of a denoiser on its way through a method with a gate."""

    site: Site
    trace: Trace
    step: Step
    call: Invocation
    latent: Tensor
    reach: float | None
    noise: float | None
    possible: bool

    @property
    def everyone(self) -> Rows:
        """All samples of the call."""
        return tuple(range(self.step.batch or 1))

    def share(self, rows: Rows, depth: int | None) -> float:
        """The share of the samples, or of the sites, that `run` computes."""
        if rows or depth is None or not isinstance(self.site, ModuleSite):
            return len(rows) / len(self.everyone)
        return 1.0 - min(depth / self.trace.layout.count, 1.0)

    def run(self, rows: Rows, depth: int | None = None) -> Any:
        """What the call returns with the samples ``rows`` computed and the others forecast.

        Where none is computed, ``depth`` is the number of sites that are forecast (``None``: all).
        """
        visited = (self.trace, self.step, self.call)
        if not rows:
            if depth is not None and isinstance(self.site, ModuleSite):
                return self.site.forecast(*visited, depth)
            return self.site.forecast(*visited)
        if len(rows) == len(self.everyone):
            return self.site.compute(*visited)
        assert not isinstance(self.site, GatedSite)  # `check_probe` refuses
        return self.site.partly(*visited, rows)


class GateAtWork:
    """The deciders of one run, and the choice that the branches of the current step follow."""

    def __init__(self, method: Method, schedule: Schedule) -> None:
        assert method.gate is not None
        self.method, self.gate, self.schedule = method, method.gate, schedule
        self.waits = 0
        self._proven: set[tuple[Any, ...]] = set()
        self._scheduler: Any = None
        self._unwatch: Callable[[], None] = _nothing
        self.start()

    def start(self) -> None:
        """A new run: nothing is decided yet."""
        self._deciders: dict[tuple[str, int] | None, Decider] = {}
        self._followed: tuple[Rows, int | None] | None = None
        self._untold: list[tuple[Decider, Visit, Feature, Rows]] = []

    def watch(self, scheduler: Any) -> None:
        """See the steps of this scheduler, and of no other, from now on; ``None``: of none."""
        if not self.gate.sees_sampler:
            return
        if scheduler is self._scheduler and (scheduler is None or watches(scheduler, self._stepped)):
            return
        self._unwatch()
        watched = scheduler is not None and callable(getattr(scheduler, "step", None))
        self._unwatch = watch_step(scheduler, self._stepped) if watched else _nothing
        self._scheduler = scheduler if watched else None

    def _stepped(self, given: Any, sample: Any, output: Any, call: StepCall) -> None:
        """The sampler took a step: tell the gate, of what was computed for it, what the sampler was given."""
        untold, self._untold = self._untold, []
        for decider, visit, returned, rows in untold:
            if is_feature(given) and is_feature(sample) and len(given) == len(sample):
                signal = replace(self._signal(visit, (given,)), latent=sample)
                decider.note(visit.step, signal, rows, len(given))
            else:
                decider.note(visit.step, self._signal(visit, returned), rows)

    def _tell(self) -> None:
        """Tell the gate of computed calls after which no sampler step was seen."""
        untold, self._untold = self._untold, []
        for decider, visit, returned, rows in untold:
            decider.note(visit.step, self._signal(visit, returned), rows)

    def serve(self, visit: Visit, branch: int) -> tuple[Any, float]:
        """What the call returns, and the share of it that was computed."""
        if self._untold and self._untold[0][1].step.index != visit.step.index:
            self._tell()
        alone = self.gate.branches == "alone"
        if not alone and branch > 0:
            follows = self._followed is not None and visit.possible
            plan = self._followed if follows and self._followed is not None else (visit.everyone, None)
            output, rows = self._run(visit, *plan)
            return output, visit.share(rows, plan[1])
        key = visit.trace.key if alone else None
        if key not in self._deciders:
            self._deciders[key] = Decider(self.method, self.schedule)
        decider = self._deciders[key]
        visit.trace.watch = self._watcher(decider)
        output, rows = self._lead(visit, decider)
        self._followed = plan = (rows, None if rows else decider.depth)
        if rows:
            returned = unpack(output, visit.trace.source)[0]
            self._untold.append((decider, visit, returned, rows))
            if self._scheduler is None:
                self._tell()
        return output, visit.share(*plan)

    def _lead(self, visit: Visit, decider: Decider) -> tuple[Any, Rows]:
        """Decide and run, in this order, or on the way."""
        first = not decider.started
        on_the_way = self.gate.probe != "none" and visit.possible and not first
        if on_the_way:
            assert isinstance(visit.site, StackSite)
            chosen: list[Rows] = []

            def choose(entered: Feature, shown: Feature) -> Rows:
                signal = replace(self._signal(visit), entered=entered, probe=shown)
                chosen.append(self._ask(decider, visit, signal))
                return chosen[0]

            return visit.site.fork(visit.trace, visit.step, visit.call, choose), chosen[0]
        rows = self._ask(decider, visit, self._signal(visit) if visit.possible else None)
        output, rows = self._run(visit, rows, None if rows else decider.depth)
        if first and self.gate.reduce == "sample" and len(rows) > 1:
            self._prove(visit, output)
        return output, rows

    def _run(self, visit: Visit, rows: Rows, depth: int | None = None) -> tuple[Any, Rows]:
        """Run, and run again where a verifier rejects what was forecast."""
        output = visit.run(rows, depth)
        if not rows and must_redo(self.method.verifier, visit.trace, visit.step):
            return visit.run(visit.everyone), visit.everyone
        if rows:
            visit.trace.missed = None
        return output, rows

    def _ask(self, decider: Decider, visit: Visit, signal: Signal | None) -> Rows:
        self.waits += signal is not None and visit.latent.device.type == "cuda"
        return decider.choose(visit.step, signal)

    def _signal(self, visit: Visit, output: Feature = ()) -> Signal:
        trace = visit.trace
        over = "max" if self.gate.reduce == "max" else "mean"
        seen = (visit.latent, trace.entered, trace.shown, output)
        rejected = rejects(self.method.verifier, trace, visit.step)
        return Signal(visit.step, 1, *seen, visit.reach, over, rejected, visit.noise, trace.key[1])

    def _watcher(self, decider: Decider) -> Callable[[SiteKey, Step, Feature], None] | None:
        """Shows computed features to the gate, if it wants them."""
        if not self.gate.watches_sites:
            return None

        def watch(site: SiteKey, step: Step, feature: Feature) -> None:
            decider.show(site, step, feature)

        return watch

    def _prove(self, visit: Visit, output: Any) -> None:
        """Once per model and batch: some samples alone give what they gave among all."""
        shape = (visit.trace.source, visit.step.batch, visit.latent.shape)
        if shape not in self._proven:
            assert not isinstance(visit.site, GatedSite)
            check_rows(visit.site, visit.trace, visit.step, visit.call, output)
            self._proven.add(shape)


def _nothing() -> None:
    """Nothing is watched, so nothing is put back."""


def rejects(verifier: Verifier | None, trace: Trace, step: Step) -> bool:
    """Whether the newest forecast, which was verified, does not stand at ``step``."""
    return verifier is not None and trace.missed is not None and not verifier.accepts(trace.missed, step)


def must_redo(verifier: Verifier | None, trace: Trace, step: Step) -> bool:
    """Whether the step that was just forecast is computed after all."""
    return verifier is not None and verifier.rejected == "redo" and rejects(verifier, trace, step)


def check_probe(method: Method) -> None:
    """Raise if the method's gate looks where its granularity has nothing to show."""
    gate, granularity = method.gate, method.granularity
    if gate is None:
        return
    added = isinstance(granularity, PerModule) and granularity.store == "gated"
    if added and gate.reduce == "sample":
        raise InvalidSetting(
            f"reduce='sample' got {granularity!r}, where a feature is what a block adds and not what one "
            "module returns; expected another store. Use store='output', or reduce='any'."
        )
    if gate.probe == "none":
        return
    if not isinstance(granularity, PerStack) or (gate.probe == "head" and granularity.head < 1):
        wanted = "PerStack(head=1)" if gate.probe == "head" else "PerStack()"
        where = "the blocks before the span" if gate.probe == "head" else "the first block"
        raise InvalidSetting(
            f"{type(gate).__name__} looks into {where}, which {granularity} does not run before it decides; "
            f"expected {wanted} or alike. Pass granularity={wanted}, or another gate."
        )
