"""What happens along one run: error by step, the path in its two main directions, orders chosen."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from foretrace.history import Feature, Step
from foretrace.offline.sampling import relative_error
from foretrace.predictor import Lagrange, Predictor


def error_by_step(latents: Sequence[Tensor], reference: Sequence[Tensor]) -> list[float]:
    """Relative L2 of the latents to the uncached ones after each step, averaged over samples; empty where the
    runs have different numbers of steps.
    """
    if len(latents) != len(reference):
        return []
    pairs = zip(latents, reference, strict=True)
    return [float(relative_error(own, full).mean()) for own, full in pairs]


def plane_of(outputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The mean (D,) and the two main directions (2, D) of the first sample's model outputs over a run."""
    rows = _rows(outputs)
    mean = rows.mean(dim=0)
    directions = torch.linalg.svd(rows - mean, full_matrices=False).Vh[:2]
    return mean, directions


def project(outputs: Sequence[Tensor], plane: tuple[Tensor, Tensor]) -> list[list[float]]:
    """The first sample's model outputs in a plane: (steps, 2)."""
    mean, directions = plane
    return ((_rows(outputs) - mean) @ directions.T).tolist()


def _rows(outputs: Sequence[Tensor]) -> Tensor:
    return torch.stack([x[0].flatten().double() for x in outputs])


def describe(own: Any, uncached: Any, orders: Sequence[float] = ()) -> dict[str, Any]:
    """The ``trajectory`` of a row from its `Steps` and those of the uncached run."""
    found: dict[str, Any] = {}
    errors = error_by_step(own.latents, uncached.latents)
    if errors:
        found["error_by_step"] = errors
    same = own.outputs and uncached.outputs and own.outputs[0].shape == uncached.outputs[0].shape
    if same and len(uncached.outputs) > 1:
        plane = plane_of(uncached.outputs)
        found["pca"] = {"uncached": project(uncached.outputs, plane), "cached": project(own.outputs, plane)}
    if orders:
        found["orders"] = list(orders)
    return found


@dataclass(frozen=True)
class Noting(Predictor):
    """``inner``, with a note of the order of every forecast. It changes nothing."""

    inner: Predictor
    notes: dict[int, list[int]] = field(default_factory=dict, compare=False)

    @property
    def exact(self) -> int:
        """That of ``inner``."""
        return self.inner.exact

    @property
    def counts_steps(self) -> bool:
        """That of ``inner``."""
        return self.inner.counts_steps

    @property
    def watches_probe(self) -> bool:
        """That of ``inner``."""
        return self.inner.watches_probe

    @property
    def points(self) -> int:
        """That of ``inner``."""
        return self.inner.points

    def look(self, state: Any, added: Feature) -> Any:
        """As ``inner``."""
        return self.inner.look(state, added)

    def init(self, dtype: torch.dtype | None = None) -> Any:
        """As ``inner``."""
        return self.inner.init(dtype)

    def commit(self, state: Any, step: Step, feature: Feature) -> Any:
        """As ``inner``."""
        return self.inner.commit(state, step, feature)

    def predict(self, state: Any, step: Step) -> Feature:
        """As ``inner``, noting the orders of all its streams and samples."""
        orders = getattr(self.inner, "orders", None)
        if orders is not None:
            self.notes.setdefault(step.index, []).extend(n for row in orders(state, step) for n in row)
        elif isinstance(self.inner, Lagrange):
            self.notes.setdefault(step.index, []).append(len(state.times) - 1)
        return self.inner.predict(state, step)

    def nbytes(self, state: Any) -> int:
        """As ``inner``."""
        return self.inner.nbytes(state)

    def orders(self) -> list[float]:
        """The mean order at each skipped step, in their order; empty for predictors without orders."""
        return [round(statistics.fmean(self.notes[i]), 3) for i in sorted(self.notes)]
