"""Another predictor at every step: what a search over schedules ends in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foretrace.combinator.parts import require_linear
from foretrace.errors import InvalidSetting
from foretrace.predictor.base import LinearPredictor


@dataclass(frozen=True)
class ByStep(LinearPredictor):
    """``p_c(t)(t)`` with ``c = choices``: at step ``i`` the forecast of ``bases[choices[i]]``.

    Steps beyond the list take its last entry. Time must be the step index.
    """

    bases: tuple[LinearPredictor, ...]
    choices: tuple[int, ...]

    def __post_init__(self) -> None:
        for base in self.bases:
            require_linear("bases", base)
        if not self.choices or any(not 0 <= c < len(self.bases) for c in self.choices):
            raise InvalidSetting(
                f"choices got {self.choices}; expected, for every step, a number of the {len(self.bases)} "
                "bases, from 0. Pass those."
            )

    @property
    def exact(self) -> int:
        """The least of all that are chosen."""
        return min(self.bases[c].exact for c in set(self.choices))

    @property
    def counts_steps(self) -> bool:
        """The choice is by step index."""
        return True

    @property
    def points(self) -> int:
        """The most of all that are chosen."""
        return max(self.bases[c].points for c in set(self.choices))

    def at(self, index: int) -> LinearPredictor:
        """The predictor of step ``index``."""
        return self.bases[self.choices[min(index, len(self.choices) - 1)]]

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """Those of the predictor chosen at ``t``, on as many of the newest points as it asks for."""
        base = self.at(round(t))
        used = times[: base.points]
        return (*base.weights(used, t), *(0.0,) * (len(times) - len(used)))
