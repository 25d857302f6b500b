"""Which channels of a feature move alike, and which solver forecasts each kind best (HyCa's offline step).

    phi_c = (|F'|, |F''|, energy, |F'''| / |F''|, |F''| / |F'|, spectral flatness)   of channel c
    g     = k-means of the phi_c
    s_g   = argmin over the pool of the mean squared error of its forecasts in group g

(arXiv:2510.04188.) From the features of a few steps of one uncached run, once per model and site. The paper
names these descriptors; not public, and read so: sizes are root mean squares over steps, samples and tokens
of divided differences on the mean gap; descriptors enter k-means as logarithms, each with unit spread;
flatness is that of the power spectrum over time without the mean; channels are those of one site.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foretrace.combinator.channels import Channels
from foretrace.errors import InvalidSetting
from foretrace.history import weighted_sum
from foretrace.offline.kmeans import kmeans
from foretrace.predictor.base import LinearPredictor
from foretrace.predictor.lagrange import divided_difference
from foretrace.predictor.pool import SOLVERS, solver


@dataclass(frozen=True)
class ChannelSolvers:
    """What `fit_channels` finds: the group of every channel and the solver of every group, plain data."""

    groups: tuple[int, ...]
    solvers: tuple[str, ...]

    def predictor(self) -> Channels:
        """The predictor that forecasts every group with its solver."""
        return Channels(tuple(solver(name) for name in self.solvers), self.groups)


def fit_channels(
    features: Sequence[Tensor],
    times: Sequence[float],
    clusters: int = 2,
    computed: Sequence[int] | None = None,
) -> ChannelSolvers:
    """Groups and solvers from ``features``, one tensor (..., channels) per step of an uncached run, in order.

    ``computed`` are positions in the recording that a run would compute; solvers are then judged on the
    others, as in that run. ``None`` judges them one recorded step ahead, the published way.
    """
    groups = kmeans(descriptors(features, times), clusters)
    errors = solver_errors(features, times, computed)
    names = list(SOLVERS)
    best = [
        int(errors[:, [c for c, own in enumerate(groups) if own == group]].mean(axis=1).argmin())
        for group in range(max(groups) + 1)
    ]
    return ChannelSolvers(groups, tuple(names[i] for i in best))


def descriptors(features: Sequence[Tensor], times: Sequence[float]) -> NDArray[np.float64]:
    """The standardised descriptors of every channel, (channels, 6)."""
    _check(features, times, 4)
    gap = abs(times[-1] - times[0]) / (len(times) - 1)
    even = [time / gap for time in times]
    sizes = [_size(features)]
    for order, factorial in ((1, 1.0), (2, 2.0), (3, 6.0)):
        differences = []
        for i in range(len(even) - order):
            window = slice(i, i + order + 1)
            weights = [factorial * w for w in divided_difference(even[window])]
            differences.append(weighted_sum(weights, features[window], torch.float64))
        sizes.append(_size(differences))
    energy, first, second, third = (np.maximum(size, 1e-12 * sizes[0].max() + 1e-300) for size in sizes)
    columns = np.stack(
        [first, second, energy**2, third / second, second / first, _flatness(features)], axis=1
    )
    logs = np.log(columns)
    spread = logs.std(axis=0)
    return (logs - logs.mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0)


def solver_errors(
    features: Sequence[Tensor],
    times: Sequence[float],
    computed: Sequence[int] | None = None,
    pool: Mapping[str, LinearPredictor] = SOLVERS,
) -> NDArray[np.float64]:
    """The mean squared forecast error of every solver on every channel, (solvers, channels)."""
    _check(features, times, 4)
    total = np.zeros((len(pool), features[0].shape[-1]))
    for points, target in _trials(len(features), computed):
        for row, predictor in enumerate(pool.values()):
            kept = points[: predictor.points]
            weights = predictor.weights([times[i] for i in kept], times[target])
            forecast = weighted_sum(weights, [features[i] for i in kept], torch.float64)
            total[row] += _mean_square(forecast - features[target])
    return total


def _trials(steps: int, computed: Sequence[int] | None) -> Iterator[tuple[list[int], int]]:
    """Positions of the points (newest first) and of the target of every forecast that is judged."""
    if computed is None:
        yield from ((list(range(target - 1, -1, -1)), target) for target in range(3, steps))
        return
    known = sorted(set(computed))
    targets = [t for t in range(steps) if t not in known and sum(own < t for own in known) >= 3]
    if not targets or known[0] < 0 or known[-1] >= steps:
        raise InvalidSetting(
            f"computed got {known} for a recording of {steps} steps; expected three or more positions within "
            "it and at least one not computed after them. Pass such a table, or a longer recording."
        )
    yield from (([i for i in reversed(known) if i < target], target) for target in targets)


def _mean_square(x: Tensor) -> NDArray[np.float64]:
    """The mean over all but the last dimension."""
    return x.double().square().reshape(-1, x.shape[-1]).mean(dim=0).cpu().numpy()


def _size(features: Sequence[Tensor]) -> NDArray[np.float64]:
    """The root mean square of every channel over all features."""
    return np.sqrt(np.mean([_mean_square(x) for x in features], axis=0))


def _flatness(features: Sequence[Tensor]) -> NDArray[np.float64]:
    """Geometric over arithmetic mean of every channel's power spectrum over time, the constant left out."""
    path = torch.stack([x.double() for x in features])
    power = torch.fft.rfft(path - path.mean(dim=0), dim=0)[1:].abs().square()
    power = power.reshape(len(power), -1, power.shape[-1]).mean(dim=1)
    power = power.clamp_min(max(1e-24 * float(power.max()), 1e-300))
    return (power.log().mean(dim=0).exp() / power.mean(dim=0)).cpu().numpy()


def _check(features: Sequence[Tensor], times: Sequence[float], least: int) -> None:
    shapes = {tuple(x.shape) for x in features}
    if len(features) < least or len(features) != len(times) or len(shapes) != 1 or () in shapes:
        raise InvalidSetting(
            f"features got {len(features)} tensors of shapes {sorted(shapes)} at {len(times)} times; "
            f"expected {least} or more of one shape (..., channels), a time for each. Pass such a recording."
        )
    if len(set(times)) < len(times):
        raise InvalidSetting(f"times got {list(times)}; expected distinct ones. Pass e.g. step indices.")
