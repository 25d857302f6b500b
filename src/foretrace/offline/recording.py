"""Recordings: what was kept of uncached runs, in memory or as shards on disk."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from foretrace.errors import InvalidSetting, LoadError, ProfileError
from foretrace.history import Feature, SiteKey

SCHEMA = 2


@dataclass(frozen=True)
class Shard:
    """One recorded call: its tensors by name, or the file that they are read from when asked for.

    ``about`` holds the call's digest, the times of its steps and the fingerprint it was made under.
    Names: ``latents``; ``path/<step>``; ``gram/<site>``; ``means/<step>/<site>/<stream>``;
    ``feature/<step>/<site>/<stream>``, with sites spelled ``denoiser/branch/number``.
    """

    about: dict[str, Any]
    tensors: dict[str, Tensor] | None = None
    path: Path | None = None

    def names(self) -> list[str]:
        """Names of all tensors."""
        if self.tensors is not None:
            return sorted(self.tensors)
        with safe_open(str(self.path), framework="pt") as file:
            return sorted(file.keys())

    def get(self, name: str) -> Tensor:
        """One tensor; from disk only that one is read."""
        if self.tensors is not None:
            return self.tensors[name]
        with safe_open(str(self.path), framework="pt") as file:
            return file.get_tensor(name)

    def write(self, path: Path) -> Shard:
        """The shard as a file, whole or not at all."""
        assert self.tensors is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        data = save(
            {name: x.contiguous() for name, x in self.tensors.items()},
            metadata={"format": "pt", "foretrace_recording": json.dumps({"schema": SCHEMA} | self.about)},
        )
        handle, part = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
        return Shard(self.about, None, path)

    @classmethod
    def open(cls, path: Path) -> Shard:
        """A shard on disk. Raises `LoadError` if it is no whole shard of a recording."""
        try:
            with safe_open(str(path), framework="pt") as file:
                about = json.loads((file.metadata() or {})["foretrace_recording"])
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise LoadError(
                f"{path} is no shard of a recording ({error}); expected one that record() wrote. Delete it, "
                "and record again into the same folder."
            ) from error
        if about.pop("schema", None) != SCHEMA:
            raise ProfileError(f"{path} is of another version; expected schema {SCHEMA}. Record again.")
        return cls(about, None, path)


@dataclass(frozen=True)
class Recording:
    """The recorded calls, in order."""

    shards: tuple[Shard, ...]
    made_for: dict[str, Any]

    @property
    def steps(self) -> int:
        """Steps of a run. Raises `InvalidSetting` where the calls differ in it."""
        lengths = sorted({len(shard.about["times"]) for shard in self.shards})
        if len(lengths) > 1:
            raise InvalidSetting(
                f"the recorded calls got {', '.join(map(str, lengths))} steps; expected one number of steps. "
                "Pass calls with the same num_inference_steps."
            )
        return lengths[0]

    @property
    def times(self) -> list[float]:
        """The time that the denoiser was given at each step."""
        return list(self.shards[0].about["times"])

    @property
    def latents(self) -> list[Tensor]:
        """The final latents of each call: (samples, ...) fp32."""
        return [shard.get("latents") for shard in self.shards]

    @property
    def sites(self) -> list[SiteKey]:
        """All sites that something was kept of."""
        names = self.shards[0].names()
        found = {_site(name) for name in names if name.partition("/")[0] not in ("latents", "path")}
        return sorted(found)

    def gram(self, site: SiteKey | None = None) -> Tensor:
        """``K[i, j]``: the mean over samples of ``<F_i, F_j>`` at ``site``, or summed over all sites.

        (steps, steps) float64. Needs ``keep`` to have held "gram".
        """
        sites = self.sites if site is None else [site]
        total = torch.zeros(self.steps, self.steps, dtype=torch.float64)
        for shard in self.shards:
            for one in sites:
                total += shard.get(f"gram/{spell(one)}")
        return total / sum(len(x) for x in self.latents)

    def features(self, call: int, step: int, site: SiteKey) -> Feature:
        """The streams at one site. Needs ``keep`` to have held "features"."""
        shard, prefix = self.shards[call], f"feature/{step}/{spell(site)}/"
        streams = sum(name.startswith(prefix) for name in shard.names())
        return tuple(shard.get(f"{prefix}{i}") for i in range(streams))

    def means(self, step: int, site: SiteKey, stream: int = 0) -> Tensor:
        """The token means of all samples, (rows, channels). Needs ``keep`` to have held "means"."""
        return torch.cat([shard.get(f"means/{step}/{spell(site)}/{stream}") for shard in self.shards])

    def path(self, call: int, step: int) -> Tensor:
        """The latents of one call after ``step``, (samples, ...). Needs ``keep`` to have held "path"."""
        return self.shards[call].get(f"path/{step}")

    @property
    def path_length(self) -> int:
        """How many latents a call has on its path: one a step, or two for some samplers; 0 if not kept."""
        return sum(name.startswith("path/") for name in self.shards[0].names())

    def subset(self, numbers: Sequence[int]) -> Recording:
        """The recording of some of the calls."""
        return Recording(tuple(self.shards[i] for i in numbers), self.made_for)

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(shard.get(name).nbytes for shard in self.shards for name in shard.names())


def spell(site: SiteKey) -> str:
    """A site in the name of a tensor."""
    return f"{site.denoiser}/{site.branch}/{site.number}"


def _site(name: str) -> SiteKey:
    parts = name.split("/")
    denoiser, branch, number = parts[1:4] if parts[0] == "gram" else parts[2:5]
    return SiteKey(denoiser, int(branch), int(number))
