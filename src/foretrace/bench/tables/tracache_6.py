"""TraCache's table 6: chosen orders and fixed ones."""

from foretrace.bench.published import PaperRow, PaperTable, Source, method

COMPUTED = {5: 11, 6: 10}


def _pair(
    interval: int, order: int, chosen: tuple[float, float, float], fixed: tuple[float, float, float]
) -> tuple[PaperRow, PaperRow]:
    call, count = f"tracache:interval={interval},order={order}", COMPUTED[interval]
    name = f"k={interval}, o={order}"
    return (
        method(f"{name} (dynamic)", call, count, *chosen),
        method(f"{name} (fixed)", f"{call},select=fixed", count, *fixed),
    )


TABLE = PaperTable(
    name="tracache-6",
    title="DiT-XL/2 256, DDIM 50: fixed orders too (TraCache, table 6)",
    source=Source("TraCache, ICLR 2026 submission 4358", "table 6", "appendix D.1.3"),
    model="DiT-XL/2 256 x 256, samples against ImageNet",
    hardware="A800 80 GB",
    weights="facebook/DiT-XL-2-256",
    reference="shapes-dit",
    sampled="DDIM",
    steps=50,
    columns=("fid", "sfid", "is"),
    rows=(
        *_pair(5, 2, (3.04, 4.62, 223.06), (3.15, 4.71, 220.0)),
        *_pair(5, 3, (2.65, 4.65, 227.67), (2.77, 4.78, 226.52)),
        *_pair(5, 4, (2.69, 4.63, 230.67), (2.89, 4.99, 220.94)),
        *_pair(5, 5, (2.75, 4.63, 227.57), (5.48, 7.92, 189.80)),
        *_pair(6, 3, (3.02, 4.84, 219.31), (3.22, 5.01, 217.67)),
        *_pair(6, 4, (3.23, 5.09, 218.27), (4.14, 5.45, 202.40)),
        *_pair(6, 5, (3.23, 5.22, 217.08), (26.33, 23.68, 92.13)),
    ),
    extra={"guidance_scale": 1.5},
)
