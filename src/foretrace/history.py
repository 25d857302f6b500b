"""What is remembered between steps: the step itself, features, and the points a predictor keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor

from foretrace.errors import ClockError, ShapeChanged

Feature: TypeAlias = tuple[Tensor, ...]
"""The tensors (streams) at one site. FLUX has two: text tokens and image tokens."""


class SiteKey(NamedTuple):
    """One site of one branch: name of the denoiser, branch, and number in the order of the calls."""

    denoiser: str
    branch: int
    number: int


@dataclass(frozen=True)
class Step:
    """One scheduler step of a run.

    ``index`` counts from 0 (the noisiest step), ``t`` is the time the denoiser was given (timestep or
    sigma, in the model's own unit), ``total`` the number of steps of the run where it is known, ``batch`` the
    number of samples in the call, ``rows`` which of them are meant (``None``: all).
    """

    index: int
    t: float = 0.0
    total: int | None = None
    coordinate: float | None = None
    batch: int | None = None
    rows: tuple[int, ...] | None = None

    def has_rows(self, x: Tensor) -> bool:
        """Whether ``x`` has one row per sample; folded frames and packed tokens have not."""
        return x.ndim > 1 and self.batch in (None, len(x))

    @property
    def time(self) -> float:
        """What predictors extrapolate in: ``coordinate``, or the index where none is given."""
        return float(self.index) if self.coordinate is None else self.coordinate


class Observer(Protocol):
    """Is shown every feature of a run, and must copy what it wants to keep."""

    def computed(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """A feature was computed."""

    def forecast(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """A feature was forecast; it is not corrected yet."""


@dataclass(frozen=True)
class Points:
    """The newest computed features of one site, newest first, in preallocated storage.

    ``dtype`` is the storage precision (``None``: the feature's own). ``push`` gives the storage of the
    point that drops out to the new one, so the state that was passed in must not be used again.
    """

    times: tuple[float, ...] = ()
    features: tuple[Feature, ...] = ()
    dtype: torch.dtype | None = None
    out_dtypes: tuple[torch.dtype, ...] = ()

    def push(self, time: float, feature: Feature, keep: int) -> Points:
        """Return the points with ``feature`` in front and at most ``keep`` of them."""
        if time in self.times:
            raise ClockError(
                f"two computed steps have the same time coordinate {time}; expected distinct ones. "
                "Pass time='index', or times that do not round to the same number."
            )
        full = len(self.features) >= keep
        storage = self.features[keep - 1] if full else self._allocate(feature)
        for stored, live in zip(storage, feature, strict=True):
            if stored.shape != live.shape:  # copying would broadcast without a word
                raise ShapeChanged(
                    f"a feature got shape {tuple(live.shape)} at time {time:g}; expected "
                    f"{tuple(stored.shape)} as at the start of the run. Start a new run with run.begin()."
                )
            stored.copy_(live.detach())
        older = keep - 1
        return Points(
            (time, *self.times[:older]),
            (storage, *self.features[:older]),
            self.dtype,
            tuple(live.dtype for live in feature),
        )

    def _allocate(self, feature: Feature) -> Feature:
        with torch.inference_mode(False):  # tensors of inference mode cannot be written outside of it
            return tuple(
                torch.empty(live.shape, dtype=self.dtype or live.dtype, device=live.device)
                for live in feature
            )

    @property
    def nbytes(self) -> int:
        """Bytes of all stored tensors."""
        return sum(x.numel() * x.element_size() for feature in self.features for x in feature)


def weighted_sum(weights: Sequence[float], tensors: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """``sum_i weights[i] * tensors[i]`` with one accumulator of at least fp32, returned in ``dtype``.

    Points of weight zero are not read. The result never shares memory with a point.
    """
    used = [(w, x) for w, x in zip(weights, tensors, strict=False) if w != 0.0]
    if not used:
        return torch.zeros_like(tensors[0], dtype=dtype)
    if len(used) == 1 and used[0][0] == 1.0:
        return used[0][1].to(dtype, copy=True)
    accumulate = torch.promote_types(dtype, torch.float32)
    first_weight, first = used[0]
    total = scaled(first, first_weight, accumulate)
    for weight, tensor in used[1:]:
        total.add_(tensor, alpha=weight)
    return total.to(dtype)


def scaled(x: Tensor, weight: float, dtype: torch.dtype) -> Tensor:
    """``weight * x`` in ``dtype`` as a new tensor, in one pass where it needs no conversion."""
    return torch.mul(x, weight) if x.dtype == dtype else x.to(dtype).mul_(weight)


def weighted_rows(weights: Tensor, tensors: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """As `weighted_sum`, with weights of shape (batch, points): each sample has its own."""
    accumulate = torch.promote_types(dtype, torch.float32)
    rows = (-1, *(1,) * (tensors[0].ndim - 1))
    weights = weights.to(accumulate)
    if tensors[0].device.type == "cuda":  # from pinned memory the copy does not wait for the GPU
        weights = weights.pin_memory()
    weights = weights.to(tensors[0].device, non_blocking=True)
    total = tensors[0].to(accumulate, copy=True).mul_(weights[:, 0].reshape(rows))
    for i, tensor in enumerate(tensors[1 : weights.shape[1]], start=1):
        total.addcmul_(tensor.to(accumulate), weights[:, i].reshape(rows))
    return total.to(dtype)


def weighted_samples(
    rows: Sequence[tuple[float, ...]], stream: Sequence[Tensor], dtype: torch.dtype
) -> Tensor:
    """The sum with a row of weights per sample, or with one where all rows agree."""
    if all(row == rows[0] for row in rows[1:]):
        return weighted_sum(rows[0], stream, dtype)
    return weighted_rows(torch.tensor(rows, dtype=torch.float64), stream, dtype)
