"""Names a scene can use: shape classes, object colours and background patterns."""

# The order is the class id, everywhere: data, classifier and diffusion model.
CLASS_NAMES: tuple[str, ...] = (
    "circle",
    "ring",
    "square",
    "triangle",
    "pill",
    "star",
    "cross",
    "heart",
    "crescent",
    "arrow",
    "semicircle",
    "drop",
)

# RGB in [0, 1]. Saturated and far apart, so that a colour name is easy to check by eye.
PALETTE: dict[str, tuple[float, float, float]] = {
    "red": (0.88, 0.16, 0.16),
    "orange": (0.97, 0.55, 0.12),
    "yellow": (0.98, 0.86, 0.20),
    "green": (0.18, 0.68, 0.28),
    "teal": (0.12, 0.68, 0.70),
    "blue": (0.18, 0.36, 0.88),
    "purple": (0.56, 0.26, 0.78),
    "pink": (0.96, 0.50, 0.72),
}

# The position in this tuple is the code the renderer selects on.
PATTERNS: tuple[str, ...] = ("plain", "gradient", "stripes", "checker", "clouds")
