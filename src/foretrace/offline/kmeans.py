"""k-means without chance: the same rows give the same clusters, in the same order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from foretrace.checks import at_least
from foretrace.errors import InvalidSetting


def kmeans(rows: NDArray[np.float64], count: int, rounds: int = 100) -> tuple[int, ...]:
    """The cluster of every row, of at most ``count``; cluster 0 has the least mean in the first column.

    Starts from equal parts along the first principal axis, which a few far-off rows cannot take over as they
    can a start from far-apart rows. A cluster that runs empty is dropped.
    """
    at_least("clusters", count, 1)
    if rows.ndim != 2 or not len(rows) or not np.isfinite(rows).all():
        raise InvalidSetting(
            f"rows got an array of shape {rows.shape}; expected finite numbers, a row per member. Pass such."
        )
    centred = rows - rows.mean(axis=0)
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    rank = np.argsort(np.argsort(centred @ axis, kind="stable"), kind="stable")
    labels = rank * count // len(rows)
    for _ in range(rounds):
        centres = np.stack([rows[labels == own].mean(axis=0) for own in np.unique(labels)])
        distances = ((rows[:, None] - centres) ** 2).sum(axis=2)
        nearest = distances.argmin(axis=1)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
    used = np.unique(labels)
    order = used[np.argsort([rows[labels == own, 0].mean() for own in used], kind="stable")]
    return tuple(int(np.flatnonzero(order == own)[0]) for own in labels)
