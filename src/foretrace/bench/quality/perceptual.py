"""LPIPS and CLIP scores, from weights that lie on this machine already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from foretrace.errors import InvalidSetting, LoadError

ALEXNET = "alexnet-owt-7be5be79.pth"
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""What CLIP's pictures are normalised with."""


def load_lpips() -> Callable[[Tensor, Tensor], Tensor]:
    """LPIPS (AlexNet) of pictures (count, 3, height, width) in [0, 1]: (count,).

    Raises:
        InvalidSetting: torchvision, from which torchmetrics has the network, or its weights are missing.
    """
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    if not (folder / ALEXNET).is_file():
        shown = str(folder).replace(str(Path.home()), "~", 1)  # it is written into results
        raise InvalidSetting(
            f"AlexNet's weights are not in {shown}; expected {ALEXNET} there, "
            "since nothing is downloaded. Fetch them with torchvision."
        )
    try:
        from torchmetrics.functional.image.lpips import _NoTrainLpips

        net = _NoTrainLpips(net="alex")  # the public function makes the network anew at every call
    except ModuleNotFoundError as error:
        raise InvalidSetting(f"{error} Expected torchvision for LPIPS. Install it.") from error
    return lambda a, b: net(a, b, normalize=True).flatten()


def load_clip(folder: str) -> Callable[[Tensor, Sequence[str]], Tensor]:
    """100 times the cosine of picture and prompt, at least 0: (count,). ``folder`` is a model's own.

    Pictures are resized and normalised here: the processors of transformers ask for torchvision.

    Raises:
        LoadError: ``folder`` holds no CLIP model.
    """
    try:
        from transformers import AutoTokenizer, CLIPModel

        model: Any = CLIPModel.from_pretrained(folder, local_files_only=True).eval()
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ImportError, ValueError) as error:
        raise LoadError(
            f"no CLIP model at {folder} ({error}); expected a folder in transformers' format. Check --clip."
        ) from error
    size = model.config.vision_config.image_size

    @torch.no_grad()
    def score(images: Tensor, prompts: Sequence[str]) -> Tensor:
        words = tokenizer(list(prompts), padding=True, truncation=True, return_tensors="pt")
        found = model(
            input_ids=words["input_ids"],
            attention_mask=words["attention_mask"],
            pixel_values=clip_pixels(images, size),
        )
        return 100 * F.cosine_similarity(found.image_embeds, found.text_embeds).clamp(min=0)

    return score


def clip_pixels(images: Tensor, size: int) -> Tensor:
    """Pictures in [0, 1] with the shorter side made ``size``, cut to a square in the middle, normalised."""
    height, width = images.shape[-2:]
    scale = size / min(height, width)
    shape = (max(size, round(height * scale)), max(size, round(width * scale)))
    scaled = F.interpolate(images, shape, mode="bicubic", antialias=True).clamp(0, 1)
    top, left = (shape[0] - size) // 2, (shape[1] - size) // 2
    cut = scaled[..., top : top + size, left : left + size]
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (MEAN, STD))
    return (cut - mean) / std
