"""The judge of described pictures: a small network that reads layout, things and background off a picture.

What it reads is compared with what a sentence says, which is to small pictures of shapes what a CLIP
score is to photographs. It was trained on rendered pictures and on their autoencoder reconstructions,
never on samples of a diffusion model, so it does not learn to forgive such a model's faults.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Relative, so that training can load these files by their path, without foretrace being installed.
from ..errors import LoadError
from .classifier import ResidualBlock

LAYOUTS = {"alone": ("middle",), "across": ("left", "right"), "upright": ("top", "bottom")}
"""Layout -> the places of its things: slot A and, unless alone, slot B."""
PLACES = ("middle", "left", "right", "top", "bottom")
THING = ("size", "colour", "shape")
SCENE = ("layout", "tone", "ground")


class Facts(TypedDict):
    """A picture in plain words, as read or as asked for."""

    layout: str
    things: tuple[tuple[str, str, str], ...]
    """(size, colour, shape) of slot A (middle, left or top) and, unless alone, of slot B."""
    tone: str
    ground: str


class AttributeJudge(nn.Module):
    """Reads 64x64 pictures with values in [0, 1]: what is where, on which background.

    Args:
        words: the words of each of size, colour, shape, tone and ground.
        widths: channels at 32x32, 16x16 and 8x8.
    """

    def __init__(self, words: dict[str, list[str]], widths: tuple[int, ...] = (16, 48, 96)) -> None:
        super().__init__()
        self.words = {name: list(words[name]) for name in (*THING, "tone", "ground")}
        self.widths = tuple(widths)
        self.options = {"layout": list(LAYOUTS), **self.words}
        self.stem = nn.Conv2d(3, widths[0], 5, 2, 2)
        blocks: list[nn.Module] = [ResidualBlock(widths[0], widths[0])]
        for inputs, outputs in pairwise(widths):
            blocks.append(ResidualBlock(inputs, outputs, stride=2))
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.GroupNorm(8, widths[-1])
        self.scene = nn.Linear(len(PLACES) * widths[-1], sum(self._counts(SCENE)))
        self.thing = nn.Sequential(
            nn.Linear(widths[-1], widths[-1]), nn.SiLU(), nn.Linear(widths[-1], sum(self._counts(THING)))
        )

    def _counts(self, names: Sequence[str]) -> list[int]:
        return [len(self.options[name]) for name in names]

    def features(self, images: Tensor) -> Tensor:
        """(batch, 3, 64, 64) in [0, 1] to (batch, 480): pooled, for Frechet distances.

        The width is five times the last of `widths`: means over the middle, left, right, top and bottom
        half of the picture. Each region is half a picture and holds a thing of its place whole, so that
        one head reads the thing of any place.
        """
        hidden = F.silu(self.norm(self.blocks(self.stem(images * 2.0 - 1.0))))
        half, quarter = hidden.shape[-1] // 2, hidden.shape[-1] // 4
        regions = (
            hidden[..., quarter : quarter + half],
            hidden[..., :half],
            hidden[..., half:],
            hidden[..., :half, :],
            hidden[..., half:, :],
        )
        return torch.cat([region.mean(dim=(2, 3)) for region in regions], dim=1)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(batch, 3, 64, 64) in [0, 1] to logits by attribute.

        Those of layout, tone and ground are (batch, options); those of size, colour and shape are
        (batch, 5, options), one row a place, in the order of `PLACES`.
        """
        pooled = self.features(images)
        scene = self.scene(pooled).split(self._counts(SCENE), dim=-1)
        thing = self.thing(pooled.unflatten(1, (len(PLACES), -1))).split(self._counts(THING), dim=-1)
        return dict(zip((*SCENE, *THING), (*scene, *thing), strict=True))

    @torch.no_grad()
    def read(self, images: Tensor, batch: int = 128) -> list[Facts]:
        """The likeliest words for every picture of (count, 3, 64, 64) in [0, 1]."""
        readings: list[Facts] = []
        for part in images.split(batch):
            best = {name: logits.argmax(dim=-1).tolist() for name, logits in self(part).items()}
            readings += [self._facts(best, row) for row in range(len(part))]
        return readings

    def _facts(self, best: dict[str, list], row: int) -> Facts:
        layout, tone, ground = (self.options[name][best[name][row]] for name in SCENE)
        size, colour, shape = (
            [self.options[name][best[name][row][PLACES.index(place)]] for place in LAYOUTS[layout]]
            for name in THING
        )
        things = tuple(zip(size, colour, shape, strict=True))
        return {"layout": layout, "things": things, "tone": tone, "ground": ground}


