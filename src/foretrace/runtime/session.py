"""One denoising step, front to back. Read this file first.

1. The sampler calls the denoiser; its entry hands the call to `Session.call`.
2. The clock turns the time argument into a step and a branch; a new run drops what was kept.
3. The schedule says, once per step, whether it may be skipped; a gate, if there is one, may veto
(`gate_at_work.py`).
4. The site computes, keeping the feature and returning the output untouched, or forecasts.
5. The log notes the call.
"""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from foretrace.errors import AttachError, ClockError
from foretrace.history import Observer, Step
from foretrace.method import Method
from foretrace.models import find_spec
from foretrace.runtime.axis import check_axis, coordinate
from foretrace.runtime.clock import Clock, begin, restarts, tick
from foretrace.runtime.gate_at_work import GateAtWork, Visit, check_probe, must_redo
from foretrace.runtime.invocation import Invocation
from foretrace.runtime.log import Call, RunLog, example_of
from foretrace.runtime.reach import noise_over_signal, reach
from foretrace.runtime.signature import Signature, signature_of
from foretrace.runtime.sites import Site, at_run_time, make_site, may_forecast
from foretrace.runtime.tap import check_attachable, install_entry
from foretrace.runtime.target import Target
from foretrace.runtime.times import (
    Reading,
    TimeReader,
    idle,
    run_length,
)
from foretrace.runtime.trace import Trace
from foretrace.runtime.turn import Turn

Guard = Callable[[Target, int | None, dict[str, Any]], None]
"""Sees the target, the number of steps and the shapes of the first call of every run, and may object."""

MANY_OUTSIDE = 4
"""So many calls in a row outside of any run are no warm-up but another pipeline sampling."""
MOST_BRANCHES = 16
"""More calls at one time than this are no branches: a guidance has two or three, Heun twice as many."""


