"""A second way to tell a schedule's error without running it: errors of several steps added as vectors.

`proposal` adds squares, as if the errors of neighbouring skips had nothing to do with each other. Here the
final deviation of every step forecast alone is kept as a vector ``D_i``, and those of a schedule are added:

    deviation(H) ~ sum_i c_i D_i,   c_i = <err_i(H), err_i(H_0)> / |err_i(H_0)|^2,

with ``err_i(H)`` the error of forecasting step ``i`` from the schedule's points and ``H_0`` all other steps,
from which ``D_i`` was measured. What of ``err_i(H)`` is not along ``err_i(H_0)`` moves the sample in a
direction that was not measured; its square is added with the same amplification. Both need the Gram matrix
only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from foretrace.offline.collect import observing
from foretrace.offline.judge import Candidate, Judge
from foretrace.offline.progress import Progress, silent
from foretrace.offline.proposal import stencil
from foretrace.offline.sampling import sample
from foretrace.predictor import LinearPredictor


@dataclass(frozen=True)
class Response:
    """How the final sample answers to each step's error.

    ``gram`` (T, T) of the features; ``deviations`` (T, T), ``<D_i, D_j>`` relative to the samples' norm;
    ``units`` (T, T), row ``i`` the combination of features that is ``err_i(H_0)``.
    """

    gram: np.ndarray
    deviations: np.ndarray
    units: np.ndarray

    def error(self, predictor: LinearPredictor, computed: Sequence[int]) -> float:
        """The estimated relative error of the final sample of a schedule."""
        total = len(self.gram)
        skipped = [i for i in range(total) if i not in set(computed)]
        along, across = np.zeros(total), 0.0
        for i in skipped:
            mine, alone = combination(predictor, computed, i, total), self.units[i]
            power = float(alone @ self.gram @ alone)
            if power <= 0:
                continue
            along[i] = float(mine @ self.gram @ alone) / power
            rest = float(mine @ self.gram @ mine) - along[i] ** 2 * power
            across += max(rest, 0.0) / power * self.deviations[i, i]
        return math.sqrt(max(float(along @ self.deviations @ along) + across, 0.0))


def combination(predictor: LinearPredictor, computed: Sequence[int], step: int, total: int) -> np.ndarray:
    """The forecast error at ``step`` as weights of the features: 1 there, minus the stencil."""
    points, weights = stencil(predictor, computed, step)
    row = np.zeros(total)
    row[step] = 1.0
    row[points] -= weights
    return row


def measure_response(
    judge: Judge, gram: Tensor, predictor: LinearPredictor, progress: Progress = silent
) -> Response:
    """`Response` from T - 1 runs of every call of ``judge``, each with one step forecast."""
    k = gram.double().numpy()
    total = len(k)
    moved: list[list[Tensor]] = []
    with progress("responses", total) as advance:
        for step in range(total):
            others = tuple(i for i in range(total) if i != step)
            moved.append(_deviations(judge, Candidate(others, predictor)) if step else [])
            advance(1)
    units = np.stack(
        [combination(predictor, [j for j in range(total) if j != i], i, total) if i else np.zeros(total)
         for i in range(total)]
    )  # fmt: skip
    return Response(k, _inner(moved), units)


def _deviations(judge: Judge, candidate: Candidate) -> list[Tensor]:
    """Of every sample of every call, the deviation of the final latents over the reference's norm."""
    found = []
    for call, reference in zip(judge.calls, judge.references, strict=True):
        with observing(judge.pipe, candidate.method(judge.granularity), None):
            latents = sample(judge.pipe, call)
        norm = reference.flatten(1).norm(dim=1, keepdim=True).clamp(min=1e-30)
        found += list((latents - reference).flatten(1) / norm)
    return found


def _inner(moved: list[list[Tensor]]) -> np.ndarray:
    """``<D_i, D_j>``, the mean over samples; rows without a run are zero."""
    samples = max(map(len, moved))
    total = np.zeros((len(moved), len(moved)))
    for number in range(samples):
        shape = next(row[number] for row in moved if row)
        rows = torch.stack([row[number] if row else torch.zeros_like(shape) for row in moved]).double()
        total += (rows @ rows.T).numpy()
    return total / samples
