"""TCC on PixArt-alpha: the two numbers of its abstract. Its tables were not at hand."""

from foretrace.bench.entries import Entry
from foretrace.bench.published import PaperRow, PaperTable, Source, absent, method, uncached
from foretrace.bench.reasons import TOKENS

TABLE = PaperTable(
    name="tcc-pixart",
    title="PixArt-alpha 256, DPM++ 20: FID with and without TCC (TCC)",
    source=Source("TCC, arXiv:2605.24870", "abstract", "its eight tables were not seen"),
    model="PixArt-alpha 256 x 256, 30,000 prompts of COCO",
    hardware="H800",
    weights="PixArt-alpha/PixArt-XL-2-256x256",
    reference="shapes-t2i",
    sampled="DPM-Solver++",
    steps=20,
    columns=("fid",),
    rows=(
        uncached("PixArt-alpha", None, note="not public; the abstract says slightly above FORA + TCC"),
        method("FORA", "fora:interval=3", 7, 29.83, note="interval 3 is that of the released scripts"),
        PaperRow(
            "FORA + TCC", (27.35,), Entry("method", "fora:interval=3 + TCC", "fora", {"interval": 3}),
            computed=7, fit={"variant": "full", "alpha": 0.5, "window": (0.0, 0.3)},
            note="steps 1, 2, 4, 5 are corrected, at strength 0.5, as in the released scripts",
        ),
        absent("ToCa", TOKENS, None, needs="toca"),
        absent("ToCa + TCC", TOKENS, None, needs="toca"),
    ),
    extra={"guidance_scale": 4.5},
    notes=(
        "TCC is fitted here on noises that no row uses, as many as samples; the paper fits on 1,000 prompts",
        "on DiT-XL/2 the paper has rows of FORA, L2C and ToCa too, whose numbers are not public",
    ),
)  # fmt: skip