class Session:
    """A method at work on the denoisers of one target, from attach to detach."""

    def __init__(
        self,
        target: Target,
        method: Method,
        steps: int | None,
        observer: Observer | None = None,
        guard: Guard | None = None,
    ) -> None:
        self.target, self.method, self.steps = target, at_run_time(method), steps
        self._observer, self._guard, self._guarded = observer, guard, False
        self.log = RunLog(target.denoisers)
        self.reader = TimeReader()
        self._clock = Clock(total=steps)
        self.called = False
        self._outside = 0
        self._begun = False
        self._timesteps: Any = None
        self._traces: dict[tuple[str, int], Trace] = {}
        self._skipping = False
        self._last_computed = -1
        self._turn = Turn()
        self._undo: list[Callable[[], None]] = []
        family = find_spec(next(iter(target.denoisers.values())))
        self.schedule = method.schedule.resolve(family.anchor)
        self.gate = None if method.gate is None else GateAtWork(self.method, self.schedule)
        self._reach: float | None = None
        self._noise: float | None = None
        self._signatures: dict[str, Signature] = {}
        self.sites: dict[str, Site] = {}

    def attach(self) -> None:
        """Take over all denoisers, or none: everything that can fail is tried before the first change."""
        for denoiser in self.target.denoisers.values():
            check_attachable(denoiser)
        check_axis(self.method.time, self.target.scheduler)
        check_probe(self.method)
        if self.target.pipeline is None:
            self._check_length(self.steps)
        for name, denoiser in self.target.denoisers.items():
            signature = signature_of(denoiser)
            assert signature is not None  # find_target has seen it
            self._signatures[name] = signature
            self.sites[name] = make_site(denoiser, self.method)
        if self.gate is not None:
            self.gate.watch(self.target.scheduler)
        for name, denoiser in self.target.denoisers.items():
            self._undo.append(self.sites[name].install())
            self._undo.append(install_entry(denoiser, functools.partial(self.call, name)))

    def detach(self) -> None:
        """Put everything back and let the history go."""
        if not self._undo:
            raise AttachError(
                "this handle is detached already; expected an attached one. "
                "Call attach() again for a new one."
            )
        while self._undo:
            self._undo.pop()()
        if self.gate is not None:
            self.gate.watch(None)
        self.log.history_bytes, self.log.sites = self.history_bytes(), self.sites_of_branches()
        self._traces.clear()

    @property
    def attached(self) -> bool:
        """Whether the denoisers are taken over."""
        return bool(self._undo)

    def begin(self, steps: int | None = None) -> None:
        """Start a new run with the next call, of ``steps`` steps from now on if given."""
        if steps is not None:
            self._check_length(steps)
            self.steps = steps
        self._start(self.steps)

    def history_bytes(self) -> int:
        """Bytes of all kept points, over denoisers and branches."""
        return sum(trace.nbytes() for trace in self._traces.values())

    def waits(self) -> int:
        """How often the host waited for the GPU, to read a time or what a gate looks at."""
        return self.reader.synchronisations + (0 if self.gate is None else self.gate.waits)

    def sites_of_branches(self) -> dict[tuple[str, int], int]:
        """How many sites keep something, per denoiser and branch."""
        return {key: len(trace.states) for key, trace in self._traces.items()}

    def call(self, name: str, call: Invocation) -> Any:
        """Serve one call of the denoiser ``name``, for one thread at a time."""
        with self._turn.taken(name):
            return self._take(name, call)

    def _take(self, name: str, call: Invocation) -> Any:
        """Steps 2 to 5."""
        started, self.called = time.perf_counter(), True
        if idle(self.target.scheduler):
            self._pass_by()
            return call.run()
        if self._outside < MANY_OUTSIDE:  # else it was told
            self._outside = 0
        try:
            signature = self._signatures[name]
            step = self._advance(name, call)
            key = (name, self._clock.branch)
            trace = self._trace(key)
            trace.check_modes(signature.modes_of(call))
            shapes = signature.shapes_of(call)
            trace.check_call(step, shapes)
            if self._guard is not None and not self._guarded:
                self._guard(self.target, self._clock.total, shapes)
                self._guarded = True
            step = replace(step, batch=signature.batch_of(shapes))
            self._notice(trace.check_feature())
            if key not in self.log.examples:  # before the call, which may use arguments up
                self.log.examples[key] = example_of(call)
            serve = self._by_schedule if self.gate is None else self._by_gate
            output, share = serve(name, trace, step, call)
        except BaseException:
            self._begun = False  # a run that broke off is over: its features must not reach the next
            raise
        self._finish(name, trace, step, share, call)
        self.log.calls.append(Call(step.index, key, not share, started, time.perf_counter(), share))
        return output

    def _by_schedule(self, name: str, trace: Trace, step: Step, call: Invocation) -> tuple[Any, float]:
        """Step 4 by the schedule alone: what the call returns, and the share of samples computed, 0 or 1."""
        self._decide(step, trace)
        if not (self._skipping and trace.ready and may_forecast(trace, call)):
            return self.sites[name].compute(trace, step, call), 1.0
        output = self.sites[name].forecast(trace, step, call)
        if not must_redo(self.method.verifier, trace, step):
            return output, 0.0
        self._last_computed = step.index
        return self.sites[name].compute(trace, step, call), 1.0

    def _by_gate(self, name: str, trace: Trace, step: Step, call: Invocation) -> tuple[Any, float]:
        """Step 4 where a gate has a say."""
        assert self.gate is not None
        latent = self._signatures[name].latent_of(call)
        possible = trace.ready and may_forecast(trace, call)
        known = (latent, self._reach, self._noise, possible)
        visit = Visit(self.sites[name], trace, step, call, *known)
        return self.gate.serve(visit, self._clock.branch)

    def _finish(self, name: str, trace: Trace, step: Step, share: float, call: Invocation) -> None:
        """Step 5: what the call leaves behind."""
        if not share:
            if trace.computed < self.method.predictor.points:
                self.log.short.add(step.index)
            return
        trace.close(step)
        trace.return_dict = call.kwargs.get("return_dict")
        passed_over = self.sites[name].skipped_blocks(trace)
        self.log.examples[trace.key] = self.log.examples[trace.key]._replace(skipped=passed_over)

    def _pass_by(self) -> None:
        """A call outside of any run of the pipeline is computed as if nothing were attached."""
        self._begun = False
        self._outside += 1
        if self._outside == MANY_OUTSIDE:
            warnings.warn(
                f"{MANY_OUTSIDE} calls came while the attached pipeline's scheduler is not sampling; they "
                "are computed. Attach to the pipeline that samples, or to its transformer (with steps=).",
                stacklevel=3,
            )

    def _advance(self, name: str, call: Invocation) -> Step:
        """Steps 2: what the time of this call means."""
        scheduler = self.target.scheduler
        value = self._signatures[name].time_of(call)
        now = self.reader.read(value, scheduler)
        timesteps = getattr(scheduler, "timesteps", None)
        # set_timesteps makes a new tensor, so its identity tells a new run, even one cut off at its start
        if not self._begun or timesteps is not self._timesteps or restarts(self._clock, now.key):
            self._open(scheduler, now)
            self._timesteps = timesteps
        self._turn.check(name)
        self._clock = tick(self._clock, now.key)
        if self._clock.branch >= MOST_BRANCHES:
            raise ClockError(
                f"{MOST_BRANCHES + 1} calls came at one time, {now.given:g}; expected the time to change at "
                "the next step. Call run.begin() before each run if runs have one step."
            )
        step = self._clock.step
        if step.total is not None and step.index >= step.total:
            step = self._past_end(scheduler, now)
        if self.gate is not None:
            self._reach = reach(scheduler, now, self.reader)
            self._noise = noise_over_signal(scheduler, now, self.reader)
        return replace(step, coordinate=coordinate(self.method.time, step, now, scheduler, self.reader))

    def _past_end(self, scheduler: Any, now: Reading) -> Step:
        """A call after the last step. In a pipeline it warms up or fills a cache, and is a run of its own."""
        total = self._clock.total
        if scheduler is None:
            raise ClockError(
                f"the loop made step {self._clock.step.index + 1} of a run of steps={total}; expected the "
                "times to jump back at the next run. Pass the true steps=... or call run.begin(steps=...)."
            )
        self._open(scheduler, now)
        self._begun = False
        self._clock = tick(self._clock, now.key)
        return self._clock.step

    def _open(self, scheduler: Any, now: Reading) -> None:
        """Begin the run whose first call is at ``now``; what can fail comes first."""
        times = self.reader.host_list(scheduler)
        length = None if scheduler is None else run_length(scheduler, times, now.given)
        total = self.steps if length is None else length
        self._check_length(total)
        check_axis(self.method.time, scheduler)
        if self.gate is not None:
            self.gate.watch(scheduler)
        self._start(total)
        self._begun = True

    def _check_length(self, total: int | None) -> None:
        """Raise if the method cannot serve a run of ``total`` steps."""
        self.schedule.check(total)
        if self.method.gate is not None:
            self.method.gate.check(total, self.method.granularity)
        if self.method.budget is not None:
            self.method.budget.check(total, lambda i: not self.schedule.may_skip(Step(i, total=total), 1))

    def _start(self, total: int | None) -> None:
        self._clock = begin(total)
        self._turn.begin()
        self._traces.clear()
        self._last_computed = -1
        self._begun = self._guarded = False
        if self.gate is not None:
            self.gate.start()
        self.log.clear(total)

    def _trace(self, key: tuple[str, int]) -> Trace:
        if key not in self._traces:
            source = type(self.target.denoisers[key[0]]).__name__
            self._traces[key] = Trace(self.method, source, key, self._observer)
        return self._traces[key]

    def _notice(self, message: str | None) -> None:
        """Tell the user once a run that features are not finite, and that its steps are computed instead."""
        if message is not None and message not in self.log.notes:
            if not self.log.notes:
                warnings.warn(message, stacklevel=2)
            self.log.notes.append(message)

    def _decide(self, step: Step, trace: Trace) -> None:
        """Step 3, at the first call of a step; the branches that follow share the decision."""
        if self._clock.branch == 0:
            age = step.index - self._last_computed
            self._skipping = trace.ready and self.schedule.may_skip(step, age)
            if not self._skipping:
                self._last_computed = step.index
