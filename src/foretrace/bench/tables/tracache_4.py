"""TraCache's table 4: memory."""

from foretrace.bench.published import PaperTable, Source, absent, method, uncached
from foretrace.bench.reasons import TOKENS

TABLE = PaperTable(
    name="tracache-4",
    title="DiT-XL/2 256, DDIM 50: peak memory (TraCache, table 4)",
    source=Source("TraCache, ICLR 2026 submission 4358", "table 4", "section 4.2"),
    model="DiT-XL/2 256 x 256",
    hardware="A800 80 GB",
    weights="facebook/DiT-XL-2-256",
    reference="shapes-dit",
    sampled="DDIM",
    steps=50,
    columns=("vram_gb",),
    rows=(
        uncached("DiT-XL/2", 2.89),
        absent("ToCa", TOKENS, 3.24, needs="toca"),
        method("TraCache (3,3)", "tracache:interval=3,order=3", 18, 3.78),
        method("TraCache (4,4)", "tracache:interval=4,order=4", 14, 3.64),
        method("TraCache (5,4)", "tracache:interval=5,order=4", 11, 3.45),
    ),
    extra={"guidance_scale": 1.5},
    notes=(
        "published memory falls with the computed steps: all their features are kept, not only order + 1",
        "peak memory of a CPU is that of the whole process: only differences tell",
    ),
)
