"""What a search tries: which steps are computed, and what forecasts the others."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from foretrace.granularity import Granularity
from foretrace.method import Method
from foretrace.predictor import Predictor
from foretrace.profile.codec import encode
from foretrace.schedule import Mask


@dataclass(frozen=True)
class Candidate:
    """See the module."""

    computed: tuple[int, ...]
    predictor: Predictor

    def method(self, granularity: Granularity) -> Method:
        """As a method."""
        return Method(Mask(self.computed), self.predictor, granularity, name="tuned")

    @property
    def key(self) -> str:
        """The same for the same candidate, also in another process."""
        text = json.dumps([list(self.computed), encode(self.predictor)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
