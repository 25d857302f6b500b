"""The quality of one row, added up call by call, so that no more than one call's pictures are held."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from foretrace.bench.bootstrap import bootstrap, recentred
from foretrace.bench.quality import fidelity
from foretrace.bench.quality.distribution import (
    Gaussian,
    frechet,
    gaussian_of,
    inception_score,
    kernel_distance,
)
from foretrace.bench.quality.networks import Seen
from foretrace.bench.quality.panel import OF_NETWORK, SMALLEST, Panel, asked_of
from foretrace.bench.quality.reference import Reference, see_frames
from foretrace.bench.rows import Estimate
from foretrace.offline.calls import Call

RESAMPLES = ((128, 100), (1024, 25))
"""Up to which width of features how many resamples: beyond, singular values take too long for an interval."""


class Tally:
    """What ``panel`` says of one row. ``missing`` grows by what turns out not to be measurable."""

    def __init__(self, panel: Panel) -> None:
        self.panel, self.missing = panel, dict(panel.missing)
        self.values: dict[str, list[float]] = {}
        self.seen: list[Seen] = []

    def add(self, call: Call, images: Tensor, uncached: Tensor) -> None:
        """Judge the samples of one call, (samples, frames, 3, height, width); ``uncached`` are theirs."""
        panel = self.panel
        self._note("relative_l2", lambda: fidelity.relative_l2(images, uncached, panel.decoded))
        self._note("psnr", lambda: fidelity.psnr(images, uncached))
        if panel.decoded and min(images.shape[-2:]) < SMALLEST:
            self.missing["ssim"] = f"the pictures are smaller than its window of {SMALLEST} pixels"
        self._note("ssim", lambda: fidelity.ssim(images, uncached))
        if (lpips := panel.lpips) is not None:
            flat = images.flatten(0, 1), uncached.flatten(0, 1)
            self._note("lpips", lambda: lpips(*flat).reshape(len(images), -1).mean(dim=1))
        if (clip := panel.clip) is not None:
            middle = images[:, images.shape[1] // 2]  # of a video its middle frame
            self._note("clip", lambda: clip(middle, call["prompt"]))
        if panel.has("task"):
            self._score(call, images)
        if panel.network is not None and any(panel.has(name) for name in OF_NETWORK):
            self.seen.append(see_frames(panel.network, images))

    def _note(self, name: str, judge: Callable[[], Tensor]) -> None:
        if self.panel.has(name) and name not in self.missing:
            self.values.setdefault(name, []).extend(judge().tolist())

    def _score(self, call: Call, images: Tensor) -> None:
        """The task's share for each sample alone; their mean is that over samples."""
        task = self.panel.task
        assert task is not None
        asked = asked_of(task, call) or []
        shown = images.squeeze(1) if images.shape[1] == 1 else images
        found = [task.scorer(shown[i : i + 1], [one]) for i, one in enumerate(asked)]
        self.values.setdefault(task.score_name, []).extend(found)

    def result(self) -> dict[str, Estimate]:
        """Every metric with its interval."""
        found = {name: bootstrap(values) for name, values in self.values.items()}
        return found | self._distribution()

    def _distribution(self) -> dict[str, Estimate]:
        reference = self.panel.reference
        if not self.seen:
            return {}
        pooled, spatial, logits = (
            torch.cat(column) if column[0] is not None else None for column in zip(*self.seen, strict=True)
        )
        found: dict[str, Estimate] = {}
        if reference is not None and pooled is not None:
            pairs = (reference.features, reference.spatial_features) if reference.paired else (None, None)
            self._distance(found, "frechet", pooled, reference.pooled, pairs[0])
            self._distance(found, "sfid", spatial, reference.spatial, pairs[1])
            self._kernel(found, pooled, reference)
        if logits is None:
            self._lack("inception_score", "the network names no classes")
        elif self.panel.has("inception_score"):
            score = lambda i: inception_score(logits[i].flatten(0, 1))  # noqa: E731
            found["inception_score"] = recentred(score, len(logits), least=1.0)
        return found

    def _distance(
        self,
        found: dict[str, Estimate],
        name: str,
        own: Tensor | None,
        other: Gaussian | None,
        pair: Tensor | None,
    ) -> None:
        """A Frechet distance; samples with the reference's own noises are resampled together with it."""
        if own is None or other is None:
            return self._lack(name, "the network or the reference has no spatial features")
        if own.shape[:2].numel() < 2:
            return self._lack(name, "one sample has no distribution")
        if not self.panel.has(name):
            return None

        def distance(places: Tensor) -> float:
            against = other if pair is None else gaussian_of(pair[places].flatten(0, 1))
            return frechet(gaussian_of(own[places].flatten(0, 1)), against)

        resamples = next((n for width, n in RESAMPLES if own.shape[-1] <= width), 0)
        found[name] = recentred(distance, len(own), resamples, least=0.0)
        return None

    def _kernel(self, found: dict[str, Estimate], own: Tensor, reference: Reference) -> None:
        other = reference.features
        if other is None:
            return self._lack("kid", "the reference is a file of statistics, without samples")
        if reference.paired:  # the cross term would hold pairs of nearly equal samples: far below 0
            return self._lack("kid", "it takes independent samples, and the reference has the same noises")
        if min(own.shape[:2].numel(), other.shape[:2].numel()) < 2:
            return self._lack("kid", "one sample has no distribution")
        if self.panel.has("kid"):
            flat = other.flatten(0, 1)
            found["kid"] = recentred(lambda i: kernel_distance(own[i].flatten(0, 1), flat), len(own))
        return None

    def _lack(self, name: str, why: str) -> None:
        if self.panel.has(name):
            self.missing.setdefault(name, why)
