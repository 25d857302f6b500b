"""The sites of ``PerBlock`` and ``PerModule``: what each block, or each named module in it, returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from foretrace.errors import UnsupportedModel
from foretrace.gate import Verifier
from foretrace.granularity import PerBlock, PerModule
from foretrace.history import Feature, Step
from foretrace.models import Places, block_places, check_uncompiled, module_places
from foretrace.runtime.invocation import Invocation
from foretrace.runtime.layout import Passage, constant, copies, passage_of
from foretrace.runtime.packing import Slot, fetch, unpack
from foretrace.runtime.partly import Check, SomeRows
from foretrace.runtime.proof import check_count, check_replay, raise_other_block
from foretrace.runtime.residual import Inputs, inputs_of, residual_of, sources_of
from foretrace.runtime.tapped import Tapped
from foretrace.runtime.trace import Trace


@dataclass(frozen=True)
class Route:
    """The tapped modules in the order of their calls, and how a skipped call answers for each.

    ``numbers``: which site a call is, ``None`` for a module that only works for a site behind it.
    ``sources``: the arguments that residuals are taken from, per site.
    """

    modules: tuple[nn.Module, ...]
    passages: tuple[Passage, ...]
    numbers: tuple[int | None, ...]
    sources: tuple[tuple[Slot, ...], ...]

    @property
    def count(self) -> int:
        """Calls of tapped modules per denoiser call."""
        return len(self.modules)

    def sites(self) -> tuple[nn.Module, ...]:
        """The modules whose features are kept, one per site."""
        return tuple(m for m, n in zip(self.modules, self.numbers, strict=True) if n is not None)

    def serves(self, call: int) -> int | None:
        """The site that the ``call``-th module is, or works for."""
        return next((number for number in self.numbers[call:] if number is not None), None)

    def check_order(self, name: str, step: Step, call: int, module: nn.Module) -> None:
        """Raise if the ``call``-th tapped module is another one than in the run's first call."""
        if call >= self.count or module is not self.modules[call]:
            raise_other_block(name, step, call)


class ModuleSite:
    """Computes all modules of the sites of one denoiser call, or forecasts all of them."""

    def __init__(
        self, denoiser: nn.Module, granularity: PerBlock | PerModule, verifier: Verifier | None = None
    ) -> None:
        self.name, self.granularity, self.verifier = type(denoiser).__name__, granularity, verifier
        self.residual = granularity.store == "residual"
        self.wide = isinstance(granularity, PerModule)  # its input, a normed stream, may dwarf its output
        self.tapped = Tapped(denoiser, places_of(denoiser, granularity))
        self._proven: set[tuple[int, ...]] = set()

    def install(self) -> Callable[[], None]:
        """Put taps in place of all modules."""
        return self.tapped.install()

    def skipped_blocks(self, trace: Trace) -> tuple[nn.Module, ...] | None:
        """The modules that a skipped call passes over."""
        route: Route = trace.layout
        if self.verifier is None:
            return route.modules
        checked = self.verifier.numbers(len(route.sources))
        return tuple(m for call, m in enumerate(route.modules) if route.serves(call) not in checked)

    def compute(self, trace: Trace, step: Step, call: Invocation) -> Any:
        """Run the denoiser and keep what every module returns."""
        if trace.layout is None:
            return self._learn(trace, step, call)
        watch = _Watch(self, trace, step)
        output = self.tapped.run(watch, call)
        check_count(self.name, step, watch.calls, trace.layout.count)
        return output

    def forecast(self, trace: Trace, step: Step, call: Invocation, depth: int | None = None) -> Any:
        """Run the denoiser with a forecast in place of every module, or of the first ``depth``.

        What a verifier checks is run beside its forecast.
        """
        skipping = _Pass(self.name, trace.layout, step, lambda site: trace.forecast(step, site), depth)
        handler = skipping if self.verifier is None else Check(skipping, trace.layout, self.verifier)
        output = self.tapped.run(handler, call)
        check_count(self.name, step, skipping.calls, trace.layout.count)
        trace.missed = handler.missed
        return output

    def partly(self, trace: Trace, step: Step, call: Invocation, rows: tuple[int, ...]) -> Any:
        """Run the denoiser with the modules run on the samples ``rows`` alone."""
        handler = SomeRows(self.name, self.wide, trace, step, rows)
        output = self.tapped.run(handler, call)
        check_count(self.name, step, handler.calls, trace.layout.count)
        return output

    def _learn(self, trace: Trace, step: Step, call: Invocation) -> Any:
        """The first computed call of a run: learn the route, and once prove that it may be skipped."""
        again = call.fresh()
        self.tapped.renew()
        learner = _Learn(self)
        output = self.tapped.run(learner, call)
        route, features = learner.finish(self.name)
        proof = tuple(id(module) for module in route.modules)
        trace.layout, trace.names = route, tuple(self.tapped.paths[m] for m in route.sites())
        for site, feature in enumerate(features):
            trace.commit(step, feature, site)
        if proof not in self._proven:
            returned = copies(unpack(output, self.name)[0])
            replay = _Pass(self.name, route, step, features.__getitem__)
            replayed = self.tapped.run(replay, again)
            check_replay(self.name, self.granularity, unpack(replayed, self.name)[0], returned)
            self._proven.add(proof)
        return output


