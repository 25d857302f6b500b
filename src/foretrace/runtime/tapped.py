"""The modules inside blocks that a site taps: which they are now, what they are called, and the taps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from foretrace.models import Places
from foretrace.runtime.invocation import Invocation
from foretrace.runtime.tap import BlockHandler, PassingTaps, Switch, Tap, inner_at, install_taps

Place = tuple[nn.Module, str]


class Tapped:
    """The taps of one denoiser: lasting ones on modules with parts, passing ones on single layers.

    ``feeders`` and ``sites`` are the modules themselves as they were at the latest `renew`; adapters may have
    replaced them since the run before.
    """

    def __init__(self, denoiser: nn.Module, places: Places, others: Sequence[Place] = ()) -> None:
        self.denoiser, self.places = denoiser, places
        every = [*places.sites, *places.feeders, *others]
        single = {place for place in every if not any(inner_at(*place).children())}
        self.switch = Switch()
        self._lasting = [place for place in every if place not in single]
        self._passing = PassingTaps([place for place in every if place in single], self.switch)
        self.renew()

    def install(self) -> Callable[[], None]:
        """Put the lasting taps in; returns the undo."""
        return install_taps(self._lasting, self.switch)

    def renew(self) -> None:
        """Look up what the modules are now."""
        self.sites = frozenset(inner_at(*place) for place in self.places.sites)
        self.feeders = frozenset(inner_at(*place) for place in self.places.feeders)
        self.paths = {
            module.__dict__["_inner"] if isinstance(module, Tap) else module: path
            for path, module in self.denoiser.named_modules()
        }

    def run(self, handler: BlockHandler, call: Invocation) -> Any:
        """Run ``call`` while every tapped module goes to ``handler``."""
        with self._passing:
            return self.switch.run(handler, call)
