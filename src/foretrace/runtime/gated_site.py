"""The sites of ``PerModule(..., store="gated")``: what each module adds to the stream of its block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.utils import _pytree as pytree

from foretrace.errors import ShapeChanged, UnsupportedModel
from foretrace.granularity import PerModule
from foretrace.history import Feature, Step
from foretrace.models import Places, role_places
from foretrace.runtime.invocation import Invocation
from foretrace.runtime.layout import Passage, constant, copies, passage_of
from foretrace.runtime.lineage import Origin, Unfollowed, follow, plain
from foretrace.runtime.module_site import Route, places_of
from foretrace.runtime.packing import unpack
from foretrace.runtime.proof import check_count, check_replay
from foretrace.runtime.tapped import Tapped
from foretrace.runtime.trace import Trace


@dataclass(frozen=True)
class GatedLayout:
    """The tapped modules in the order of their calls, and how often what each site returns is added."""

    route: Route
    additions: tuple[int, ...]


class GatedSite:
    """Computes all modules of one denoiser call, or forecasts what all of them add to their streams.

    A feature is the tuple of all tensors that a block adds on the account of one call of a module, in the
    order of the additions: attention over text and image returns two, a joint feed-forward may be cut in two.
    """

    def __init__(self, denoiser: nn.Module, granularity: PerModule) -> None:
        self.name, self.granularity = type(denoiser).__name__, granularity
        places = places_of(denoiser, granularity)
        self.tapped = Tapped(denoiser, places, _bystanders(denoiser, places))
        self._proven: set[tuple[int, ...]] = set()

    def install(self) -> Callable[[], None]:
        """Put taps in place of all modules, and of those whose output must be told from the stream."""
        return self.tapped.install()

    def answers_for(self, module: nn.Module) -> bool:
        """Whether a skipped call passes over ``module``; else it is tapped to be followed only."""
        return module in self.tapped.sites or module in self.tapped.feeders

    def skipped_blocks(self, trace: Trace) -> tuple[nn.Module, ...] | None:
        """The modules that a skipped call passes over."""
        return trace.layout.route.modules

    def compute(self, trace: Trace, step: Step, call: Invocation) -> Any:
        """Run the denoiser and keep what every module adds."""
        if trace.layout is None:
            return self._learn(trace, step, call)
        watch = _Watch(self, trace, step)
        output = self.tapped.run(watch, call)
        self._check_counts(step, trace.layout, watch.calls, watch.additions)
        return output

    def forecast(self, trace: Trace, step: Step, call: Invocation) -> Any:
        """Run the denoiser with a forecast of what every module adds."""
        skipping = _Pass(self, trace.layout, step, lambda site: trace.forecast(step, site))
        output = self.tapped.run(skipping, call)
        self._check_counts(step, trace.layout, skipping.calls, skipping.additions)
        return output

    def _learn(self, trace: Trace, step: Step, call: Invocation) -> Any:
        """The first computed call of a run: follow what is added, and once prove that it may be skipped."""
        again = call.fresh()
        self.tapped.renew()
        learner = _Learn(self)
        try:
            output = pytree.tree_map(plain, self.tapped.run(learner, call))
            trace.layout, features = learner.finish()
        except Unfollowed as error:
            raise UnsupportedModel(
                f"{self.name}: {error}; expected gates or norms, and then the addition, so what it adds is "
                "not known. Use store='output'."
            ) from error
        route = trace.layout.route
        trace.names = tuple(self.tapped.paths[m] for m in route.sites())
        for site, feature in enumerate(features):
            trace.commit(step, feature, site)
        proof = tuple(id(module) for module in route.modules)
        if proof not in self._proven:
            returned = copies(unpack(output, self.name)[0])
            replay = _Pass(self, trace.layout, step, features.__getitem__)
            replayed = pytree.tree_map(plain, self.tapped.run(replay, again))
            check_replay(self.name, self.granularity, unpack(replayed, self.name)[0], returned)
            self._proven.add(proof)
        return output

    def _check_counts(self, step: Step, layout: GatedLayout, calls: int, additions: list[int]) -> None:
        check_count(self.name, step, calls, layout.route.count)
        if tuple(additions) != layout.additions:
            raise ShapeChanged(
                f"{self.name} added what its modules return {sum(additions)} times at step {step.index}; "
                f"expected {sum(layout.additions)} as at the start of the run. Use store='output', or "
                "run.begin() where blocks are switched."
            )


class _Learn:
    """The first computed call: every module runs, its output is followed and what is added is noted."""

    def __init__(self, site: GatedSite) -> None:
        self.site = site
        self.modules: list[nn.Module] = []
        self.passages: list[Passage] = []
        self.numbers: list[int | None] = []
        self.features: list[list[Tensor]] = []

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args, kwargs = _plain_call(args, kwargs)
        output = module(*args, **kwargs)
        path = self.site.tapped.paths[module]
        if not self.site.answers_for(module):
            return pytree.tree_map(lambda x: follow(x, Origin(path, None)), output)
        self.modules.append(module)
        if isinstance(output, Tensor) and not output.numel():
            self.passages.append(constant(output))
            self.numbers.append(None)
            return output
        feature, template = unpack(output, type(module).__name__)
        self.passages.append(passage_of(feature, template, args, kwargs))
        if module in self.site.tapped.feeders:
            self.numbers.append(None)
            return output
        self.numbers.append(len(self.features))
        noted: list[Tensor] = []
        self.features.append(noted)

        def added(product: Tensor) -> Tensor:
            noted.append(product.clone())  # the model may write to its own
            return product

        return template.pack(follow(feature, Origin(path, added)))

    def finish(self) -> tuple[GatedLayout, list[Feature]]:
        """The layout, and what every site adds."""
        sites = [m for m, number in zip(self.modules, self.numbers, strict=True) if number is not None]
        if not sites:
            raise UnsupportedModel(
                f"{self.site.name} called none of the modules at its sites; expected at least one call. "
                "Use granularity=PerModel()."
            )
        for module, noted in zip(sites, self.features, strict=True):
            if not noted:
                raise Unfollowed(f"what {self.site.tapped.paths[module]} returns is added to no stream")
        route = Route(tuple(self.modules), tuple(self.passages), tuple(self.numbers), ((),) * len(sites))
        features = [tuple(noted) for noted in self.features]
        return GatedLayout(route, tuple(map(len, features))), features


class _Watch:
    """A computed call after the first: every module runs, what is added is kept as it passes."""

    def __init__(self, site: GatedSite, trace: Trace, step: Step) -> None:
        self.site, self.trace, self.step, self.layout = site, trace, step, trace.layout
        self.calls = 0
        self.additions = [0] * len(self.layout.additions)

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args, kwargs = _plain_call(args, kwargs)
        output = module(*args, **kwargs)
        if not self.site.answers_for(module):
            return output
        call, route = self.calls, self.layout.route
        self.calls += 1
        route.check_order(self.site.name, self.step, call, module)
        number = route.numbers[call]
        if number is None:
            return output
        feature, template = unpack(output, type(module).__name__)
        waiting: list[Tensor] = []

        def added(product: Tensor) -> Tensor:
            self.additions[number] += 1
            waiting.append(product)
            if len(waiting) == self.layout.additions[number]:
                self.trace.commit(self.step, tuple(waiting), number)
                waiting.clear()
            return product

        return template.pack(follow(feature, Origin(self.site.tapped.paths[module], added)))


class _Pass:
    """A skipped call: no module runs, and ``feature(site)`` is what is added on its account."""

    def __init__(
        self, site: GatedSite, layout: GatedLayout, step: Step, feature: Callable[[int], Feature]
    ) -> None:
        self.site, self.layout, self.step, self.feature = site, layout, step, feature
        self.calls = 0
        self.additions = [0] * len(layout.additions)

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args, kwargs = _plain_call(args, kwargs)
        if not self.site.answers_for(module):
            return module(*args, **kwargs)
        call, route = self.calls, self.layout.route
        self.calls += 1
        route.check_order(self.site.name, self.step, call, module)
        answer, number = route.passages[call].zeros(), route.numbers[call]
        if number is None:
            return answer
        contributions = iter(self.feature(number))

        def added(product: Tensor) -> Tensor:
            self.additions[number] += 1
            contribution = next(contributions, None)
            return product if contribution is None else contribution  # the count tells

        feature, template = unpack(answer, type(module).__name__)
        return template.pack(follow(feature, Origin(self.site.tapped.paths[module], added)))


def _plain_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments as a module is to see them: at its door following ends."""
    return tuple(map(plain, args)), {name: plain(x) for name, x in kwargs.items()}


def _bystanders(denoiser: nn.Module, places: Places) -> list[tuple[nn.Module, str]]:
    """Attention and feed-forward that are no sites, and hold or lie in none."""

    def parts(parent: nn.Module, key: str) -> set[nn.Module]:
        module = parent._modules[key]
        assert module is not None
        return set(module.modules())

    taken = set().union(*(parts(*place) for place in (*places.sites, *places.feeders)))
    return [place for place in role_places(denoiser) if not parts(*place) & taken]
