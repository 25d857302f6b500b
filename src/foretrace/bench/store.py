"""Uncached samples on disk, so that rows to come, and a bench that is run again, need not make them again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from foretrace.bench.sampling import call_pipeline
from foretrace.offline.calls import Call, digest


@dataclass(frozen=True)
class Store:
    """One file a call in ``folder``, named by setting and call."""

    folder: Path
    setting: str

    def images(self, pipe: Any, call: Call) -> Tensor:
        """The uncached samples of ``call``, (samples, frames, ...); made and kept if they are not there."""
        path = self.folder / f"{self.setting}-{digest(call)}.safetensors"
        try:
            return load_file(path)["images"]
        except (OSError, SafetensorError):  # not there, or cut off
            images = call_pipeline(pipe, call).images
            self.keep(path, images)
            return images

    def keep(self, path: Path, images: Tensor) -> None:
        """Write a file, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        save_file({"images": images.contiguous()}, part)
        part.replace(path)