class _Learn:
    """The first computed call: every module runs, what it takes and returns is noted."""

    def __init__(self, site: ModuleSite) -> None:
        self.residual, self.wide, self.feeders = site.residual, site.wide, site.tapped.feeders
        self.modules: list[nn.Module] = []
        self.passages: list[Passage] = []
        self.numbers: list[int | None] = []
        self.features: list[Feature] = []
        self.inputs: list[Inputs] = []

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        site = module not in self.feeders
        if self.residual and site:
            self.inputs.append(inputs_of(module, args, kwargs))
        output = module(*args, **kwargs)
        self.modules.append(module)
        if isinstance(output, Tensor) and not output.numel():
            self.inputs = self.inputs[: len(self.features)]
            self.passages.append(constant(output))
            self.numbers.append(None)
            return output
        feature, template = unpack(output, type(module).__name__)
        self.passages.append(passage_of(feature, template, args, kwargs))
        self.numbers.append(len(self.features) if site else None)
        if site:
            self.features.append(copies(feature))  # the model may write to its own
        if self.residual and site:
            self.inputs[-1].returned = feature
        return output

    def finish(self, name: str) -> tuple[Route, list[Feature]]:
        """The route, and what is kept at each site."""
        if not self.features:
            raise UnsupportedModel(
                f"{name} called none of the modules at its sites; expected at least one call. "
                "Use granularity=PerModel()."
            )
        modules, passages, numbers = tuple(self.modules), tuple(self.passages), tuple(self.numbers)
        route = Route(modules, passages, numbers, ((),) * len(self.features))
        if not self.residual:
            return route, self.features
        route = replace(route, sources=sources_of(name, route.sites(), self.inputs))
        for site, slots in enumerate(route.sources):
            entered = [self.inputs[site].copies[slot] for slot in slots]
            self.features[site] = residual_of(self.features[site], entered, self.wide)
        return route, self.features


class _Watch:
    """A computed call after the first: every module runs, what it returns is kept as it passes."""

    def __init__(self, site: ModuleSite, trace: Trace, step: Step) -> None:
        self.name, self.wide, self.trace, self.step = site.name, site.wide, trace, step
        self.calls = 0

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call, route = self.calls, self.trace.layout
        self.calls += 1
        route.check_order(self.name, self.step, call, module)
        site = route.numbers[call]
        if site is None:
            return module(*args, **kwargs)
        entered = tuple(fetch(slot, args, kwargs).clone() for slot in route.sources[site])
        output = module(*args, **kwargs)
        feature, _ = unpack(output, type(module).__name__)
        if entered:
            feature = residual_of(feature, entered, self.wide)
        self.trace.commit(self.step, feature, site)
        return output


class _Pass:
    """A skipped call: ``feature(site)`` is answered in place of every module, or of the first ``depth``."""

    def __init__(
        self,
        name: str,
        route: Route,
        step: Step,
        feature: Callable[[int], Feature],
        depth: int | None = None,
    ) -> None:
        self.name, self.route, self.step, self.feature = name, route, step, feature
        self.depth = route.count if depth is None else depth
        self.missed: float | None = None
        self.calls = 0

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call, route = self.calls, self.route
        self.calls += 1
        route.check_order(self.name, self.step, call, module)
        site, serves = route.numbers[call], route.serves(call)
        if serves is not None and serves >= self.depth:
            return module(*args, **kwargs)
        if site is None:
            return route.passages[call].answer(args, kwargs)
        feature = self.feature(site)
        slots = route.sources[site]
        if slots:
            entered = (fetch(slot, args, kwargs) for slot in slots)
            feature = tuple(x + e for x, e in zip(feature, entered, strict=True))
        return route.passages[call].template.pack(feature)


def places_of(denoiser: nn.Module, granularity: PerBlock | PerModule) -> Places:
    """Where the taps of ``granularity`` go. Raises `UnsupportedModel` where its modules cannot be seen."""
    if isinstance(granularity, PerBlock):
        return Places(block_places(denoiser), [])
    places = module_places(denoiser, granularity.names)
    check_uncompiled(denoiser)
    if granularity.store == "residual" and places.feeders:
        parent, key = places.feeders[0]
        raise UnsupportedModel(
            f"{type(denoiser).__name__} projects what {key!r} of a {type(parent).__name__} returns in the "
            "block, and that projection's input is not there on a skipped step; expected modules with an "
            "input to take the residual from. Use store='output' or 'gated'."
        )
    return places
