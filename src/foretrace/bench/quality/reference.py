"""What distributions are compared with: samples, a folder of pictures, or statistics of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from foretrace.bench.quality.distribution import Gaussian, gaussian_from, gaussian_of
from foretrace.bench.quality.networks import Network, Seen
from foretrace.errors import LoadError

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
BATCH = 128


@dataclass(frozen=True)
class Reference:
    """A distribution to compare with. ``features`` are (samples, frames, width) where there are samples;
    ``paired`` says that sample i of a row has the noise of sample i here.
    """

    pooled: Gaussian
    spatial: Gaussian | None = None
    features: Tensor | None = None
    spatial_features: Tensor | None = None
    paired: bool = False


@torch.no_grad()
def see_frames(network: Network, images: Tensor) -> Seen:
    """What ``network`` sees in (samples, frames, 3, height, width): tensors (samples, frames, width)."""
    parts = [network(part) for part in images.flatten(0, 1).split(BATCH)]
    shape = images.shape[:2]

    def joined(column: Sequence[Tensor | None]) -> Tensor | None:
        found = [x for x in column if x is not None]
        return torch.cat(found).unflatten(0, shape) if found else None

    pooled, spatial, logits = (joined(column) for column in zip(*parts, strict=True))
    assert pooled is not None
    return Seen(pooled, spatial, logits)


def reference_of(seen: Iterable[Seen], paired: bool) -> Reference:
    """The reference that samples are, in calls."""
    pooled, spatial, _ = zip(*seen, strict=True)
    features = torch.cat(pooled)
    maps = torch.cat(spatial) if spatial[0] is not None else None
    return Reference(
        gaussian_of(features.flatten(0, 1)),
        None if maps is None else gaussian_of(maps.flatten(0, 1)),
        features,
        maps,
        paired,
    )


def load_reference(path: Path, network: Network, size: tuple[int, int]) -> Reference:
    """Pictures of a folder, resized to ``size`` (height, width), or a file of statistics (.npz).

    A statistics file holds ``mu`` and ``sigma`` and, for sFID, ``mu_s`` and ``sigma_s``, as those of
    guided-diffusion do; they must come from the same network.

    Raises:
        LoadError: there is nothing at ``path`` that can be read so.
    """
    if path.is_file() and path.suffix == ".npz":
        return _statistics(path)
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURES) if path.is_dir() else []
    if len(files) < 2:
        raise LoadError(
            f"{path} holds {len(files)} pictures; expected a folder with two or more, or an .npz file with "
            "mu and sigma. Check --reference."
        )
    return reference_of((see_frames(network, _picture(file, size)) for file in files), paired=False)


def _statistics(path: Path) -> Reference:
    with np.load(path, allow_pickle=False) as data:
        missing = [name for name in ("mu", "sigma") if name not in data]
        if missing:
            raise LoadError(f"{path} has no {missing[0]!r}; expected mu and sigma of features. Add them.")
        arrays = {name: torch.from_numpy(data[name]).double() for name in data if name != "arr_0"}
    spatial = gaussian_from(arrays["mu_s"], arrays["sigma_s"]) if "mu_s" in arrays else None
    return Reference(gaussian_from(arrays["mu"], arrays["sigma"]), spatial)


def _picture(file: Path, size: tuple[int, int]) -> Tensor:
    from PIL import Image

    with Image.open(file) as picture:
        pixels = torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)[None].float() / 255
    return F.interpolate(pixels, size, mode="bilinear", antialias=True)[None].clamp(0, 1)
