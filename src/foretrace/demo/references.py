"""Loading a reference model by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foretrace.errors import UnknownReference

REFERENCES = {"shapes-dit": Path(__file__).parent / "shapes-dit"}
"""The reference models and where their files are."""


def reference(name: str = "shapes-dit") -> Any:
    """The reference pipeline ``name``, loaded offline, in fp32, on the CPU.

    ``shapes-dit`` is a class-conditional ``DiTPipeline`` over 64x64 pictures of shapes; sample it with
    DDIM-50 and guidance, as ``foretrace demo`` does.

    Raises:
        UnknownReference: there is no such model, or its files are missing.
    """
    folder = REFERENCES.get(name)
    if folder is None:
        raise UnknownReference(
            f"no reference model {name!r}; expected one of {', '.join(REFERENCES)}. Pass one of these."
        )
    if not (folder / "model_index.json").is_file():
        raise UnknownReference(
            f"the files of {name} are missing at {folder}; expected a pipeline in diffusers' format. "
            "Reinstall foretrace, or rebuild them as training/README.md says."
        )
    import torch
    from diffusers.pipelines.pipeline_utils import DiffusionPipeline
    from diffusers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # it complains about the class names that its own DiT pipeline asks for
    try:
        return DiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    finally:
        logging.set_verbosity(verbosity)
