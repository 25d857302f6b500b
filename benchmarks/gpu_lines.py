"""From timed calls to a line of results: milliseconds by kind of call, speed-up, efficiency."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from gpu_runs import Found


def line_of(found: Found, examined: Found, uncached: Found) -> dict[str, Any]:
    """What was measured of an arm. ``examined`` says which of its steps were computed, in eager mode.

    Ratios are of runs of the same round: ``speedup`` uncached over own milliseconds, and ``efficiency`` that
    over steps / computed steps, 1 where skipped steps cost nothing.
    """
    line = {
        "arm": found.arm.label,
        "kind": found.arm.kind,
        "status": found.status,
        "reason": found.reason,
    }
    if examined.status != "ok" and found.status == "ok":
        line |= {"status": examined.status, "reason": f"in eager mode: {examined.reason}"}
    if line["status"] != "ok" or not found.runs:
        return line
    facts = {k: v for k, v in examined.facts.items() if k not in ("macs_per_call", "held_bytes")}
    macs = examined.facts["macs_per_call"]
    steps, computed = len(macs), set(examined.facts["computed"])
    ratios = [full / own for full, own in zip(uncached.runs, found.runs, strict=True)]
    speedup = statistics.median(ratios)
    return line | facts | {
        "steps": steps,
        "macs": sum(macs),
        "peak_bytes": found.facts["peak_bytes"],
        "first_ms": spread([calls[0] for calls in found.calls]),
        "computed_ms": spread([c[i] for c in found.calls for i in range(1, steps) if i in computed]),
        "skipped_ms": spread([c[i] for c in found.calls for i in range(1, steps) if i not in computed]),
        "run_ms": spread(found.runs),
        "speedup": speedup,
        "efficiency": speedup * len(computed) / steps,
    }  # fmt: skip


def spread(values: Sequence[float]) -> dict[str, float] | None:
    """Minimum, quartiles and how many; None of nothing."""
    if len(values) < 2:
        return {"n": 1, "min": values[0], "median": values[0]} if values else None
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
    return {"n": len(values), "min": min(values), "q1": q1, "median": median, "q3": q3}


def as_text(line: dict[str, Any]) -> str:
    """A line for the console."""
    head = f"{line['arm']:52}"
    if line["status"] != "ok":
        return f"{head} {line['status']}: {line['reason'][:120]}"
    computed, skipped = (_milliseconds(line[key]) for key in ("computed_ms", "skipped_ms"))
    return (
        f"{head} {len(line['computed']):3}/{line['steps']}  computed {computed}  skipped {skipped}  "
        f"{line['speedup']:5.2f}x  eff. {line['efficiency']:4.0%}  history "
        f"{line['history_bytes'] / 2**20:8.2f} MiB"
    )


def _milliseconds(values: dict[str, float] | None) -> str:
    return f"{values['median']:9.3f} ms" if values else "       - ms"
