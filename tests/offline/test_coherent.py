"""The vector estimate of a schedule's error: right where responses are linear."""

from __future__ import annotations

import numpy as np
import pytest

import foretrace as ft
from foretrace.offline.coherent import Response, combination
from foretrace.offline.proposal import squared_error, stencil

T = 8


def linear_world(seed: int) -> tuple[np.ndarray, np.ndarray, Response]:
    """Features (T, D), a final sample that answers linearly to each step's error, and its response."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(T, 3)).cumsum(axis=0)
    answers = rng.normal(size=(T, 3, 6))
    predictor = ft.Lagrange(1)
    alone = [[j for j in range(T) if j != i] for i in range(T)]
    units = np.stack([combination(predictor, alone[i], i, T) if i else np.zeros(T) for i in range(T)])
    moved = np.stack([units[i] @ features @ answers[i] for i in range(T)])
    return features, answers, Response(features @ features.T, moved @ moved.T, units)


@pytest.mark.parametrize("step", range(1, T))
def test_one_skipped_step_is_what_was_measured(step: int) -> None:
    _, _, response = linear_world(step)
    computed = [i for i in range(T) if i != step]
    expected = response.deviations[step, step] ** 0.5
    assert response.error(ft.Lagrange(1), computed) == pytest.approx(expected)


def test_nothing_skipped_is_no_error() -> None:
    assert linear_world(0)[2].error(ft.Lagrange(1), range(T)) == 0.0


def test_errors_along_the_measured_ones_add_as_vectors() -> None:
    rng = np.random.default_rng(3)
    line = rng.normal(size=5)
    features = np.outer(rng.normal(size=T).cumsum(), line)  # all errors lie on one line
    answers = rng.normal(size=(T, 5, 6))
    predictor, computed = ft.Lagrange(1), [0, 1, 4, 7]
    units = np.stack(
        [
            combination(predictor, [j for j in range(T) if j != i], i, T) if i else np.zeros(T)
            for i in range(T)
        ]
    )
    moved = np.stack([units[i] @ features @ answers[i] for i in range(T)])
    response = Response(features @ features.T, moved @ moved.T, units)
    skipped = [i for i in range(T) if i not in computed]
    true = sum(combination(predictor, computed, i, T) @ features @ answers[i] for i in skipped)
    assert response.error(predictor, computed) == pytest.approx(float(np.linalg.norm(true)))


def test_a_combination_has_the_error_of_its_stencil() -> None:
    features, _, response = linear_world(5)
    row = combination(ft.Lagrange(2), [0, 2, 3], 5, T)
    points, weights = stencil(ft.Lagrange(2), [0, 2, 3], 5)
    expected = squared_error(response.gram, points, weights, 5)
    assert float(np.square(row @ features).sum()) == pytest.approx(expected)
