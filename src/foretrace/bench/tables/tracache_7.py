"""TraCache's table 7: what is kept of a block."""

from foretrace.bench.published import PaperTable, Source, method

MODULES = "granularity=module(attn,ff)"

TABLE = PaperTable(
    name="tracache-7",
    title="DiT-XL/2 256, DDIM 50: modules or blocks (TraCache, table 7)",
    source=Source("TraCache, ICLR 2026 submission 4358", "table 7", "appendix D.1.5"),
    model="DiT-XL/2 256 x 256, samples against ImageNet",
    hardware="A800 80 GB",
    weights="facebook/DiT-XL-2-256",
    reference="shapes-dit",
    sampled="DDIM",
    steps=50,
    columns=("fid", "sfid", "is"),
    rows=(
        method("attn/mlp (3,3)", f"tracache:interval=3,order=3,{MODULES}", 18, 2.32, 4.67, 237.37),
        method("blocks (3,3)", "tracache:interval=3,order=3", 18, 2.34, 4.54, 237.51),
        method("attn/mlp (4,4)", f"tracache:interval=4,order=4,{MODULES}", 14, 2.55, 4.78, 234.82),
        method("blocks (4,4)", "tracache:interval=4,order=4", 14, 2.53, 4.70, 234.69),
        method("attn/mlp (5,4)", f"tracache:interval=5,order=4,{MODULES}", 11, 2.67, 4.81, 231.27),
        method("blocks (5,4)", "tracache:interval=5,order=4", 11, 2.69, 4.63, 230.67),
    ),
    extra={"guidance_scale": 1.5},
)
