"""Runs of several candidates at once, where the pipeline and the memory allow it.

That it is allowed is found by running: the first time, one of the candidates is run alone too, and has to
end at the same latents. Where it does not, or the call cannot be repeated in a batch, they run one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.distributed import is_available, is_initialized

from foretrace.errors import ForetraceError
from foretrace.granularity import Granularity
from foretrace.method import Method
from foretrace.offline.calls import Call
from foretrace.offline.candidate import Candidate
from foretrace.offline.collect import observing
from foretrace.offline.sampling import relative_error, sample
from foretrace.offline.side_by_side import side_by_side
from foretrace.offline.tiling import copies_of, samples_of, tiled

Watch = Callable[[Sequence[Candidate]], AbstractContextManager[Any]]
"""Entered for the length of a run, with the candidates whose rows are in it, in order."""
SAME = 1e-3
"""Latents this near, or nearer to each other than a tenth of their error, are the same but for rounding."""
SHARE = 0.1
NO_NOISE = "a call names no noise for each of its samples"


class Together:
    """Up to ``most`` candidates in one run of ``pipe``, also of several schedules where ``mixed``.

    ``alone`` says why it is one, once that is known.
    """

    def __init__(self, pipe: Any, granularity: Granularity, most: int, calls: Sequence[Call] = ()) -> None:
        self.pipe, self.granularity, self.most, self.mixed = pipe, granularity, most, True
        self.alone: str | None = None if most > 1 else "asked for"
        self._proven: set[bool] = set()
        if most > 1 and is_available() and is_initialized():  # each process searches by itself
            self._separate("several processes decide together, and each searches by itself")
        elif most > 1 and any(samples_of(call) is None for call in calls):
            self._separate(NO_NOISE)

    def latents(
        self, candidates: Sequence[Candidate], call: Call, reference: Tensor, watch: Watch | None = None
    ) -> list[Tensor]:
        """The final latents of ``call`` under each candidate. ``reference``: the uncached ones.

        ``watch`` is opened around each run, for the group that is in it.
        """
        found: list[Tensor] = []
        watch = _unwatched if watch is None else watch
        while len(found) < len(candidates):
            group = candidates[len(found) : len(found) + self.most]
            group = group if self.mixed or not _mixed(group) else group[:1]
            found += self._group(group, call, reference, watch)
        return found

    def _group(self, group: Sequence[Candidate], call: Call, reference: Tensor, watch: Watch) -> list[Tensor]:
        """Those of one run; of none, if it has just turned out that they cannot run together."""
        if len(group) == 1:
            with watch(group):
                return [self._run(group[0].method(self.granularity), call)]
        wide, samples = tiled(call, len(group)), samples_of(call)
        if wide is None or samples is None:
            self._separate(NO_NOISE)
            return []
        try:
            with watch(group):
                latents = self._run(side_by_side(group, samples, self.granularity), wide)
            apart = copies_of(latents, samples, len(group))
        except (ForetraceError, RuntimeError, ValueError, TypeError, AssertionError) as error:
            spent = isinstance(error, torch.OutOfMemoryError)
            if _mixed(group) in self._proven and not spent:
                raise  # it has worked before: what failed is something else
            self._smaller(group, f"{type(error).__name__}: {error}"[:200])
            return []
        if not self._holds(group, call, reference, apart[0]):
            self._smaller(group, "a sample's latents depend on how many are sampled at once")
            return []
        return apart

    def _smaller(self, group: Sequence[Candidate], why: str) -> None:
        """Smaller groups from now on; or of one schedule each; or single ones."""
        if len(group) > 2:
            self.most = len(group) // 2
        elif _mixed(group):
            self.mixed = False
        else:
            self._separate(why)

    def _holds(self, group: Sequence[Candidate], call: Call, reference: Tensor, found: Tensor) -> bool:
        """Whether the first of the group ends where it ends alone; looked at once, and once where mixed."""
        if _mixed(group) in self._proven:
            return True
        truth = self._run(group[0].method(self.granularity), call)
        if truth.shape != found.shape:
            return False
        apart, error = relative_error(found, truth).mean(), relative_error(truth, reference).mean()
        if not bool(apart <= max(SAME, SHARE * float(error))):
            return False
        self._proven.add(_mixed(group))
        return True

    def _run(self, method: Method, call: Call) -> Tensor:
        with observing(self.pipe, method, None):
            return sample(self.pipe, call)

    def _separate(self, why: str) -> None:
        self.most, self.alone = 1, why


def _unwatched(group: Sequence[Candidate]) -> AbstractContextManager[Any]:
    return nullcontext()


def _mixed(group: Sequence[Candidate]) -> bool:
    """Whether their schedules differ."""
    return len({one.computed for one in group}) > 1
