"""A vector field in PyTorch, trained by the host.

The host draws the batches, keeps the weights and runs the optimiser; the module gives
values, gradients and divergences, on a GPU when there is one.

    plugins:
      torch: {command: [python3, torch_field.py]}
    stages:
      field: {kind: model, use: torch/resnet, with: {width: 512, blocks: 3}}
      train: {kind: trainer, use: cfm, from: {data: scaled.train, model: field}}

To try another network change what module() gives: anything with forward(t, x).
"""

from typing import Annotated, Literal

import pathline

Device = Annotated[Literal["auto", "cpu", "cuda", "mps"], "where the module runs; auto: a GPU when there is one"]


@pathline.model("mlp", example="{hidden: [512, 512, 512]}")
class MLP:
    "a multilayer perceptron of x and Fourier features of t"

    hidden: Annotated[list[int], "widths of the hidden layers", pathline.Bounds(min=1, max=65536)] = [256, 256, 256]
    features: Annotated[int, "frequencies of t", pathline.Bounds(min=1, max=4096)] = 32
    device: Device = "auto"

    def module(self, dim):
        import torch
        from torch import nn

        class Perceptron(nn.Module):
            def __init__(self, hidden, features):
                super().__init__()
                self.register_buffer("w", 64.0 ** torch.linspace(0, 1, features))
                widths = [dim + 2 * features, *hidden, dim]
                self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:]))

            def forward(self, t, x):
                phase = t[:, None] * self.w
                h = torch.cat([x, phase.cos(), phase.sin()], dim=1)
                for layer in self.layers[:-1]:
                    h = nn.functional.silu(layer(h))
                return self.layers[-1](h)

        return Perceptron(self.hidden, self.features)


@pathline.model("resnet", example="{width: 512, blocks: 3}")
class ResNet:
    "residual blocks with layer norm; the time is added to every block"

    width: Annotated[int, "width of the residual stream", pathline.Bounds(min=1, max=65536)] = 256
    blocks: Annotated[int, "residual blocks", pathline.Bounds(min=1, max=256)] = 3
    features: Annotated[int, "frequencies of t", pathline.Bounds(min=1, max=4096)] = 32
    device: Device = "auto"

    def module(self, dim):
        import torch
        from torch import nn

        class Block(nn.Module):
            def __init__(self, width):
                super().__init__()
                self.norm = nn.LayerNorm(width)
                self.time, self.up, self.down = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
                nn.init.zeros_(self.down.weight)  # a block begins as the identity

            def forward(self, e, h):
                return h + self.down(nn.functional.silu(self.up(self.norm(h) + self.time(e))))

        class Residual(nn.Module):
            def __init__(self, width, blocks, features):
                super().__init__()
                self.register_buffer("w", 64.0 ** torch.linspace(0, 1, features))
                self.time, self.first = nn.Linear(2 * features, width), nn.Linear(dim, width)
                self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
                self.last = nn.Linear(width, dim)

            def forward(self, t, x):
                phase = t[:, None] * self.w
                e = nn.functional.silu(self.time(torch.cat([phase.cos(), phase.sin()], dim=1)))
                h = self.first(x)
                for block in self.blocks:
                    h = block(e, h)
                return self.last(h)

        return Residual(self.width, self.blocks, self.features)


if __name__ == "__main__":
    pathline.serve()
