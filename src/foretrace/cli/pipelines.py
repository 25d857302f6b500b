"""Loading a pipeline by path, hub id or reference name, and filling in its call."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch

from foretrace.demo import REFERENCES, reference
from foretrace.errors import InvalidSetting, LoadError


def load_pipeline(model: str, device: str | None, dtype: str) -> Any:
    """A diffusers pipeline on ``device`` (the best there is by default).

    Raises:
        LoadError: the folder is missing, truncated or no pipeline, or the hub cannot be reached.
        InvalidSetting: ``dtype`` or ``device`` does not exist.
    """
    place = device or _best_device()
    precision = _precision(dtype, place)
    if model in REFERENCES:
        pipe = reference(model).to(place)
        return pipe if precision == torch.float32 else pipe.to(precision)
    _check_folder(model)
    from diffusers.pipelines.pipeline_utils import DiffusionPipeline

    try:
        return DiffusionPipeline.from_pretrained(model, dtype=precision).to(place)
    except (RuntimeError, AssertionError) as error:
        if "cuda" in place or "mps" in place:
            raise InvalidSetting(
                f"device {place!r} cannot be used: {error}. Expected a device this machine has. "
                "Pass --device cpu."
            ) from error
        raise LoadError(_broken(model, error)) from error
    except Exception as error:  # diffusers, hub and safetensors raise a dozen unrelated types
        raise LoadError(_broken(model, error)) from error


def usual_call(model: str, guidance: float | None) -> dict[str, Any]:
    """How a reference model is meant to be called, with ``guidance`` under its own name; else nothing."""
    if model not in REFERENCES:
        return {} if guidance is None else {"guidance_scale": guidance}
    found = REFERENCES[model]
    return dict(found.call) | ({} if guidance is None else {found.guidance: guidance})


def call_arguments(
    pipe: Any,
    prompt: str | None,
    steps: int | None,
    seed: int,
    extra: dict[str, Any],
) -> dict[str, Any]:
    """The keyword arguments of one pipeline call; unknown ones are refused by name."""
    known = inspect.signature(pipe.__call__).parameters
    arguments: dict[str, Any] = {"generator": torch.Generator("cpu").manual_seed(seed), **extra}
    if steps is not None:
        arguments["num_inference_steps"] = steps
    if "class_labels" in known and "class_labels" not in extra:
        arguments["class_labels"] = _class_labels(pipe, prompt)
    elif prompt is not None:
        arguments["prompt"] = prompt
    unknown = [name for name in arguments if name not in known]
    if unknown:
        raise InvalidSetting(
            f"{type(pipe).__name__} takes no argument {unknown[0]!r}; expected some of "
            f"{', '.join(known)}. Correct or drop it."
        )
    return arguments


def _class_labels(pipe: Any, prompt: str | None) -> list[int]:
    """Class ids from names or numbers split by commas; by default the first four classes."""
    if prompt is None:
        return list(range(4))
    known = ", ".join(getattr(pipe, "labels", {})) or "no name, as the model has none"
    labels = []
    for word in (part.strip() for part in prompt.split(",")):
        if word.isdigit():
            labels.append(int(word))
        elif word in pipe.labels:
            labels.append(pipe.labels[word])
        else:
            raise InvalidSetting(
                f"--prompt names the class {word!r}; expected one of {known}, or a number. Correct its name."
            )
    return labels


def _check_folder(model: str) -> None:
    """A path that is spelled as one must be a pipeline's folder; anything else may be a hub id."""
    folder = Path(model)
    looks_like_path = model.startswith((".", "/", "~")) or folder.exists() or model.count("/") > 1
    if not looks_like_path:
        return
    if not folder.is_dir():
        raise LoadError(f"no folder {model}; expected a pipeline in diffusers' format. Check the path.")
    if not (folder / "model_index.json").is_file():
        raise LoadError(
            f"{model} has no model_index.json; expected a pipeline in diffusers' format, as save_pretrained "
            "writes it. Pass the pipeline's folder, not that of one component."
        )


def _broken(model: str, error: Exception) -> str:
    first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return (
        f"cannot load {model}: {type(error).__name__}: {first_line}. Expected a complete pipeline in "
        "diffusers' format. Fetch or save it again, or check the hub id and your connection."
    )


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _precision(dtype: str, device: str) -> torch.dtype:
    if dtype == "auto":
        return torch.float32 if device == "cpu" else torch.bfloat16
    found = getattr(torch, dtype, None)
    if not (isinstance(found, torch.dtype) and found.is_floating_point):
        raise InvalidSetting(f"--dtype got {dtype!r}; expected a floating torch dtype. Pass bfloat16.")
    return found
