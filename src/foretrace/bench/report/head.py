"""The head of the page: what is compared with what, and the answer at a glance."""

from __future__ import annotations

from dataclasses import dataclass

from foretrace.bench.report.groups import Group, Series, steps_computed
from foretrace.bench.report.words import TIMES, count, finite, short
from foretrace.bench.rows import Estimate, Row


def sentence(group: Group) -> str:
    """What is compared with what."""
    first = group.uncached or group.rows[0]
    rows = {
        kind: sum(row.kind == kind and row.status != "not run" for row in group.rows)
        for kind in ("method", "peer", "fewer-steps", "sampler")
    }
    methods = len({row.method for row in group.rows if row.kind == "method" and row.method})
    parts = [f"{count(rows['method'], 'setting')} of {count(methods, 'method')}"] if rows["method"] else []
    parts += [f"{count(rows['peer'], 'row')} of other libraries"] if rows["peer"] else []
    controls = count(rows["fewer-steps"], "run")
    parts += [f"{controls} of the same sampler with fewer steps"] if rows["fewer-steps"] else []
    parts += [f"{count(rows['sampler'], 'row')} of other samplers"] if rows["sampler"] else []
    told = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1] if parts else "Nothing"
    verb = "is" if len(parts) == 1 and told.startswith(("1 ", "Nothing")) else "are"
    return (
        f"{told[0].upper()}{told[1:]} {verb} compared with the uncached run of {first.model} at "
        f"{first.steps} steps: same noise and same conditions, {count(first.samples, 'sample')} a row."
    )


@dataclass(frozen=True)
class Verdict:
    """The best row that computes no more steps than a fewer-steps control, beside that control."""

    budget: int
    control: str
    control_error: str
    row: int
    label: str
    series: Series
    computed: int
    error: str
    speedup: str
    control_speedup: str
    outcome: str
    words: str


def verdicts(group: Group) -> list[Verdict]:
    """One a control, most steps first; only where somebody spends no more."""
    found = []
    places = [i for i in group.order if _error(group.rows[i]) is not None]
    controls = [i for i in places if group.rows[i].kind == "fewer-steps"]
    for control in sorted(controls, key=lambda i: -steps_computed(group.rows[i])):
        budget = steps_computed(group.rows[control])
        rivals = [
            i
            for i in places
            if group.rows[i].kind in ("method", "peer") and steps_computed(group.rows[i]) <= budget
        ]
        if rivals:
            best = min(rivals, key=lambda i: group.rows[i].quality["relative_l2"].value)
            found.append(_verdict(group, budget, control, best))
    return found


def _verdict(group: Group, budget: int, control: int, best: int) -> Verdict:
    row, other = group.rows[best], group.rows[control]
    own, theirs = row.quality["relative_l2"], other.quality["relative_l2"]
    outcome, words = _outcome(own, theirs)
    return Verdict(
        budget, other.label, short(theirs.value), best, row.label, group.series_of(best), steps_computed(row),
        short(own.value), _faster(row), _faster(other), outcome, words,
    )  # fmt: skip


def _faster(row: Row) -> str:
    return f"{short(row.latency.speedup.value)}{TIMES} faster" if row.latency else ""


def _outcome(own: Estimate, control: Estimate) -> tuple[str, str]:
    """A word for the style, and the words on the page."""
    if own.value >= control.value:
        return "lost", "Fewer steps do better"
    closer = f"{control.value / own.value:.1f}{TIMES} closer" if own.value > 0 else "Identical to uncached"
    if own.high is not None and control.low is not None and own.high >= control.low:
        return "open", f"{closer}, but intervals overlap"
    return "won", closer


def _error(row: Row) -> Estimate | None:
    error = row.quality.get("relative_l2")
    return error if row.status == "ok" and error is not None and finite(error.value) else None
