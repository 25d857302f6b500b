"""Calls in which some modules run and others are forecast: verified ones, or all of them on some samples."""

from __future__ import annotations

from typing import Any, Protocol

from torch import nn

from foretrace.gate import Verifier
from foretrace.history import Step
from foretrace.runtime.packing import fetch, fresh_containers, unpack
from foretrace.runtime.rows import take
from foretrace.runtime.trace import Trace


class Skipping(Protocol):
    """A handler that answers for every module."""

    calls: int

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What stands in for the module's output."""
        ...


class Check:
    """A skipped call in which a verifier has some modules run on what the forecasts give them."""

    def __init__(self, skipping: Skipping, route: Any, verifier: Verifier) -> None:
        self.skipping, self.route, self.verifier = skipping, route, verifier
        self.sites = verifier.numbers(len(route.sources))
        self.missed: float | None = None

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Answer for ``module``, and run it too where it is checked."""
        call = self.skipping.calls
        checked = call < self.route.count and self.route.serves(call) in self.sites
        if not checked:
            return self.skipping(module, args, kwargs)
        draft = self.skipping(module, args, fresh_containers(kwargs))
        exact = module(*args, **kwargs)
        if self.route.numbers[call] is None:
            return exact  # it works for a checked module, which is to be given the truth
        if self.verifier.rejected != "nothing":
            pair = (unpack(x, type(module).__name__)[0] for x in (draft, exact))
            error = self.verifier.error(*pair)
            self.missed = error if self.missed is None else max(self.missed, error)
        return exact if self.verifier.keep == "exact" else draft


class SomeRows:
    """A call in which the modules run on some samples alone, and the others' results are forecast."""

    def __init__(self, name: str, wide: bool, trace: Trace, step: Step, rows: tuple[int, ...]) -> None:
        self.name, self.wide, self.trace, self.step, self.rows = name, wide, trace, step, rows
        self.batch = step.batch or 1
        self.calls = 0

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run ``module`` on the samples of this call; those that only work for another run on all."""
        call, route = self.calls, self.trace.layout
        self.calls += 1
        route.check_order(self.name, self.step, call, module)
        site = route.numbers[call]
        if site is None:
            return module(*args, **kwargs)
        entered = tuple(fetch(slot, args, kwargs).clone() for slot in route.sources[site])
        some, named = take(args, kwargs, self.rows, self.batch)
        feature, _ = unpack(module(*some, **named), type(module).__name__)
        joined = self.trace.join(self.step, feature, self.rows, entered, site, self.wide)
        return route.passages[call].template.pack(joined)
