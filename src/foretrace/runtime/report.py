"""What the latest run did: steps, MACs, seconds, memory; prints as a small table and a strip."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from torch import nn

from foretrace.errors import UnsupportedModel
from foretrace.macs import CallMacs, Macs, count_call
from foretrace.method import Method
from foretrace.runtime.log import Call, Example

Key = tuple[str, int]


@dataclass(frozen=True)
class Report:
    """A record of the latest run; it stays true when the next run begins or the method is detached.

    ``short`` are the steps forecast from fewer points than the predictor asks for: at the start of a run, and
    after features that were not finite. Predictors fall back to a lower order there.
    """

    method: Method
    calls: tuple[Call, ...]
    total: int | None
    history_bytes: int
    sites: dict[Key, int]
    synchronisations: int
    notes: tuple[str, ...]
    short: tuple[int, ...]
    _denoisers: dict[str, nn.Module]
    _examples: dict[Key, Example]
    _counted: dict[Key, CallMacs]

    @cached_property
    def computed(self) -> list[int]:
        """Indices of the steps at which at least one call was computed."""
        return sorted({call.step for call in self.calls if not call.skipped})

    @cached_property
    def skipped(self) -> list[int]:
        """Indices of the steps at which every call was forecast."""
        return sorted({call.step for call in self.calls} - set(self.computed))

    @cached_property
    def branches(self) -> dict[Key, tuple[int, int]]:
        """Per (denoiser, branch): how many calls were computed and how many skipped."""
        counts = Counter((call.key, call.skipped) for call in self.calls)
        keys = sorted({call.key for call in self.calls})
        return {key: (counts[key, False], counts[key, True]) for key in keys}

    @property
    def seconds(self) -> float:
        """Wall seconds from the first call of the run to the end of its last."""
        return self.calls[-1].end - self.calls[0].begin if self.calls else 0.0

    def call_seconds(self, skipped: bool) -> float:
        """Median host seconds of a skipped or a computed call; 0 if there was none. On a GPU the host
        runs ahead, so only whole runs tell there.
        """
        spans = [call.end - call.begin for call in self.calls if call.skipped == skipped]
        return statistics.median(spans) if spans else 0.0

    @property
    def _per_call(self) -> dict[Key, CallMacs]:
        for key, example in self._examples.items():
            if key not in self._counted:
                self._counted[key] = self._count(self._denoisers[key[0]], example)
        return self._counted

    @staticmethod
    def _count(denoiser: nn.Module, example: Example) -> CallMacs:
        counted = count_call(denoiser, example.args, example.kwargs, example.skipped or ())
        if example.skipped is None:  # nothing of the call runs when it is skipped
            return CallMacs(counted.computed, counted.computed)
        return counted

    @cached_property
    def run_macs(self) -> Macs:
        """MACs of the run in both conventions."""
        spent = Macs(0, 0)
        for key, (computed, skipped) in self.branches.items():
            per_call = self._per_call[key]
            whole = sum(call.share for call in self.calls if call.key == key)
            spent += per_call.computed.times(computed + skipped)
            spent = spent - per_call.inside.times(computed + skipped - whole)
        return spent

    @property
    def mean_computed(self) -> float:
        """Computed steps of an average sample: ``len(computed)``, or less where samples decide for
        themselves.
        """
        steps: dict[int, list[float]] = {}
        for call in self.calls:
            steps.setdefault(call.step, []).append(call.share)
        return sum(sum(shares) / len(shares) for shares in steps.values())

    @cached_property
    def full_macs(self) -> Macs:
        """MACs the run would have taken with every call computed, in both conventions."""
        full = Macs(0, 0)
        for key, counts in self.branches.items():
            full += self._per_call[key].computed.times(sum(counts))
        return full

    @property
    def macs(self) -> int:
        """MACs of the run, attention matmuls included; ``run_macs.linear`` is without them."""
        return self.run_macs.total

    @property
    def macs_full(self) -> int:
        """As `macs`, had every call been computed."""
        return self.full_macs.total

    @property
    def strip(self) -> str:
        """One character a step: computed is a full block, skipped a dot."""
        computed = set(self.computed)
        return "".join("█" if i in computed else "·" for i in sorted({c.step for c in self.calls}))

    def __str__(self) -> str:
        if not self.calls:
            return f"{self.method.name}: no call yet"
        steps = len(self.computed) + len(self.skipped)
        try:
            macs = f"{self.macs / 1e9:.4g} G of {self.macs_full / 1e9:.4g} G "
            macs += f"({self.macs_full / max(self.macs, 1):.2f}x fewer)"
        except UnsupportedModel as error:
            macs = str(error)
        lines = [
            f"{self.method.name}: {len(self.computed)} of {steps} steps computed",
            f"  {self.strip}",
            f"  MACs     {macs}",
            f"  seconds  {self.seconds:.3g}   (call: computed {1e3 * self.call_seconds(False):.3g} ms, "
            f"skipped {1e3 * self.call_seconds(True):.3g} ms)",
            f"  history  {self.history_bytes / 2**20:.3g} MiB at {sum(self.sites.values())} sites",
        ]
        lines += [
            f"  {name}, branch {branch}: {computed} computed, {skipped} skipped"
            for (name, branch), (computed, skipped) in self.branches.items()
        ]
        if self.synchronisations:
            lines.append(
                f"  waits    {self.synchronisations} for the GPU, to read the time or a gate's signal"
            )
        if self.short:
            steps = f"{len(self.short)} step{'s' * (len(self.short) > 1)} forecast from fewer"
            lines.append(f"  points   {steps} than {self.method.predictor.points}, so with a lower order")
        lines += [f"  note     {note}" for note in self.notes]
        return "\n".join(lines)
