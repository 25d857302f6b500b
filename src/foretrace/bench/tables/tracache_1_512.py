"""TraCache's table 1 at 512 x 512: text to image, other weights than at 256."""

from foretrace.bench.published import PaperTable, Source, absent, fewer, method, uncached
from foretrace.bench.reasons import TOKENS

TABLE = PaperTable(
    name="tracache-1-512",
    title="PixArt-alpha 512, DPM++ 20: CLIP (TraCache, table 1)",
    source=Source("TraCache, ICLR 2026 submission 4358", "table 1, 512 x 512", "section 4.1"),
    model="PixArt-alpha 512 x 512, 5,000 prompts of COCO 2017 and 1,630 of PartiPrompts",
    hardware="A800 80 GB",
    weights="PixArt-alpha/PixArt-XL-2-512x512",
    reference="shapes-t2i",
    sampled="DPM-Solver++",
    steps=20,
    columns=("latency_s", "macs_t", "clip_coco", "clip_parti"),
    rows=(
        uncached("DPM++ 20 steps", 0.859, 21.67, 31.67, 30.78),
        fewer("DPM++ 10 steps", 10, 0.427, 10.84, 30.75, 30.31),
        method("FORA (1)", "fora:interval=2", 10, 0.450, 10.94, 30.46, 30.29),
        method("TraCache (2,2)", "tracache:interval=2,order=2", 10, 0.480, 11.17, 31.47, 30.66),
        absent("ToCa (1)", TOKENS, 0.577, 8.30, 28.59, 28.30, needs="toca"),
        method("TraCache (3,2)", "tracache:interval=3,order=2", 7, 0.348, 7.91, 30.97, 30.43),
        method(
            "FORA (3)", "fora:interval=4", 5, 0.221, 5.46, 27.63, 27.24,
            note="the paper defines FORA (1) and (2) only; interval 4 is what the MACs stand for",
        ),
        absent("ToCa (2)", TOKENS, 0.364, 5.73, 28.24, 27.98, needs="toca"),
        method("TraCache (4,2)", "tracache:interval=4,order=2", 5, 0.250, 5.61, 29.88, 29.56),
    ),
)  # fmt: skip
