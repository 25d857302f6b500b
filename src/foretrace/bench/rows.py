"""What a bench writes: one row a method, control or peer, as plain data and as one JSON line.

Ratios are only ever taken between rows of one file that share ``machine`` and ``setting``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from foretrace.errors import LoadError

SCHEMA = 1

Kind = Literal["uncached", "method", "fewer-steps", "sampler", "peer"]
Status = Literal["ok", "no effect", "failed", "not run"]


@dataclass(frozen=True)
class Estimate:
    """A number with its bootstrap interval (95 %); ``low`` and ``high`` are ``None`` where there is none."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Latency:
    """Seconds of each timed round, and the ratio to the uncached run of the same round."""

    seconds: list[float]
    speedups: list[float]
    median: float
    speedup: Estimate


@dataclass(frozen=True)
class Row:
    """One line of a bench.

    ``computed`` are step indices. ``macs`` and ``macs_full`` hold "linear" and "total" (with attention), as
    `Report` counts them; ``macs["nominal"]`` is computed steps over steps times the full count, which is what
    most papers print. ``quality`` maps a metric's name ("relative_l2", "psnr", "ssim", "lpips", "frechet",
    "sfid", "inception_score", "kid", "clip", or the task's own) to its estimate. ``trajectory`` has
    "error_by_step" (relative L2 of the latents to the uncached ones after each step), "orders" (the order
    used at each skipped step, where the predictor has one), and "pca" ("uncached", "cached": lists of pairs).
    ``pictures`` are files beside the JSON file, one a shown sample. ``machine`` and ``setting`` are digests
    of what must be equal for rows to be compared; ``about`` is the provenance itself. ``published`` are the
    numbers of a paper that stand beside this row, see `PaperTable.as_published`; none of them is ours.
    """

    kind: Kind
    label: str
    model: str
    steps: int
    samples: int
    status: Status = "ok"
    reason: str = ""
    method: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    computed: list[int] = field(default_factory=list)
    macs: dict[str, int] = field(default_factory=dict)
    macs_full: dict[str, int] = field(default_factory=dict)
    latency: Latency | None = None
    efficiency: float | None = None
    peak_bytes: int | None = None
    history_bytes: int | None = None
    quality: dict[str, Estimate] = field(default_factory=dict)
    trajectory: dict[str, Any] = field(default_factory=dict)
    pictures: list[str] = field(default_factory=list)
    machine: str = ""
    setting: str = ""
    about: dict[str, Any] = field(default_factory=dict)
    published: dict[str, Any] = field(default_factory=dict)

    @property
    def ran(self) -> bool:
        """Whether there was a run; a row that failed or was not run holds nothing of one."""
        return self.status not in ("failed", "not run")


def write_row(row: Row, path: Path) -> None:
    """Append one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps({"schema": SCHEMA} | asdict(row)) + "\n")


def read_rows(path: Path) -> list[Row]:
    """All whole lines of a file; a line that was cut off at the end is left out."""
    if not path.is_file():
        raise LoadError(f"there is no results file {path}; expected one that foretrace bench wrote. Run it.")
    return [_row(line) for line in _whole_lines(path)]


def _whole_lines(path: Path) -> Iterable[dict[str, Any]]:
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        try:
            yield json.loads(line)
        except ValueError as error:
            if number + 1 < len(lines):
                raise LoadError(
                    f"{path}, line {number + 1}, is no JSON ({error}); expected a row. Delete that line."
                ) from error


def _row(data: dict[str, Any]) -> Row:
    if data.pop("schema", None) != SCHEMA:
        raise LoadError(f"a row is of another version than {SCHEMA}; expected rows of this one. Run again.")
    latency = data.get("latency")
    if latency is not None:
        data["latency"] = Latency(**{**latency, "speedup": Estimate(**latency["speedup"])})
    data["quality"] = {name: Estimate(**value) for name, value in data.get("quality", {}).items()}
    return Row(**data)
