"""The calibrator contract: corrects a forecast with what was learned offline."""

from __future__ import annotations

from abc import ABC, abstractmethod

from foretrace.history import Feature, SiteKey, Step


class Calibrator(ABC):
    """Corrects the forecast of one site at one skipped step; computed features never pass through it.

    ``write_back`` says whether the corrected feature takes the place of the newest point in the predictor's
    history, so that the next skipped step starts from it.
    """

    write_back: bool = False

    @abstractmethod
    def correct(self, forecast: Feature, site: SiteKey, step: Step) -> Feature:
        """The corrected feature, in the shapes and dtypes of ``forecast``; ``forecast`` itself if there
        is nothing to correct. It is not changed in place.
        """

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes of the tensors that it keeps."""
