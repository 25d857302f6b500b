"""SpeCa's rule when to compute: after a rejected forecast, within limits of the run of skips."""

from __future__ import annotations

from dataclasses import dataclass

from foretrace.checks import at_least
from foretrace.errors import InvalidSetting
from foretrace.gate.base import Gate, Signal


@dataclass(frozen=True)
class Speculative(Gate):
    """Heeds a verifier's rejections one step later, as SpeCa is released.

    After a computed step one is always skipped. Then, with ``run`` steps skipped so far: compute if the step
    is one of the ``first``, if ``run >= most``, or if ``run >= least`` and the verifier rejected the newest
    forecast.
    So ``first`` steps never are all computed: every other one is.
    """

    first: int = 3
    least: int = 2
    most: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("first", self.first, 0)
        at_least("least", self.least, 1)
        at_least("most", self.most, 1)
        if self.least > self.most:
            raise InvalidSetting(
                f"Speculative got least={self.least} and most={self.most}; expected least <= most. Swap them."
            )

    def init(self) -> None:
        """Nothing needs to be remembered."""

    def admits(self, state: None, signal: Signal) -> tuple[bool, None]:
        """See the class."""
        run = signal.age - 1
        if run == 0:
            return True, None
        if signal.step.index < self.first or run >= self.most:
            return False, None
        return not (run >= self.least and signal.rejected), None
