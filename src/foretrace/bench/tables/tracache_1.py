"""TraCache's table 1 at 256 x 256: text to image."""

from foretrace.bench.published import PaperTable, Source, absent, fewer, method, uncached
from foretrace.bench.reasons import BLOCKS, TOKENS

TABLE = PaperTable(
    name="tracache-1",
    title="PixArt-alpha 256, DPM++ 20: CLIP (TraCache, table 1)",
    source=Source("TraCache, ICLR 2026 submission 4358", "table 1, 256 x 256", "section 4.1"),
    model="PixArt-alpha 256 x 256, 5,000 prompts of COCO 2017 and 1,630 of PartiPrompts",
    hardware="A800 80 GB",
    weights="PixArt-alpha/PixArt-XL-2-256x256",
    reference="shapes-t2i",
    sampled="DPM-Solver++",
    steps=20,
    columns=("latency_s", "macs_t", "clip_coco", "clip_parti"),
    rows=(
        uncached("PixArt-alpha", 0.574, 5.68, 31.18, 30.56),
        fewer("DPM++ 10 steps", 10, 0.288, 2.84, 30.43, 29.74),
        absent("Delta-DiT", BLOCKS, 0.428, 3.74, 30.24, 29.52, needs="delta_dit"),
        method("FORA (1)", "fora:interval=2", 10, 0.301, 2.88, 29.99, 29.46),
        method("TraCache (2,2)", "tracache:interval=2,order=2", 10, 0.315, 2.91, 31.09, 30.51),
        fewer("DPM++ 7 steps", 7, 0.205, 1.99, 28.88, 28.37),
        method("FORA (2)", "fora:interval=3", 7, 0.207, 2.02, 28.65, 28.22),
        absent("ToCa (1)", TOKENS, 0.388, 2.19, 29.04, 28.73, needs="toca"),
        method("TraCache (3,2)", "tracache:interval=3,order=2", 7, 0.229, 2.06, 30.84, 30.12),
        absent("ToCa (2)", TOKENS, 0.246, 1.51, 28.66, 28.01, needs="toca"),
        method("TraCache (4,2)", "tracache:interval=4,order=2", 5, 0.161, 1.48, 29.93, 29.71),
    ),
)
