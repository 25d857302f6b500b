"""TCC: affine priors by step and site, applied after the predictor (arXiv:2605.24870, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch

from foretrace.calibrator.affine import AffineMap
from foretrace.calibrator.base import Calibrator
from foretrace.history import Feature, SiteKey, Step


class Place(NamedTuple):
    """Where a prior applies: step index, site, and stream of the site's feature."""

    step: int
    site: SiteKey
    stream: int


@dataclass(frozen=True)
class TCC(Calibrator):
    """The priors of one schedule. A place without a prior is left as it is."""

    maps: Mapping[Place, AffineMap] = field(default_factory=dict, repr=False)
    write_back: bool = False
    _placed: dict[tuple[Place, torch.device], AffineMap] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def correct(self, forecast: Feature, site: SiteKey, step: Step) -> Feature:
        """See the class."""
        found = [self._at(Place(step.index, site, i), x.device) for i, x in enumerate(forecast)]
        if not any(found):
            return forecast
        return tuple(one.apply(x) if one else x for one, x in zip(found, forecast, strict=True))

    def _at(self, place: Place, device: torch.device) -> AffineMap | None:
        """The prior of a place, on the device of the feature: moved there once, not at every skipped step."""
        if place not in self.maps:
            return None
        if (place, device) not in self._placed:
            self._placed[place, device] = self.maps[place].to(device)
        return self._placed[place, device]

    def with_maps(self, maps: Mapping[Place, AffineMap]) -> TCC:
        """These priors and ``maps`` beside them."""
        return replace(self, maps={**self.maps, **maps})

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps that have a prior."""
        return tuple(sorted({place.step for place in self.maps}))

    @property
    def nbytes(self) -> int:
        """Bytes of all priors."""
        return sum(one.nbytes for one in self.maps.values())
