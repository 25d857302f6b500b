"""Loading a reference model by name: the embedded one, or the others from a checkout or the hub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foretrace.errors import LoadError, UnknownReference

EMBEDDED = Path(__file__).parent
CHECKOUT = Path(__file__).parents[3] / "references"
HUB = "foretrace"
"""The organisation on the hub under which the models that are not embedded are kept."""


@dataclass(frozen=True)
class Reference:
    """A reference model: how it is meant to be called, and how its files are made again.

    ``call`` are keyword arguments of its pipeline; ``guidance`` names the one that is its guidance strength.
    """

    rebuild: str
    call: Mapping[str, Any] = field(default_factory=dict)
    guidance: str = "guidance_scale"
    embedded: bool = False


REFERENCES = {
    "shapes-dit": Reference(
        "python training/export.py", {"guidance_scale": 3.0, "num_inference_steps": 50}, embedded=True
    ),
    "shapes-t2i": Reference(
        "python training/export_t2i.py",
        {
            "guidance_scale": 3.5,
            "num_inference_steps": 20,
            "use_resolution_binning": False,
            "clean_caption": False,
        },
    ),
    "shapes-flow": Reference(
        "python training/export_flow.py",
        {
            "true_cfg_scale": 3.0,
            "negative_prompt": "",
            "num_inference_steps": 28,
            "height": 64,
            "width": 64,
            "max_sequence_length": 20,
        },
        guidance="true_cfg_scale",
    ),
    "shapes-video": Reference(
        "python training/export_video.py",
        {
            "guidance_scale": 3.5,
            "num_inference_steps": 30,
            "video_length": 8,
            "height": 64,
            "width": 64,
            "clean_caption": False,
        },
    ),
}
"""The reference models by name."""


def reference(name: str = "shapes-dit") -> Any:
    """The reference pipeline ``name``, in fp32, on the CPU.

    ``shapes-dit`` is a class-conditional ``DiTPipeline`` and comes with the package; ``shapes-t2i``
    (``PixArtAlphaPipeline``), ``shapes-flow`` (``FluxPipeline``) and ``shapes-video`` (``LattePipeline``) lie
    in the repository's folder ``references`` and are fetched from the hub where there is no checkout. How
    each is meant to be called is ``REFERENCES[name].call``.

    Raises:
        UnknownReference: there is no such model, or it is neither in a checkout nor on the hub.
        LoadError: one of its files is damaged.
    """
    folder = reference_folder(name)
    check_files(folder, REFERENCES[name].rebuild)
    import torch
    from diffusers.pipelines.pipeline_utils import DiffusionPipeline
    from diffusers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # it complains about the class names that its own DiT pipeline asks for
    try:
        return DiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    finally:
        logging.set_verbosity(verbosity)


def reference_folder(name: str, kind: str = "model_index.json") -> Path:
    """Where the files of ``name`` are; fetched from the hub where there is no checkout.

    ``kind`` is the file by which the folder is recognised.
    """
    if name in REFERENCES and REFERENCES[name].embedded:
        folder, missing = EMBEDDED / name, "Reinstall foretrace, or run"
    else:
        folder, missing = CHECKOUT / name, "Clone the repository, or run there"
    if (folder / kind).is_file():
        return folder
    if name not in (*REFERENCES, "shapes-judge"):
        raise UnknownReference(
            f"no reference model {name!r}; expected one of {', '.join(REFERENCES)}. Pass one of these."
        )
    rebuild = REFERENCES[name].rebuild if name in REFERENCES else "python training/train_judge.py"
    if name in REFERENCES and REFERENCES[name].embedded:
        found = None
    else:
        found = _from_hub(name)
    if found is None:
        raise UnknownReference(
            f"the files of {name} are missing at {folder}, and {HUB}/{name} cannot be had from the hub; "
            f"expected one of both. {missing} `{rebuild}`."
        )
    return found


def _from_hub(name: str) -> Path | None:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError:
        return None
    try:
        return Path(snapshot_download(f"{HUB}/{name}"))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError):
        return None


def check_files(folder: Path, rebuild: str) -> None:
    """Raise `LoadError` naming the first file of a pipeline that cannot be read."""
    from safetensors import SafetensorError, safe_open

    for path in sorted(folder.rglob("*")):
        try:
            if path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix == ".safetensors":
                with safe_open(str(path), framework="pt"):
                    pass
        except (ValueError, SafetensorError, OSError) as error:
            raise LoadError(
                f"{path} cannot be read ({error}); expected a whole file. Restore it from the repository, or "
                f"make it again with `{rebuild}`."
            ) from error
