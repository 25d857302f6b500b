"""The file of a profile: safetensors for the priors, JSON in its header for all else."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from foretrace.calibrator.affine import AffineMap
from foretrace.calibrator.tcc import TCC, Place
from foretrace.errors import LoadError, ProfileError
from foretrace.history import SiteKey
from foretrace.profile.codec import decode_method, encode_method
from foretrace.profile.profile import Profile

SCHEMA = 1
"""Raised when older files can no longer be read as they are."""


def write_profile(profile: Profile, path: Path) -> Path:
    """See `Profile.save`."""
    tensors, calibrator = _priors(profile)
    header = {
        "schema": SCHEMA,
        "method": encode_method(profile.method),
        "calibrator": calibrator,
        "made_for": profile.made_for,
        "measured": profile.measured,
    }
    data = save(tensors, metadata={"format": "pt", "foretrace_profile": json.dumps(header)})
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(part).chmod(0o644)  # temporary files are private
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    return path


def read_profile(path: Path) -> Profile:
    """See `Profile.load`."""
    header, tensors = _read(path)
    if header.get("schema") != SCHEMA:
        raise ProfileError(
            f"{path} is a profile of schema {header.get('schema')!r}; expected {SCHEMA}. Make it again with "
            "this version, or install the version that wrote it."
        )
    missing = {"method", "made_for", "calibrator", "measured"} - header.keys()
    if missing:
        raise ProfileError(
            f"{path} lacks {', '.join(sorted(missing))}; expected a whole profile. Make it again."
        )
    method = decode_method(header["method"] | {"calibrator": _calibrator(header["calibrator"], tensors)})
    return Profile(method, header["made_for"], header["measured"])


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        raise LoadError(
            f"there is no profile at {path}; expected a file. Pass the path that save() returned."
        )
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise LoadError(
            f"{path} cannot be read ({error}); expected a profile, whole. Copy or make it again."
        ) from error
    try:
        header = json.loads(metadata["foretrace_profile"])
    except (KeyError, ValueError):
        header = None
    if not isinstance(header, dict):
        raise ProfileError(
            f"{path} is a safetensors file, but no profile; expected one that Profile.save wrote. Pass that."
        )
    return header, tensors


def _priors(profile: Profile) -> tuple[dict[str, Tensor], dict[str, Any] | None]:
    calibrator = profile.method.calibrator
    if calibrator is None:
        return {}, None
    if not isinstance(calibrator, TCC):
        raise ProfileError(
            f"a profile cannot hold {type(calibrator).__name__}; expected TCC or no calibrator."
        )
    tensors = {}
    for place, one in calibrator.maps.items():
        for name, tensor in one.tensors.items():
            tensors[f"{_spell(place)}.{name}"] = tensor.detach().cpu().clone().contiguous()
    return tensors, {"kind": "tcc", "write_back": calibrator.write_back}


def _calibrator(data: dict[str, Any] | None, tensors: dict[str, Tensor]) -> TCC | None:
    if data is None:
        return None
    grouped: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        place, _, name = key.rpartition(".")
        grouped.setdefault(place, {})[name] = tensor
    try:
        maps = {_read_place(place): AffineMap.from_tensors(group) for place, group in grouped.items()}
        return TCC(maps, bool(data["write_back"]))
    except (KeyError, ValueError) as error:
        raise ProfileError(
            f"the priors of the profile are damaged ({error}); expected whole ones. Make it again."
        ) from error


def _spell(place: Place) -> str:
    denoiser, branch, index = place.site
    return f"{place.step}/{denoiser}/{branch}/{index}/{place.stream}"


def _read_place(text: str) -> Place:
    step, denoiser, branch, index, stream = text.split("/")
    return Place(int(step), SiteKey(denoiser, int(branch), int(index)), int(stream))
