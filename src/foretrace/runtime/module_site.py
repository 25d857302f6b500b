"""The sites of ``PerBlock`` and ``PerModule``: what each block, or each named module in it, returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from foretrace.errors import UnsupportedModel
from foretrace.gate import Verifier
from foretrace.granularity import PerBlock, PerModule
from foretrace.history import Feature, Step
from foretrace.models import block_places, check_uncompiled, module_places
from foretrace.runtime.layout import copies
from foretrace.runtime.packing import Slot, Template, fetch, fresh_containers, unpack
from foretrace.runtime.proof import check_count, check_replay, raise_other_block
from foretrace.runtime.residual import Inputs, inputs_of, sources_of
from foretrace.runtime.rows import take
from foretrace.runtime.tap import Switch, install_taps
from foretrace.runtime.trace import Trace


@dataclass(frozen=True)
class Route:
    """The modules of the sites in the order of their calls, what each returns, and where residuals start."""

    modules: tuple[nn.Module, ...]
    templates: tuple[Template, ...]
    sources: tuple[tuple[Slot, ...], ...]

    @property
    def count(self) -> int:
        """Site calls per denoiser call."""
        return len(self.modules)


class ModuleSite:
    """Computes all modules of the sites of one denoiser call, or forecasts all of them."""

    def __init__(
        self, denoiser: nn.Module, granularity: PerBlock | PerModule, verifier: Verifier | None = None
    ) -> None:
        self.name, self.granularity, self.verifier = type(denoiser).__name__, granularity, verifier
        self.residual = isinstance(granularity, PerBlock) and granularity.store == "residual"
        inside = isinstance(granularity, PerModule)
        self.places = module_places(denoiser, granularity.names) if inside else block_places(denoiser)
        if inside:
            check_uncompiled(denoiser)
        self.paths = {module: path for path, module in denoiser.named_modules()}
        self.switch = Switch()
        self._proven: set[tuple[int, ...]] = set()

    def install(self) -> Callable[[], None]:
        """Put taps in place of all modules."""
        return install_taps(self.places, self.switch)

    def skipped_blocks(self, trace: Trace) -> tuple[nn.Module, ...] | None:
        """The modules that a skipped call passes over."""
        modules: tuple[nn.Module, ...] = trace.layout.modules
        verified = frozenset() if self.verifier is None else self.verifier.numbers(len(modules))
        return tuple(module for site, module in enumerate(modules) if site not in verified)

    def compute(
        self,
        trace: Trace,
        step: Step,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Run the denoiser and keep what every module returns."""
        if trace.layout is None:
            return self._learn(trace, step, forward, args, kwargs)
        watch = _Watch(self.name, trace, step)
        output = self.switch.run(watch, forward, args, kwargs)
        check_count(self.name, step, watch.calls, trace.layout.count)
        return output

    def forecast(
        self,
        trace: Trace,
        step: Step,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        depth: int | None = None,
    ) -> Any:
        """Run the denoiser with a forecast in place of every module, or of the first ``depth``.

        What a verifier checks is run beside its forecast.
        """
        skipping = _Pass(self.name, trace.layout, step, lambda site: trace.forecast(step, site), depth)
        if self.verifier is not None:
            skipping = _Check(skipping, self.verifier)
        output = self.switch.run(skipping, forward, args, kwargs)
        check_count(self.name, step, skipping.calls, trace.layout.count)
        trace.missed = skipping.missed
        return output

    def partly(
        self,
        trace: Trace,
        step: Step,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        rows: tuple[int, ...],
    ) -> Any:
        """Run the denoiser with the modules run on the samples ``rows`` alone."""
        handler = _Rows(self.name, trace, step, rows)
        output = self.switch.run(handler, forward, args, kwargs)
        check_count(self.name, step, handler.calls, trace.layout.count)
        return output

    def _learn(
        self,
        trace: Trace,
        step: Step,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """The first computed call of a run: learn the route, and once prove that it may be skipped."""
        again = fresh_containers(kwargs)
        learner = _Learn(self.residual)
        output = self.switch.run(learner, forward, args, kwargs)
        route, features = learner.finish(self.name)
        proof = tuple(id(module) for module in route.modules)
        trace.layout, trace.names = route, tuple(self.paths[m] for m in route.modules)
        for site, feature in enumerate(features):
            trace.commit(step, feature, site)
        if proof not in self._proven:
            returned = copies(unpack(output, self.name)[0])
            replay = _Pass(self.name, route, step, features.__getitem__)
            replayed = self.switch.run(replay, forward, args, again)
            check_replay(self.name, self.granularity, unpack(replayed, self.name)[0], returned)
            self._proven.add(proof)
        return output


class _Learn:
    """The first computed call: every module runs, what it takes and returns is noted."""

    def __init__(self, residual: bool) -> None:
        self.residual = residual
        self.modules: list[nn.Module] = []
        self.templates: list[Template] = []
        self.features: list[Feature] = []
        self.inputs: list[Inputs] = []

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.residual:
            self.inputs.append(inputs_of(module, args, kwargs))
        output = module(*args, **kwargs)
        feature, template = unpack(output, type(module).__name__)
        self.modules.append(module)
        self.templates.append(template)
        self.features.append(copies(feature))  # the model may write to its own
        if self.residual:
            self.inputs[-1].returned = feature
        return output

    def finish(self, name: str) -> tuple[Route, list[Feature]]:
        """The route, and what is kept at each site."""
        if not self.modules:
            raise UnsupportedModel(
                f"{name} called none of the modules at its sites; expected at least one call. "
                "Use granularity=PerModel()."
            )
        modules, templates = tuple(self.modules), tuple(self.templates)
        if not self.residual:
            return Route(modules, templates, ((),) * len(modules)), self.features
        sources = sources_of(name, modules, self.inputs)
        for site, slots in enumerate(sources):
            entered = (self.inputs[site].copies[slot] for slot in slots)
            self.features[site] = tuple(x - e for x, e in zip(self.features[site], entered, strict=True))
        return Route(modules, templates, sources), self.features


class _Watch:
    """A computed call after the first: every module runs, what it returns is kept as it passes."""

    def __init__(self, name: str, trace: Trace, step: Step) -> None:
        self.name, self.trace, self.step = name, trace, step
        self.calls = 0

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        site, route = self.calls, self.trace.layout
        self.calls += 1
        _check_order(self.name, self.step, route, site, module)
        entered = tuple(fetch(slot, args, kwargs).clone() for slot in route.sources[site])
        output = module(*args, **kwargs)
        feature, _ = unpack(output, type(module).__name__)
        if entered:
            feature = tuple(x - e for x, e in zip(feature, entered, strict=True))
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
        self.calls = 0
        self.missed: float | None = None

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        site, route = self.calls, self.route
        self.calls += 1
        _check_order(self.name, self.step, route, site, module)
        if site >= self.depth:
            return module(*args, **kwargs)
        feature = self.feature(site)
        slots = route.sources[site]
        if slots:
            entered = (fetch(slot, args, kwargs) for slot in slots)
            feature = tuple(x + e for x, e in zip(feature, entered, strict=True))
        return route.templates[site].pack(feature)


class _Check:
    """A skipped call in which a verifier has some modules run on what the forecasts give them."""

    def __init__(self, skipping: _Pass, verifier: Verifier) -> None:
        self.skipping, self.verifier = skipping, verifier
        self.sites = verifier.numbers(skipping.route.count)
        self.missed: float | None = None

    @property
    def calls(self) -> int:
        """How many modules were called."""
        return self.skipping.calls

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        site = self.skipping.calls
        if site not in self.sites:
            return self.skipping(module, args, kwargs)
        draft = self.skipping(module, args, fresh_containers(kwargs))
        exact = module(*args, **kwargs)
        if self.verifier.rejected != "nothing":
            pair = (unpack(x, type(module).__name__)[0] for x in (draft, exact))
            error = self.verifier.error(*pair)
            self.missed = error if self.missed is None else max(self.missed, error)
        return exact if self.verifier.keep == "exact" else draft


class _Rows:
    """A call in which the modules run on some samples alone, and the others' results are forecast."""

    def __init__(self, name: str, trace: Trace, step: Step, rows: tuple[int, ...]) -> None:
        self.name, self.trace, self.step, self.rows = name, trace, step, rows
        self.batch = step.batch or 1
        self.calls = 0

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        site, route = self.calls, self.trace.layout
        self.calls += 1
        _check_order(self.name, self.step, route, site, module)
        entered = tuple(fetch(slot, args, kwargs).clone() for slot in route.sources[site])
        some, named = take(args, kwargs, self.rows, self.batch)
        feature, _ = unpack(module(*some, **named), type(module).__name__)
        joined = self.trace.join(self.step, feature, self.rows, entered, site)
        return route.templates[site].pack(joined)


def _check_order(name: str, step: Step, route: Route, site: int, module: nn.Module) -> None:
    if site >= route.count or module is not route.modules[site]:
        raise_other_block(name, step, site)
