"""TraCache's table 5: how far a feature moves over an interval of the uncached run."""

from foretrace.bench.published import PaperRow, PaperTable, Source

TABLE = PaperTable(
    name="tracache-5",
    title="DiT-XL/2 256, DDIM 50: feature distances (TraCache, table 5)",
    source=Source("TraCache, ICLR 2026 submission 4358", "table 5", "appendix D.1.1"),
    model="DiT-XL/2 256 x 256",
    hardware="A800 80 GB",
    weights="facebook/DiT-XL-2-256",
    reference="shapes-dit",
    sampled="DDIM",
    steps=50,
    columns=("mse_44", "mse_28", "mse_6"),
    rows=(
        PaperRow("interval 4", (13.608, 482.391, 621.62)),
        PaperRow("interval 5", (16.078, 614.421, 817.79)),
    ),
    extra={"guidance_scale": 1.5},
    measure="distances",
    notes=(
        "steps count down, as in the paper: 49 is the first, 0 the last",
        "the paper does not name the feature; ours is what leaves the stack of blocks",
    ),
)
