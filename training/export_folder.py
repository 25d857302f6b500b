"""Writing a trained pipeline as a reference model: half precision, no private fields, held-out prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from export import drop_private_fields

REFERENCES = Path(__file__).resolve().parent.parent / "references"
MOST_BYTES = 12_000_000


def export_folder(pipe: Any, name: str, prompts: list[dict[str, Any]]) -> Path:
    """Saves ``pipe`` as ``references/name`` with ``prompts``, each a caption and its facts."""
    folder = REFERENCES / name
    pipe.to(torch.float16).save_pretrained(folder, safe_serialization=True)
    drop_private_fields(folder)
    rows = ",\n".join(json.dumps(row) for row in prompts)
    (folder / "prompts.json").write_text(f"[\n{rows}\n]\n")
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)  # the writer makes these private
    total = 0
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            total += path.stat().st_size
            print(f"{path.stat().st_size:>10,}  {path.relative_to(folder)}")
    print(f"{total:>10,}  together")
    assert total <= MOST_BYTES, "too large to be kept in the repository"
    return folder
