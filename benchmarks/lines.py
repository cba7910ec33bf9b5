"""The lines of the comparison: a workload of host bench, and the peers that do the same work."""
import dataclasses

# Script of a peer, by the name that stands before the colon.
SCRIPTS = {"torch": "peers_torch.py", "jax": "peers_jax.py", "pair": "peers_pair.py", "discrete": "peers_discrete.py"}


@dataclasses.dataclass(frozen=True)
class Line:
    """Peers are "script:peer" of peers/, the plain one of each library and those that can win. Rows limits the rows
    on both sides, looking_rows those of the one launch that finds the fastest peer; 0 is all of them."""
    workload: str
    title: str
    peers: tuple
    rows: int = 0
    looking_rows: int = 0
    repeats: int = 3
    fixed_tolerance: bool = False  # accuracy is chosen by a tolerance, so ours is made as good before times are compared
    loosen: bool = False           # and no better, where it would be

    @property
    def key(self):
        return self.workload + ("-equal-error" if self.loosen else "")


TRAIN = ("jax:jax", "jax:jax-scan", "torch:torchcfm", "torch:torchcfm-fused")
EULER = ("jax:jax", "jax:diffrax", "torch:torch", "torch:torch-compile", "torch:torchdiffeq", "torch:flow_matching")
ADAPTIVE = ("jax:diffrax", "torch:torchdiffeq", "torch:flow_matching", "torch:zuko")

LINES = (
    Line("w11-4096x512x512", "product 4096 x 512 x 512", ("torch:torch",)),
    Line("w11-512x128x128", "product 512 x 128 x 128", ("torch:torch",)),
    Line("w11-256x64x64", "product 256 x 64 x 64", ("torch:torch",)),
    Line("w1", "training, 2 columns, 3 x 64, batch 256", TRAIN),
    Line("w2", "training, 21 columns, 4 x 512, batch 4096",
         ("jax:jax", "torch:torchcfm", "torch:torchcfm-fused", "torch:torchcfm-compile")),
    Line("w3", "training, 8 columns, 3 x 128, batch 512", TRAIN),
    *(Line(f"w4-{d}x{rows}", f"optimal transport of {rows} rows, {d} columns",
           ("pair:scipy", "pair:pot", "pair:torchcfm")) for d in (2, 21) for rows in (64, 256, 512, 1024)),
    *(Line(f"w4-{d}x{rows}-sinkhorn", f"entropic transport of {rows} rows, {d} columns",
           ("pair:ott", "pair:torchcfm-sinkhorn")) for d in (2, 21) for rows in (64, 256, 512, 1024)),
    Line("w5-small", "100 Euler steps, network of W1", EULER),
    Line("w5-wide", "100 Euler steps, network of W2", EULER, looking_rows=500, repeats=1),
    Line("w6-small", "dopri5, network of W1", ADAPTIVE, fixed_tolerance=True),
    Line("w6-wide", "dopri5, network of W2", ADAPTIVE, looking_rows=500, repeats=1, fixed_tolerance=True),
    Line("w7-small-exact", "log-density, exact trace, network of W1", ADAPTIVE, looking_rows=500,
         fixed_tolerance=True),
    Line("w7-wide-exact", "log-density, exact trace, network of W2", ADAPTIVE, rows=200, looking_rows=20, repeats=1,
         fixed_tolerance=True),
    Line("w7-wide-hutchinson", "log-density, one probe, network of W2", ADAPTIVE, looking_rows=200, repeats=1,
         fixed_tolerance=True),
    *(Line(f"w8-{flow}-{work}", f"{title}, 8 columns, batch 512", ("discrete:zuko", "discrete:nflows", "discrete:normflows"))
      for flow in ("maf", "realnvp", "nsf")
      for work, title in (("train", f"maximum likelihood of {flow}"), ("log-prob", f"log-densities of {flow}"),
                          ("sample", f"samples of {flow}"))),
    Line("w9-dopri5", "likelihood of a vector field through dopri5, 3 x 64 tanh, batch 512",
         ("jax:diffrax", "torch:torchdiffeq")),
    Line("w9-rk4", "likelihood of a vector field through 20 steps of RK4",
         ("jax:jax", "jax:jax-remat", "torch:torchdiffeq")),
    Line("w9-adjoint", "likelihood of a vector field by the adjoint",
         ("jax:diffrax", "torch:torchdiffeq", "torch:torchdiffeq-seminorm")),
    # A step of its own for each row is more accurate at the same tolerance than one for the whole batch.
    Line("w6-wide", "w6-wide at equal error", ADAPTIVE, looking_rows=500, repeats=1, fixed_tolerance=True, loosen=True),
    Line("w7-wide-exact", "w7-wide-exact at equal error", ADAPTIVE, rows=200, looking_rows=20, repeats=1,
         fixed_tolerance=True, loosen=True),
    Line("w7-wide-hutchinson", "w7-wide-hutchinson at equal error", ADAPTIVE, looking_rows=200, repeats=1,
         fixed_tolerance=True, loosen=True),
    Line("w10", "the whole process: Parquet, 1,000 steps, 10,000 rows, 1,000 log-densities, Parquet",
         ("jax:minimal", "torch:minimal")),
)

# Ours alone: how the cost of a row grows.
GROWTH = ("grow-train", "grow-sample", "grow-density")
