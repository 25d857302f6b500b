"""Why a row has no numbers, in a line."""

from __future__ import annotations

import traceback
from pathlib import Path


def reason_of(error: BaseException) -> str:
    """Type and message of an error. One without a message, as a bare assert, says where it was raised."""
    if str(error).strip():
        return f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    last = frames[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, {last.name}: {last.line}"
