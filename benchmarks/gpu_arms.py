"""What is compared: the uncached model, foretrace's methods, and the caches of other libraries.

Every arm works on a module of its own that shares the weights. An arm says what must be done before each run
and each call, and how many bytes it keeps where it tells.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from torch import nn

import foretrace as ft

MODULES = r"(.*\.)?\w*blocks\.\d+\.(attn\d?|ff|ffn|ff_context|proj_mlp|proj_out)"
"""Names of the modules that TaylorSeer keeps. diffusers' own default matches none on many models."""
INTERVAL, WARMUP = 5, 3


class NotRun(Exception):
    """An arm that cannot work here; the message says why."""


@dataclass(frozen=True)
class Arm:
    """A row to come: ``kind`` is "uncached", "foretrace" or "peer"."""

    name: str
    kind: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name with its settings."""
        pairs = ",".join(f"{key}={value}" for key, value in self.settings.items())
        return f"{self.name}:{pairs}" if pairs else self.name


Prepare = Callable[[nn.Module], None]


class Worker:
    """A module with nothing on it, and what other arms do around its runs."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.report: Any = None

    def before_run(self) -> None:
        """Begin with an empty history."""

    def before_call(self, index: int) -> None:
        """Tell of the step that comes."""

    def after_run(self) -> None:
        """Let go of the history, so that arms do not add up in memory."""


class Foretrace(Worker):
    """A method of foretrace, attached for each run."""

    def __init__(self, module: nn.Module, method: ft.Method, steps: int) -> None:
        super().__init__(module)
        self.method, self.steps = method, steps
        self._handle: Any = None

    def before_run(self) -> None:
        """Attach."""
        self._handle = ft.attach(self.module, self.method, steps=self.steps)

    def after_run(self) -> None:
        """Keep the report and detach, also after a run that failed."""
        if self._handle is not None:
            self.report = self._handle.report
            self._handle.detach()
            self._handle = None


class Diffusers(Worker):
    """A cache of diffusers; its context is set before each call, as pipelines do that know of caches."""

    def __init__(self, module: nn.Module, steps: int) -> None:
        super().__init__(module)
        from diffusers.hooks.hooks import HookRegistry

        self.steps = steps
        self.before_run = self.after_run = HookRegistry.check_if_exists_or_initialize(
            module
        ).reset_stateful_hooks

    def before_call(self, index: int) -> None:
        """Set the context."""
        from diffusers.hooks.hooks import CacheContext, _set_cache_context

        _set_cache_context(self.module, CacheContext("cond", index, self.steps, None, None))


class FirstBlock(Diffusers):
    """diffusers' FirstBlockCache, made to compute the steps of a schedule; it still takes its decision."""

    def __init__(self, module: nn.Module, steps: int, computed: Sequence[int]) -> None:
        super().__init__(module, steps)
        from diffusers.hooks import FirstBlockCacheConfig, apply_first_block_cache

        apply_first_block_cache(module, FirstBlockCacheConfig())
        registries = [getattr(part, "_diffusers_hook", None) for part in module.modules()]
        hooks = [one.get_hook("fbc_leader_block_hook") for one in registries if one is not None]
        self.head = next(hook for hook in hooks if hook is not None)
        self.computed = frozenset(computed)

    def before_call(self, index: int) -> None:
        """Set a threshold that any change passes, or none."""
        super().before_call(index)
        self.head.threshold = -1.0 if index in self.computed else math.inf


class CacheDit(Worker):
    """cache-dit, whose context is refreshed around each run."""

    def __init__(self, module: nn.Module, config: Any) -> None:
        super().__init__(module)
        self.config = config

    def before_run(self) -> None:
        """Refresh."""
        import cache_dit

        cache_dit.refresh_context(self.module, cache_config=self.config)

    after_run = before_run


AS_PAPER = {"interval": INTERVAL, "order": 2, "warmup": WARMUP}
UNCACHED = Arm("uncached", "uncached")
ARMS = (
    UNCACHED,
    Arm("fora", "foretrace", {"interval": INTERVAL}),
    Arm("fora", "foretrace", {"interval": INTERVAL, "granularity": "model"}),
    Arm("tracache", "foretrace", {"interval": INTERVAL, "order": 4}),
    Arm("tracache", "foretrace", {"interval": INTERVAL, "order": 4, "granularity": "model"}),
    Arm("foca", "foretrace", {"interval": INTERVAL, "warmup": WARMUP}),
    Arm("taylorseer", "foretrace", AS_PAPER),
    Arm("taylorseer", "foretrace", AS_PAPER | {"granularity": "stack"}),
    Arm("diffusers-taylorseer", "peer", AS_PAPER),
    Arm("diffusers-fbc", "peer", {"interval": INTERVAL, "warmup": WARMUP}),
    Arm("cache-dit", "peer", {"interval": INTERVAL, "warmup": WARMUP}),
)
"""diffusers-fbc and cache-dit are told which steps to compute: their own decisions mean nothing on random
weights. fora and taylorseer are at their papers' modules, which foretrace refuses in compiled blocks, and at
cheaper sites too."""


def twin_of(model: nn.Module) -> nn.Module:
    """Another module on the same weights."""
    return copy.deepcopy(model, {id(p): p for p in model.parameters()})


def put_to_work(arm: Arm, model: nn.Module, steps: int, prepare: Prepare) -> Worker:
    """``arm`` on a twin of ``model``, to which ``prepare`` was done before.

    Raises:
        NotRun: the library is not installed.
        Exception: whatever a library raises on a model that it does not support.
    """
    twin = twin_of(model)
    prepare(twin)
    if arm.kind == "uncached":
        return Worker(twin)
    if arm.kind == "foretrace":
        return Foretrace(twin, ft.load_method(arm.name, **arm.settings), steps)
    return _cache_dit(arm, twin, steps) if arm.name == "cache-dit" else _diffusers(arm, twin, steps)


def _diffusers(arm: Arm, twin: nn.Module, steps: int) -> Worker:
    from diffusers import hooks

    if arm.name == "diffusers-fbc":
        return FirstBlock(twin, steps, _computed(arm, steps))
    worker = Diffusers(twin, steps)
    config = hooks.TaylorSeerCacheConfig(
        cache_interval=arm.settings["interval"],
        max_order=arm.settings["order"],
        disable_cache_before_step=arm.settings["warmup"],
        taylor_factors_dtype=None,
        cache_identifiers=[MODULES],
    )
    hooks.apply_taylorseer_cache(twin, config)
    return worker


def _computed(arm: Arm, steps: int) -> list[int]:
    return ft.Counter(arm.settings["interval"], arm.settings["warmup"]).table(steps)


def _cache_dit(arm: Arm, twin: nn.Module, steps: int) -> Worker:
    if find_spec("cache_dit") is None:
        raise NotRun("cache-dit is not installed; pip install cache-dit")
    import cache_dit

    computed = _computed(arm, steps)
    config = cache_dit.DBCacheConfig(
        Fn_compute_blocks=1,
        Bn_compute_blocks=0,
        num_inference_steps=steps,
        steps_computation_mask=[int(index in computed) for index in range(steps)],
        steps_computation_policy="static",
    )
    cache_dit.enable_cache(twin, cache_config=config)
    return CacheDit(twin, config)
