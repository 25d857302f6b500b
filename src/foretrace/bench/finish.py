"""From what was measured to a row: its samples judged, its pictures saved, its numbers put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from foretrace.bench.arms import Probe, at_work, call_of, check_finite
from foretrace.bench.bench import Bench
from foretrace.bench.entries import UNCACHED, Entry
from foretrace.bench.memory import NO_PEAK
from foretrace.bench.pictures import save_pictures
from foretrace.bench.quality.tally import Tally
from foretrace.bench.rows import Latency, Row
from foretrace.bench.sampling import call_pipeline
from foretrace.bench.timing import latency
from foretrace.bench.trajectory import describe
from foretrace.errors import UnsupportedModel
from foretrace.macs import Macs
from foretrace.runtime.report import Report

HISTORY_NOTE = "history_bytes: live tensors in the middle and near the end of a run, above the uncached run's"


def finish_row(
    bench: Bench, entry: Entry, found: Probe, uncached: Probe, seconds: Sequence[float], full: Sequence[float]
) -> Row:
    """Sample all calls with a row of this process, judge them and write the row."""
    tally = Tally(bench.panel)
    with bench.progress(entry.label, len(bench.calls)) as advance:
        for number, call in enumerate(bench.calls):
            images = found.sampled.images if number == 0 else _images(bench, entry, number)
            tally.add(call, images, bench.store.images(bench.pipe, call))
            advance(1)
    timed = latency(seconds, full)
    computed = found.report.computed
    missing = {} if found.peak is not None else {"peak_bytes": NO_PEAK}
    quality = tally.result()
    try:
        macs = _macs(_spent(entry, found, uncached), len(computed), uncached.report.full_macs, bench.steps)
    except UnsupportedModel as error:
        macs, missing["macs"] = {}, str(error)
    return bench.write(
        entry,
        computed=computed,
        **macs,
        latency=timed,
        efficiency=_efficiency(timed, bench.steps, len(computed)),
        peak_bytes=found.peak,
        history_bytes=found.report.history_bytes if entry.kind == "method" else 0,
        quality=quality,
        trajectory=describe(found.sampled.steps, uncached.sampled.steps, found.orders),
        pictures=_pictures(bench, entry, found.sampled.images),
        about={"missing": tally.missing | missing, "notes": _notes(found.report)},
    )


def finish_peer(bench: Bench, entry: Entry, result: dict[str, Any], read: Callable[[str], Tensor]) -> Row:
    """Judge the samples that a peer's process wrote, and write the row."""
    if result["status"] == "failed":
        return bench.write(entry, status="failed", reason=result["reason"])
    notes, computed = list(result["notes"]), result["computed"]
    apart = float((read("uncached") - bench.store.images(bench.pipe, bench.calls[0])).abs().max())
    if apart > 0:
        notes.append(f"uncached samples of its process differ from those of this one by up to {apart:.3g}")
    done = {
        "computed": computed,
        **_macs(Macs(**result["macs"]), len(computed), Macs(**result["macs_full"]), bench.steps),
        "trajectory": result["trajectory"],
        "pictures": _pictures(bench, entry, read("call-0")),
    }
    if result["status"] == "no effect":
        return bench.write(entry, status="no effect", reason=result["reason"], **done, about={"notes": notes})
    tally = Tally(bench.panel)
    for number, call in enumerate(bench.calls):
        tally.add(call, read(f"call-{number}"), bench.store.images(bench.pipe, call))
    quality = tally.result()
    timed = latency(result["seconds"], result["uncached_seconds"])
    missing = {} if result["peak_bytes"] is not None else {"peak_bytes": NO_PEAK}
    return bench.write(
        entry,
        **done,
        latency=timed,
        efficiency=_efficiency(timed, bench.steps, len(computed)),
        peak_bytes=result["peak_bytes"],
        history_bytes=result["history_bytes"],
        quality=quality,
        about={"missing": tally.missing | missing, "notes": [*notes, HISTORY_NOTE]},
    )


def _images(bench: Bench, entry: Entry, number: int) -> Tensor:
    if entry is UNCACHED:  # the store has them, or makes them now
        return bench.store.images(bench.pipe, bench.calls[number])
    with at_work(bench.pipe, entry):
        sampled = call_pipeline(bench.pipe, call_of(entry, bench.calls[number]))
    check_finite(sampled, entry)
    return sampled.images


def _macs(spent: Macs, computed: int, full: Macs, steps: int) -> dict[str, dict[str, int]]:
    """Both conventions, beside those of the uncached run; and what papers print."""
    nominal = round(computed / steps * full.total)
    return {"macs": {**spent._asdict(), "nominal": nominal}, "macs_full": dict(full._asdict())}


def _spent(entry: Entry, found: Probe, uncached: Probe) -> Macs:
    """MACs of a row. A control's calls are those of the uncached run, so they are not counted again."""
    if entry.kind == "method":
        return found.report.run_macs
    calls, total = len(found.report.calls), len(uncached.report.calls)
    return Macs(*(count * calls // total for count in uncached.report.full_macs))


def _efficiency(timed: Latency | None, steps: int, computed: int) -> float | None:
    """The speed-up as a share of what skipped steps would give if they were free."""
    return timed.speedup.value * computed / steps if timed is not None and computed else None


def _pictures(bench: Bench, entry: Entry, images: Tensor) -> list[str]:
    if not bench.panel.decoded:
        return []
    label = f"{entry.label}-{bench.setting[:6]}"
    return save_pictures(images.to(torch.float32), bench.spec.out, label, bench.spec.shown)


def _notes(report: Report) -> list[str]:
    return list(report.notes)
