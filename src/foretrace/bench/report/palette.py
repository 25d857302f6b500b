"""Eight colours that people with any colour vision tell apart, for a light and for a dark page.

The light ones are Okabe's and Ito's, darkened where a thin line on white needs it. Marks differ as well.
"""

LIGHT = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b98000", "#2e9bd6", "#5b4bb7", "#6f6a2c")
DARK = ("#4ba3e3", "#ff8a4c", "#2cc79a", "#e79cc6", "#f0b93f", "#8fd3fa", "#a99bf5", "#c9c07a")
INK = "#333333"


def colour(number: int) -> str:
    """On white; -1 is the ink."""
    return INK if number < 0 else LIGHT[number % len(LIGHT)]


def style_sheet() -> str:
    """``.s0`` and so on: the colour of a series, whichever theme is on."""
    rules = [
        f".s{i}{{--c:light-dark({light},{dark})}}"
        for i, (light, dark) in enumerate(zip(LIGHT, DARK, strict=True))
    ]
    return ".s-1{--c:var(--ink)}" + "".join(rules)
