"""Recording uncached runs: `record`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foretrace.checks import one_of
from foretrace.errors import LoadError
from foretrace.granularity import Granularity, parse_granularity
from foretrace.history import Feature, SiteKey, Step
from foretrace.offline.calls import Call, check_calls, digest
from foretrace.offline.collect import Features, Grams, RunFacts, TokenMeans, never_skip, observing
from foretrace.offline.processes import gather_done, share
from foretrace.offline.progress import Progress, silent
from foretrace.offline.recording import Recording, Shard, spell
from foretrace.offline.sampling import LatentPath, check_pipeline, sample
from foretrace.profile.fingerprint import fingerprint_of_models, fingerprint_of_sampler, mismatches
from foretrace.runtime.target import find_target

KEEP = ("gram", "means", "features", "path")


def record(
    pipe: Any,
    calls: Iterable[Call],
    *,
    sites: str | Granularity = "model",
    keep: str | tuple[str, ...] = "gram",
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> Recording:
    """Run ``calls`` uncached and keep what is asked for of the features at ``sites``, and the final latents.

    Args:
        pipe: a diffusers pipeline.
        calls: keyword arguments of each pipeline call, each with ``generator`` or ``latents``.
        sites: a granularity, or its short spelling.
        keep: any of "gram" (the inner products between steps: steps**2 numbers a site), "means" (token means
            of every sample, for TCC), "features" (everything) and "path" (the latents after every step, in
            their own precision).
        folder: where each call becomes one safetensors file as soon as it is made. A second ``record`` into
            the same folder makes only the calls that are not there yet. Needed for recordings that do not fit
            into memory, and where several processes share the calls.
        progress: is told of every call made.

    Raises:
        InvalidSetting: no calls, or free noise, or an unknown ``keep``.
        UnsupportedTarget: ``pipe`` is no pipeline with a scheduler.
        LoadError: ``folder`` holds a recording of something else, or a damaged file.
    """
    check_pipeline(pipe)
    wanted = check_calls(calls)
    kept = (keep,) if isinstance(keep, str) else tuple(keep)
    for name in kept:
        one_of("keep", name, KEEP)
    granularity = parse_granularity(sites)
    target = find_target(pipe)
    made_for = fingerprint_of_models(target.denoisers) | fingerprint_of_sampler(pipe.scheduler)
    recipe = {"sites": str(granularity), "keep": sorted(kept)}
    root = None if folder is None else Path(folder)
    mine = share(len(wanted), root)
    shards: dict[int, Shard] = {}
    with progress("recording", len(mine)) as advance:
        for number in mine:
            about = {"call": digest(wanted[number]), **recipe, "made_for": made_for}
            path = None if root is None else root / f"call-{number:05d}.safetensors"
            shards[number] = _shard(pipe, wanted[number], granularity, kept, about, path)
            advance(1)
    if root is not None:
        gather_done()
        shards = {n: Shard.open(root / f"call-{n:05d}.safetensors") for n in range(len(wanted))}
    ordered = tuple(shards[n] for n in sorted(shards))
    return Recording(ordered, made_for | ordered[0].about["setting"])


def _shard(
    pipe: Any,
    call: Call,
    granularity: Granularity,
    kept: tuple[str, ...],
    about: dict[str, Any],
    path: Path | None,
) -> Shard:
    """One call, from disk if it is there."""
    if path is not None and path.exists():
        found = Shard.open(path)
        differing = mismatches(about, {name: found.about.get(name) for name in about})
        if differing:
            raise LoadError(
                f"{path} was recorded for something else ({', '.join(differing)} differ); expected the same "
                "calls, model, sampler, sites and keep. Record into another folder, or delete this one."
            )
        return found
    setting, observers = RunFacts(), _observers(kept)
    both = _All(list(observers.values()))
    path_of_run = LatentPath() if "path" in kept else None
    with observing(pipe, never_skip(granularity), both, setting):
        latents = sample(pipe, call, path_of_run)
    tensors = {"latents": latents} | _tensors(observers)
    for step, x in enumerate(path_of_run.found if path_of_run else ()):
        tensors[f"path/{step}"] = x[: len(latents)].clone()
    full = about | {"setting": setting.seen, "times": [both.times[i] for i in sorted(both.times)]}
    shard = Shard(full, tensors)
    return shard if path is None else shard.write(path)


class _All:
    """Several observers as one, and the time of every step."""

    def __init__(self, observers: list[Any]) -> None:
        self.observers = observers
        self.times: dict[int, float] = {}

    def computed(self, site: SiteKey, step: Step, feature: Feature) -> None:
        self.times[step.index] = step.t
        for one in self.observers:
            one.computed(site, step, feature)

    def forecast(self, site: SiteKey, step: Step, feature: Feature) -> None:
        for one in self.observers:
            one.forecast(site, step, feature)


def _observers(kept: tuple[str, ...]) -> dict[str, Any]:
    makers: dict[str, Callable[[], Any]] = {"gram": Grams, "means": TokenMeans, "features": Features}
    return {name: makers[name]() for name in kept if name in makers}


def _tensors(observers: dict[str, Any]) -> dict[str, Tensor]:
    """What the observers kept, by the names of `Shard`."""
    found: dict[str, Tensor] = {}
    if "gram" in observers:
        found |= {f"gram/{spell(site)}": k for site, k in observers["gram"].matrices().items()}
    if "means" in observers:
        for (step, site), streams in observers["means"].of_computed.items():
            for i, means in enumerate(streams):
                found[f"means/{step}/{spell(site)}/{i}"] = means.rows.to(torch.float32)
    if "features" in observers:
        for site, steps in observers["features"].found.items():
            for step, feature in steps.items():
                found |= {f"feature/{step}/{spell(site)}/{i}": x for i, x in enumerate(feature)}
    return found