def marks(reading: Facts, wanted: Facts) -> dict[str, list[bool]]:
    """What one reading has right, attribute by attribute.

    Size, colour and shape have one mark for each thing asked for: a thing counts at its place only, so
    that all its marks are wrong where the layout is. `relation` has one mark for two things, none for
    one: layout, colours and shapes are right, each at its place, whatever the sizes.
    """
    same_layout = reading["layout"] == wanted["layout"]
    found = reading["things"] if same_layout else (("", "", ""),) * len(wanted["things"])
    pairs = list(zip(found, wanted["things"], strict=True))
    right = {name: [thing[i] == asked[i] for thing, asked in pairs] for i, name in enumerate(THING)}
    two = len(wanted["things"]) == 2
    right["relation"] = [all(right["colour"] + right["shape"])] if two else []
    right["tone"] = [reading["tone"] == wanted["tone"]]
    right["ground"] = [reading["ground"] == wanted["ground"]]
    return right


def shares(readings: Sequence[Facts], wanted: Sequence[Facts]) -> dict[str, float]:
    """Shares right over pictures whose sentences ask for `wanted`, each from 0 to 1.

    Returns:
        `shape`, `colour` and `size` over all things asked for; `relation` over the pictures with two
        things; `background` (tone and ground) over pictures; `attributes` over every size, colour,
        shape, tone and ground asked for; `all` over pictures. Empty without pictures; without
        `relation` where no picture has two things.
    """
    rows = [marks(reading, asked) for reading, asked in zip(readings, wanted, strict=True)]
    asked_for = (*THING, "tone", "ground")
    counted = {name: [mark for row in rows for mark in row[name]] for name in ("shape", "colour", "size")}
    counted["relation"] = [mark for row in rows for mark in row["relation"]]
    counted["background"] = [all(row["tone"] + row["ground"]) for row in rows]
    counted["attributes"] = [mark for row in rows for name in asked_for for mark in row[name]]
    counted["all"] = [all(mark for name in asked_for for mark in row[name]) for row in rows]
    return {name: sum(values) / len(values) for name, values in counted.items() if values}


def save_judge(model: AttributeJudge, folder: Path | str) -> None:
    """Writes config.json and fp16 model.safetensors; half precision halves the download."""
    from safetensors.torch import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "words": model.words,
        "widths": list(model.widths),
        "image_size": 64,
        "image_range": [0.0, 1.0],
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    weights = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    part = folder / "model.safetensors.part"
    save_file(weights, str(part), metadata={"format": "pt"})
    part.chmod(0o644)  # the writer makes the file private, which would follow it to where it is copied
    part.replace(folder / "model.safetensors")  # whole or not at all: a training may be waiting to read it


def load_judge(folder: Path | str) -> AttributeJudge:
    """The trained judge of `folder` in fp32, in eval mode, on the CPU.

    Raises:
        LoadError: the folder lacks config.json or model.safetensors.
    """
    from safetensors.torch import load_file

    folder = Path(folder)
    missing = [name for name in ("config.json", "model.safetensors") if not (folder / name).is_file()]
    if missing:
        raise LoadError(
            f"no {' and no '.join(missing)} in {folder}; expected the folder of a trained judge. Check the "
            "path, or train one with training/train_judge.py."
        )
    config = json.loads((folder / "config.json").read_text())
    model = AttributeJudge(config["words"], tuple(config["widths"]))
    weights = load_file(str(folder / "model.safetensors"))
    model.load_state_dict({name: value.float() for name, value in weights.items()})
    return model.eval().requires_grad_(False)
