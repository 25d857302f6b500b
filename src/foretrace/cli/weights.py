"""The weight table of a linear predictor on its schedule: what each skipped step adds up, and its gain."""

from __future__ import annotations

from rich.table import Table

from foretrace.errors import InvalidSetting
from foretrace.method import Method
from foretrace.predictor import LinearPredictor


def weight_table(method: Method, steps: int) -> Table:
    """One line per skipped step of a ``steps``-step run: points newest first, weights, their sum, the gain.

    Raises:
        InvalidSetting: the predictor's weights depend on the features, so there is no table of them; or its
            times are those of a sampler, which is not here.
    """
    predictor = method.predictor
    if method.time != "index":
        raise InvalidSetting(
            f"time got {method.time!r}; expected 'index', the only coordinate known without a sampler. "
            "Leave it out, or call predictor.weights(times, t) with the sampler's own."
        )
    if not isinstance(predictor, LinearPredictor):
        raise InvalidSetting(
            f"{method.name} forecasts by {predictor}, whose weights depend on the features; "
            "expected a linear predictor. Ask for one with fixed weights: tracache with --set select=fixed."
        )
    computed = method.schedule.table(steps)
    table = Table(title=f"{method.name}: {len(computed)} of {steps} steps computed, {predictor}")
    for name in ("step", "points", "weights", "sum", "gain"):
        table.add_column(name, justify="right" if name in ("step", "sum", "gain") else "left")
    for t in range(steps):
        if t in computed:
            continue
        times = predictor.weighed([float(i) for i in reversed(computed) if i < t])
        weights = predictor.weights(times, float(t))
        table.add_row(
            str(t),
            " ".join(f"{int(time)}" for time in times),
            " ".join(f"{weight:+.4f}" for weight in weights),
            f"{sum(weights):.4f}",
            f"{predictor.gain(times, float(t)):.3f}",
        )
    return table
