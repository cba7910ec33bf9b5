"""W10 in torch with flow_matching: what benchmarks/minimal.yaml does. Arguments: source and target, Parquet."""
import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from flow_matching.path import AffineProbPath
from flow_matching.path.scheduler import CondOTScheduler
from flow_matching.solver import ODESolver

source, target = sys.argv[1:3]
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
torch.manual_seed(0)
data = torch.from_numpy(np.stack([c.to_numpy() for c in pq.read_table(source).columns], 1))
sizes = [3, 64, 64, 64, 2]
layers = []
for a, b in zip(sizes[:-1], sizes[1:]):
    layers += [torch.nn.Linear(a, b), torch.nn.SELU()]
net = torch.nn.Sequential(*layers[:-1])


def velocity(x, t):
    return net(torch.cat([x, t.expand(x.shape[0])[:, None]], 1))


path = AffineProbPath(scheduler=CondOTScheduler())
opt = torch.optim.AdamW(net.parameters(), lr=1e-3, fused=True)
for _ in range(1000):
    x1 = data[torch.randint(0, len(data), (256,))]
    s = path.sample(t=torch.rand(256), x_0=torch.randn_like(x1), x_1=x1)
    loss = ((velocity(s.x_t, s.t) - s.dx_t) ** 2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()

solver = ODESolver(velocity_model=velocity)
y = solver.sample(x_init=torch.randn(10000, 2), step_size=0.01, method="euler")
base = lambda z: -0.5 * (z * z).sum(1) - 1.8378770664093453
_, logp = solver.compute_likelihood(x_1=y[:1000], log_p0=base, step_size=None, method="dopri5", atol=1e-5, rtol=1e-5,
                                    exact_divergence=True)
scores = np.full(len(y), np.nan, np.float32)
scores[:1000] = logp.numpy()
pq.write_table(pa.table({"x": y[:, 0].numpy(), "y": y[:, 1].numpy(), "log_prob": scores}), target)
