"""Observers: what is kept of the features of one run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from foretrace.calibrator.affine import channels_last
from foretrace.granularity import Granularity
from foretrace.history import Feature, SiteKey, Step
from foretrace.method import Method
from foretrace.predictor import Reuse
from foretrace.runtime.guard import latent_shape, live_guidance
from foretrace.runtime.session import Session
from foretrace.runtime.target import Target, find_target
from foretrace.schedule import Stride


class Features:
    """All computed features of a run, copied: site -> step index -> streams."""

    def __init__(self) -> None:
        self.found: dict[SiteKey, dict[int, Feature]] = {}

    def computed(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """Keep a copy on the host."""
        self.found.setdefault(site, {})[step.index] = tuple(x.detach().cpu().clone() for x in feature)

    def forecast(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """Nothing: a recorded run computes every step."""


class Grams:
    """The inner products of a run's features: site -> (T, T), and nothing of the features themselves.

    A feature is held until the run ends, on its own device; their products are read once a run.
    """

    def __init__(self) -> None:
        self._held: dict[SiteKey, list[tuple[int, Feature]]] = {}

    def computed(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """Hold a copy."""
        self._held.setdefault(site, []).append((step.index, tuple(x.detach().clone() for x in feature)))

    def forecast(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """Nothing."""

    def matrices(self) -> dict[SiteKey, Tensor]:
        """Per site the sum over streams and entries of ``F_i F_j``: (T, T) float64, on the host.

        Zero for steps at which a site was not called, as one of two experts.
        """
        found = {}
        length = 1 + max((step for points in self._held.values() for step, _ in points), default=-1)
        for site, points in self._held.items():
            steps = torch.tensor([step for step, _ in points])
            total = torch.zeros(length, length, dtype=torch.float64)
            for stream in zip(*(feature for _, feature in points), strict=True):
                rows = torch.stack([x.flatten() for x in stream]).double()
                total[steps[:, None], steps] += (rows @ rows.T).cpu()
            found[site] = total
        self._held = {}
        return found


class TokenMeans:
    """The mean over tokens of every sample: (place, forecast or computed) -> (rows, channels).

    With ``steps`` given, only those steps are kept. ``positions=True`` keeps the mean over samples at
    every token position beside it.
    """

    def __init__(self, steps: frozenset[int] | None = None) -> None:
        self.steps = steps
        self.of_computed: dict[tuple[int, SiteKey], list[Means]] = {}
        self.of_forecast: dict[tuple[int, SiteKey], list[Means]] = {}

    def computed(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """Keep the means of a computed feature."""
        if self.steps is None or step.index in self.steps:
            self.of_computed[step.index, site] = [Means.of(x) for x in feature]

    def forecast(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """Keep the means of a forecast, as it was before any correction."""
        if self.steps is None or step.index in self.steps:
            self.of_forecast[step.index, site] = [Means.of(x) for x in feature]


class Means:
    """Of one stream: ``rows`` (samples, D), means over tokens; ``positions`` (tokens, D), sums."""

    def __init__(self, rows: Tensor, positions: Tensor, count: int) -> None:
        self.rows, self.positions, self.count = rows, positions, count

    @classmethod
    def of(cls, x: Tensor) -> Means:
        """The means of a feature (samples, ..., channels)."""
        tokens = channels_last(x.detach()).double()
        flat = tokens.reshape(len(tokens), -1, tokens.shape[-1])
        return cls(flat.mean(dim=1).cpu(), flat.sum(dim=0).cpu(), len(flat))

    def __add__(self, other: Means) -> Means:
        """Of both sets of samples."""
        return Means(
            torch.cat([self.rows, other.rows]), self.positions + other.positions, self.count + other.count
        )


class RunFacts:
    """What a run was made with, as a profile's guard would see it."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}

    def __call__(self, target: Target, total: int | None, shapes: dict[str, Any]) -> None:
        """Note steps, guidance and resolution of the run that begins."""
        guidance, resolution = live_guidance(target.pipeline), latent_shape(shapes)
        self.seen = {"steps": total, "guidance": guidance, "resolution": resolution}


@contextmanager
def observing(pipe: Any, method: Method, observer: Any, setting: RunFacts | None = None) -> Iterator[Session]:
    """``method`` at work on ``pipe``, every feature shown to ``observer``."""
    session = Session(find_target(pipe), method, None, observer, setting)
    session.attach()
    try:
        yield session
    finally:
        session.detach()


def never_skip(granularity: Granularity) -> Method:
    """The uncached run, with sites at ``granularity`` to look at."""
    return Method(Stride(1, "first"), Reuse(), granularity, name="uncached")
