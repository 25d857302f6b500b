"""What a profile was made for, field by field, so that a mismatch can be named."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

Fingerprint = dict[str, Any]
"""Field name -> plain JSON value."""

SAMPLES = 64
"""Entries read of each parameter: hashing all of a large model would take minutes."""
UNREAD = "unread"
"""Stands for weights that cannot be read; it agrees with any."""


def fingerprint_of_models(denoisers: Mapping[str, nn.Module]) -> Fingerprint:
    """``model``, ``config``, ``weights`` and ``dtype`` of the denoisers by name."""
    found: Fingerprint = {"model": {}, "config": {}, "weights": {}, "dtype": {}}
    for name, denoiser in denoisers.items():
        written = getattr(denoiser, "_orig_mod", denoiser)  # torch.compile wraps
        found["model"][name] = type(written).__name__
        found["config"][name] = _public(getattr(written, "config", {}))
        found["weights"][name] = weights_digest(written)
        parameter = next((p for p in written.parameters() if p.is_floating_point()), None)
        found["dtype"][name] = str(parameter.dtype) if parameter is not None else "none"
    return found


def fingerprint_of_sampler(scheduler: Any) -> Fingerprint:
    """``sampler`` and its ``settings``; empty for a denoiser without a scheduler."""
    if scheduler is None:
        return {}
    return {"sampler": type(scheduler).__name__, "settings": _public(getattr(scheduler, "config", {}))}


def weights_digest(model: nn.Module) -> str:
    """SHA-256 over names, shapes and `SAMPLES` evenly spread entries of all parameters, or "unread".

    Parameters that an offloading hook keeps elsewhere (on the meta device) have no entries to read.
    """
    digest, picked = hashlib.sha256(), []
    for name, parameter in sorted(model.named_parameters()):
        if parameter.device.type == "meta":
            return UNREAD
        digest.update(f"{name}{tuple(parameter.shape)}".encode())
        picked.append(_sample(parameter.detach()))
    if picked:
        together = torch.cat([x.to(picked[0].device, torch.float32) for x in picked])
        digest.update(together.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _sample(x: Tensor) -> Tensor:
    flat = x.reshape(-1)
    return flat[:: max(1, math.ceil(len(flat) / SAMPLES))]


def _public(config: Any) -> dict[str, Any]:
    """The settings of a config that say what is computed, as JSON gives them back."""
    plain = {k: v for k, v in dict(config).items() if not k.startswith("_")}
    return json.loads(json.dumps(plain, default=str, sort_keys=True))


def mismatches(made: Fingerprint, found: Fingerprint) -> dict[str, tuple[Any, Any]]:
    """Field -> (made for, found here), for the fields that both have and that differ.

    Fields that are mappings are compared entry by entry: ``settings.beta_end``.
    """
    differing: dict[str, tuple[Any, Any]] = {}
    for name in made.keys() & found.keys():
        ours, theirs = made[name], found[name]
        if isinstance(ours, dict) and isinstance(theirs, dict):
            for key in sorted(ours.keys() | theirs.keys()):
                pair = ours.get(key), theirs.get(key)
                if pair[0] != pair[1] and UNREAD not in pair:
                    differing[f"{name}.{key}"] = pair
        elif ours != theirs:
            differing[name] = ours, theirs
    return dict(sorted(differing.items()))
