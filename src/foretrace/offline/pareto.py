"""Error against computed steps: uniform, tuned, and the same sampler with fewer steps, on held-out calls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from foretrace.checks import between
from foretrace.offline.calls import fresh
from foretrace.offline.progress import Progress, silent
from foretrace.offline.sampling import relative_error, sample
from foretrace.offline.tune import as_profile
from foretrace.offline.tuner import Tuner
from foretrace.profile import Profile


@dataclass(frozen=True)
class Point:
    """Mean relative L2 of final latents to the uncached run, at one number of computed steps."""

    computed: int
    tuned: float
    uniform: float
    fewer_steps: float
    uniform_predictor: str
    tuned_predictor: str
    tuned_steps: list[int]


def pareto(
    tuner: Tuner, counts: Sequence[int], minutes: float, seed: int = 0, progress: Progress = silent
) -> tuple[list[Point], list[Profile]]:
    """One point and one profile a count, ``minutes`` of search for each.

    ``uniform`` is the best of the tuner's predictors on the uniform strides, chosen on the search calls as
    the tuned one is, so both are judged on calls that neither was chosen on.
    """
    points, profiles = [], []
    for count in counts:
        between("counts", count, 2, tuner.steps)
        found = tuner.search(count, 60 * minutes, seed, progress)
        profile = as_profile(tuner, found, count)
        measured = profile.measured
        points.append(
            Point(
                count,
                measured["held_out_error"],
                measured["uniform_held_out_error"],
                fewer_steps(tuner, count),
                measured["uniform"][1],
                str(profile.method.predictor),
                measured["computed"],
            )
        )
        profiles.append(profile)
    return points, profiles


def fewer_steps(tuner: Tuner, count: int) -> float:
    """The error of the sampler with ``count`` steps, on the held-out calls."""
    judge, errors = tuner.held_out, []
    for call, reference in zip(judge.calls, judge.references, strict=True):
        latents = sample(judge.pipe, fresh(call) | {"num_inference_steps": count})
        errors += relative_error(latents, reference).tolist()
    return sum(errors) / len(errors)


def save_pareto(points: Sequence[Point], folder: Path) -> list[Path]:
    """``pareto.json`` and ``pareto.png`` in ``folder``."""
    from matplotlib.figure import Figure

    path = folder / "pareto.json"
    path.write_text(json.dumps([asdict(point) for point in points], indent=2) + "\n")
    figure = Figure(figsize=(6, 4), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    x = [point.computed for point in points]
    lines = {"fewer_steps": "fewer steps", "uniform": "best uniform stride", "tuned": "tuned"}
    for (name, label), style in zip(lines.items(), ("s--", "o-", "D-"), strict=True):
        axes.plot(x, [getattr(point, name) for point in points], style, label=label, markersize=5)
    axes.set(xlabel="computed steps", ylabel="relative L2 to the uncached run, held out", yscale="log")
    axes.set_xticks(x, [str(n) for n in x])
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    picture = folder / "pareto.png"
    figure.savefig(picture)
    return [path, picture]
