"""The judge of shapes-dit: a small residual network that names the shape in a picture.

It was trained on rendered pictures and on their autoencoder reconstructions, never on samples of
the diffusion model, so it does not learn to forgive that model's faults.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSIFIER_FOLDER = Path(__file__).parent / "shapes-classifier"


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut; `stride` 2 halves height and width."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(8, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm2 = nn.GroupNorm(8, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, H, W) to (batch, outputs, H / stride, W / stride)."""
        hidden = self.conv1(F.silu(self.norm1(x)))
        hidden = self.conv2(F.silu(self.norm2(hidden)))
        return self.shortcut(x) + hidden


class ShapesClassifier(nn.Module):
    """Names one of the shape classes in 64x64 pictures with values in [0, 1]."""

    def __init__(self, class_names: list[str], widths: tuple[int, ...] = (24, 48, 96)) -> None:
        super().__init__()
        self.class_names = list(class_names)
        self.widths = tuple(widths)
        self.stem = nn.Conv2d(3, widths[0], 5, 2, 2)
        blocks: list[nn.Module] = [ResidualBlock(widths[0], widths[0])]
        for inputs, outputs in pairwise(widths):
            blocks.append(ResidualBlock(inputs, outputs, stride=2))
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.GroupNorm(8, widths[-1])
        self.head = nn.Linear(widths[-1], len(class_names))

    def features(self, images: Tensor) -> Tensor:
        """(batch, 3, 64, 64) in [0, 1] to (batch, 96): pooled, for Frechet distances."""
        hidden = self.blocks(self.stem(images * 2.0 - 1.0))
        return F.silu(self.norm(hidden)).mean(dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 3, 64, 64) in [0, 1] to logits (batch, classes)."""
        return self.head(self.features(images))

    @torch.no_grad()
    def predict(self, images: Tensor, batch: int = 128) -> Tensor:
        """Most likely class id of every picture: (count,) int64."""
        return torch.cat([self(part).argmax(dim=1) for part in images.split(batch)])


def save_classifier(model: ShapesClassifier, folder: Path = CLASSIFIER_FOLDER) -> None:
    """Writes config.json and fp16 model.safetensors; half precision halves the download."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "class_names": model.class_names,
        "widths": list(model.widths),
        "image_size": 64,
        "image_range": [0.0, 1.0],
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    weights = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    path = folder / "model.safetensors"
    save_file(weights, str(path), metadata={"format": "pt"})
    path.chmod(0o644)  # the writer makes the file private, which would follow it into a package


def load_classifier(folder: Path | str = CLASSIFIER_FOLDER) -> ShapesClassifier:
    """The trained classifier in fp32, in eval mode, on the CPU."""
    from safetensors.torch import load_file

    folder = Path(folder)
    config = json.loads((folder / "config.json").read_text())
    model = ShapesClassifier(config["class_names"], tuple(config["widths"]))
    weights = load_file(str(folder / "model.safetensors"))
    model.load_state_dict({name: value.float() for name, value in weights.items()})
    return model.eval().requires_grad_(False)
