"""TraCache's table 3: class-conditional images."""

from foretrace.bench.published import PaperTable, Source, absent, fewer, method, uncached
from foretrace.bench.reasons import TOKENS, TRAINED

TABLE = PaperTable(
    name="tracache-3",
    title="DiT-XL/2 256, DDIM 50: FID, sFID, IS (TraCache, table 3)",
    source=Source("TraCache, ICLR 2026 submission 4358", "table 3", "section 4.2"),
    model="DiT-XL/2 256 x 256, 50,000 samples against ImageNet",
    hardware="A800 80 GB",
    weights="facebook/DiT-XL-2-256",
    reference="shapes-dit",
    sampled="DDIM",
    steps=50,
    columns=("latency_s", "macs_t", "fid", "sfid", "is"),
    rows=(
        uncached("DiT-XL/2", 0.495, 11.44, 2.30, 4.33, 241.24),
        fewer("DDIM 20 steps", 20, 0.202, 4.58, 3.59, 4.98, 221.90),
        fewer("DEIS 20 steps", 20, 0.205, 4.58, 2.43, 5.58, 233.33, sampler="deis"),
        method("FORA", "fora:interval=3", 18, 0.183, 4.12, 3.53, 6.38, 227.78),
        absent("ToCa (1)", TOKENS, 0.367, 4.92, 2.88, 4.74, 234.15, needs="toca"),
        method("TraCache (3,3)", "tracache:interval=3,order=3", 18, 0.203, 4.19, 2.34, 4.54, 237.51),
        absent("ToCa (2)", TOKENS, 0.233, 3.28, 6.25, 7.18, 198.99, needs="toca"),
        absent("L2C", TRAINED, 0.156, 3.56, 3.49, 4.68, 229.68, needs="l2c"),
        absent("LazyDiT", TRAINED, 0.146, 3.20, 4.39, 5.57, 212.33, needs="lazydit"),
        method("TraCache (4,4)", "tracache:interval=4,order=4", 14, 0.154, 3.22, 2.53, 4.70, 234.69),
        method("TraCache (5,4)", "tracache:interval=5,order=4", 11, 0.120, 2.54, 2.69, 4.63, 230.67),
    ),
    extra={"guidance_scale": 1.5},
    notes=("guidance 1.5 on the weights is read from the FID; the paper does not state it",),
)
