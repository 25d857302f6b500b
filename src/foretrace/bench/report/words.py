"""Numbers and sentences as the report prints them."""

from __future__ import annotations

import math

from foretrace.bench.rows import Estimate

NONE = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
METRICS = {  # name: how it is written, whether more is better, what it is
    "relative_l2": ("relative L2", False, "distance to the uncached pictures over their size"),
    "lpips": ("LPIPS", False, "perceptual distance to the uncached pictures"),
    "psnr": ("PSNR, dB", True, "peak signal-to-noise ratio to the uncached pictures"),
    "ssim": ("SSIM", True, "structural similarity to the uncached pictures"),
    "frechet": ("Fréchet distance", False, "between the features of samples and of the reference set"),
    "sfid": ("sFID", False, "Fréchet distance of spatial features"),
    "kid": ("KID", False, "kernel distance of the features"),
    "inception_score": ("Inception score", True, "sharp and varied classes"),
    "clip": ("CLIP score", True, "agreement of picture and prompt"),
}


def metric_title(name: str) -> str:
    """How a metric is written; the task's own by its name."""
    return METRICS[name][0] if name in METRICS else name.replace("_", " ")


def more_is_better(name: str) -> bool:
    """Whether a larger value is better; so it is for shares right, which tasks score."""
    return METRICS[name][1] if name in METRICS else True


def metric_help(name: str) -> str:
    """What the metric is, in a few words."""
    return METRICS[name][2] if name in METRICS else "the task's own score"


def finite(value: float | None) -> bool:
    """Whether there is a number that can be drawn."""
    return value is not None and math.isfinite(value)


def short(value: float | None) -> str:
    """Three significant digits, without an exponent where that is readable."""
    if value is None:
        return NONE
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else ("∞" if value > 0 else "-∞")
    if value == 0 or 1e-4 <= abs(value) < 1e5:
        decimals = 0 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
        return f"{value:.{decimals}f}"
    return f"{value:.2e}"


def tick(value: float) -> str:
    """A number at an axis."""
    return f"{value:g}" if abs(value) < 1e6 else scaled(value, 1000, ("", "k", "M", "G", "T", "P", "E"))


def interval(estimate: Estimate | None) -> str:
    """The bounds of a number, or nothing."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    return f"{short(estimate.low)} to {short(estimate.high)}"


def scaled(value: float, base: int, units: tuple[str, ...]) -> str:
    """A number in the unit that leaves one to four digits before the point."""
    power = 0
    while abs(value) >= base and power + 1 < len(units):
        value, power = value / base, power + 1
    return f"{value:.3g} {units[power]}" if value < 1000 else f"{value:.0f} {units[power]}"


def bytes_text(value: int | None) -> str:
    """Bytes in binary units."""
    return NONE if value is None else scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB"))


def macs_text(value: int | None) -> str:
    """Multiply-accumulates in decimal units."""
    return NONE if value is None else scaled(value, 1000, ("", "k", "M", "G", "T", "P", "E"))


def seconds_text(value: float | None) -> str:
    """Seconds, or milliseconds below one second."""
    if value is None:
        return NONE
    return f"{short(value)} s" if value >= 1 or not finite(value) else f"{short(1000 * value)} ms"


def count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
