"""What the factors of a gap do to the latent at its end, found with the sampler alone.

Within a gap nothing is computed: from the newest features on, the latent at its end follows by the sampler's
steps on forecasts. So the sampler, copied when the gap begins, tells how that latent moves with each factor,
and the denoiser is not run for it. One cached run shows all gaps.

A sample is left with the Gram matrix of ``(M_1 .. M_P, r)``, relative to its uncached latent: ``M_p`` is the
move for a factor larger by one, ``r`` what the cached run misses at the end of the gap.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from foretrace.offline.candidate import Candidate
from foretrace.offline.factors import forecaster, free_gaps
from foretrace.offline.tiling import copies_of
from foretrace.predictor.lagrange import scaled_weights
from foretrace.runtime.scheduler_step import StepCall, stepped, watch_step

Responses = dict[int, Tensor]
"""First skipped step of a gap -> (samples, P + 1, P + 1) float64, P its increments."""
APART = 0.05
"""A simulated latent further from the true one than this share of what a gap moves is another pipeline's."""
ROUNDING = 8.0
"""So many roundings of the whole latent are let pass beside."""


@dataclass
class _Open:
    """A gap that the run is in: its moves, and where its end is expected."""

    begin: int
    end: int
    moves: list[Tensor]
    expected: Tensor
    started: Tensor
    precision: float


@dataclass
class _Row:
    """One candidate of the run: guided outputs at its newest computed steps, newest first."""

    candidate: Candidate
    ends: dict[int, tuple[int, int]]
    times: list[int] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    open: _Open | None = None


class GapWatch:
    """The `Responses` of every candidate that runs while it watches, in a call of ``samples`` for each.

    ``path`` gives the uncached latents by step.

    ``explained`` turns false where the sampler alone does not lead where the run went: a pipeline that does
    more between denoiser and sampler than guide with a fixed scale, or forecasts of less than the output.
    """

    def __init__(self, scheduler: Any, total: int, samples: int, path: Callable[[int], Tensor]) -> None:
        self.scheduler, self.total, self.samples, self.path = scheduler, total, samples, path
        self.found: dict[Candidate, Responses] = {}
        self.explained = True

    @contextmanager
    def __call__(self, group: Sequence[Candidate]) -> Iterator[None]:
        """See the steps of a run of the candidates of ``group``, side by side."""
        run = _Run(self, [_Row(one, _ends(one, self.total)) for one in group])
        for one in group:
            self.found[one] = {}
        undo = watch_step(self.scheduler, run.see)
        try:
            yield
        finally:
            undo()


class _Run:
    def __init__(self, watch: GapWatch, rows: list[_Row]) -> None:
        self.watch, self.rows, self.step = watch, rows, -1

    def see(self, given: Any, sample: Any, output: Any, call: StepCall) -> None:
        """A sampler step: remember what is computed, begin gaps and end them."""
        self.step += 1
        latent = stepped(output)
        if latent is None or not isinstance(given, Tensor) or given.shape[0] != latent.shape[0]:
            self.watch.explained = False
            return
        for number, row in enumerate(self.rows):
            if row.open is not None and self.step == row.open.end:
                self._close(row, number, latent)
            if self.step in row.candidate.computed:
                row.times.insert(0, self.step)
                row.outputs.insert(0, given.detach().clone())
                del row.times[3:], row.outputs[3:]
                if self.step + 1 in row.ends:
                    row.open = self._try(row, number, latent.detach(), call)

    def _try(self, row: _Row, number: int, latent: Tensor, call: StepCall) -> _Open | None:
        """`_begin`; a sampler that cannot be copied or stepped apart from the pipeline explains nothing."""
        try:
            return self._begin(row, number, latent, call)
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):
            self.watch.explained = False
            return None

    def _begin(self, row: _Row, number: int, latent: Tensor, call: StepCall) -> _Open:
        begin, (end, increments) = self.step + 1, row.ends[self.step + 1]
        own = list(forecaster(row.candidate).factors[self.step])
        rows = [[a + (p == q) for q, a in enumerate(own)] for p in range(increments)]
        base, *moved = [
            self._own(self._end(row, factors, end, latent, call), number) for factors in (own, *rows)
        ]
        precision = max(torch.finfo(x.dtype).eps for x in (latent, row.outputs[0]))
        moves = [x - base for x in moved]
        return _Open(begin, end, moves, base, self._own(latent, number), precision)

    def _end(self, row: _Row, factors: list[float], end: int, latent: Tensor, call: StepCall) -> Tensor:
        """Where the copied sampler is after step ``end`` with these factors in the gap."""
        sampler = copy.deepcopy(self.watch.scheduler)
        times, following = [float(t) for t in row.times], times_after(sampler, call)
        for step in range(self.step + 1, end + 1):
            weights = scaled_weights(times, float(step), [1.0, *factors[: len(times) - 1]])
            forecast = sum(w * x.float() for w, x in zip(weights, row.outputs, strict=True))
            given = forecast.to(row.outputs[0].dtype)  # type: ignore[union-attr]
            found = stepped(call.again(sampler, given, following[step - self.step - 1], latent))
            assert found is not None  # the run's own step returned one
            latent = found
        return latent

    def _own(self, x: Tensor, number: int) -> Tensor:
        """The samples of one candidate, once: (samples, elements) float64 on the host."""
        parts = copies_of(x, self.watch.samples, len(self.rows))
        return parts[number][: self.watch.samples].flatten(1).double().cpu()

    def _close(self, row: _Row, number: int, latent: Tensor) -> None:
        gap, row.open = row.open, None
        assert gap is not None
        now, wanted = self._own(latent, number), self.watch.path(self.step).flatten(1).double()
        finite = (now + gap.expected).isfinite().all(dim=1)
        way = float((now - gap.started)[finite].norm())
        rounding = ROUNDING * gap.precision * float(now[finite].norm())
        if float((gap.expected - now)[finite].norm()) > APART * way + rounding:
            self.watch.explained = False
        z = torch.stack([*gap.moves, wanted - now], dim=1)
        norms = wanted.norm(dim=1).clamp(min=1e-30)
        self.watch.found[row.candidate][gap.begin] = z @ z.mT / norms[:, None, None].square()


def _ends(candidate: Candidate, total: int) -> dict[int, tuple[int, int]]:
    """First skipped step of every gap -> its last one, and how many increments are scaled in it."""
    found: dict[int, tuple[int, int]] = {}
    for gap in free_gaps(candidate.computed, total, forecaster(candidate).order):
        found[gap.begin] = (gap.end - 1, gap.increment)
    return found


def times_after(sampler: Any, call: StepCall) -> list[Any]:
    """The timesteps that follow that of ``call``, as the pipeline would pass them; it may have begun late."""
    given, times = call.get("timestep"), sampler.timesteps
    now = float(given.flatten()[0]) if isinstance(given, Tensor) else float(given)
    place = int((times.double() - now).abs().argmin())
    return [t if isinstance(given, Tensor) else type(given)(t) for t in times[place + 1 :]]
