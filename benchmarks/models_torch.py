"""The models of models.py in PyTorch, as its users write them; ResNet-50 is torchvision's (it has the same layers)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional

torch.set_float32_matmul_precision("high")  # what XLA does on a GPU: products of float32 in TF32

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Encoder(nn.Module):
    """A transformer encoder (pre-norm, GELU) over token ids, with a classifier at every position."""

    def __init__(self, layers: int = 4, width: int = 512, heads: int = 8, length: int = 128, vocabulary: int = 1000) -> None:
        super().__init__()
        self.heads = heads
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(torch.randn(length, width) * 0.02)
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "norm1": nn.LayerNorm(width),
                    "qkv": nn.Linear(width, 3 * width),
                    "out": nn.Linear(width, width),
                    "norm2": nn.LayerNorm(width),
                    "up": nn.Linear(width, 4 * width),
                    "down": nn.Linear(4 * width, width),
                }
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, x: Any) -> Any:
        """Logits [batch, length, vocabulary] of token ids [batch, length]."""
        x = self.tokens(x) + self.positions
        batch, length, width = x.shape
        for block in self.blocks:
            parts = block["qkv"](block["norm1"](x)).reshape(batch, length, 3, self.heads, width // self.heads)
            q, k, v = parts.permute(2, 0, 3, 1, 4)
            mixed = functional.scaled_dot_product_attention(q, k, v)
            x = x + block["out"](mixed.transpose(1, 2).reshape(batch, length, width))
            x = x + block["down"](functional.gelu(block["up"](block["norm2"](x))))
        return self.head(self.norm(x))


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10))


def _cnn() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(7 * 7 * 64, 128), nn.ReLU(), nn.Linear(128, 10)),
    )


def _resnet50() -> nn.Module:
    from torchvision.models import resnet50  # noqa: PLC0415 - only this model needs it

    return resnet50()  # type: ignore[no-any-return]


MODELS: dict[str, Callable[[], nn.Module]] = {"Mlp": _mlp, "Cnn": _cnn, "Encoder": Encoder, "ResNet50": _resnet50}
IMAGES = {"Cnn": (1, 28, 28), "ResNet50": (3, 224, 224)}


def _batch(name: str, batch: int) -> tuple[Any, Any]:
    if name == "Encoder":
        return tuple(torch.randint(0, 1000, (batch, 128), device=DEVICE) for _ in range(2))  # type: ignore[return-value]
    x = torch.randn(batch, *IMAGES.get(name, (784,)), device=DEVICE)
    return x.contiguous(memory_format=torch.channels_last) if name in IMAGES else x, torch.zeros(
        batch, dtype=torch.int64, device=DEVICE
    )


def programs(name: str, batch: int, *, compiled: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Inference and a training step by gradient descent, each as a function of nothing.

    Args:
        name: of the model.
        batch: examples of a batch.
        compiled: by torch.compile.
    """
    model = MODELS[name]().to(DEVICE)
    if name in IMAGES:
        model = model.to(memory_format=torch.channels_last)
    x, y = _batch(name, batch)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def loss() -> Any:
        logits = model(x)
        return functional.cross_entropy(logits.flatten(0, -2), y.flatten())

    whole, forward = (torch.compile(loss), torch.compile(model)) if compiled else (loss, model)

    def infer() -> Any:
        with torch.no_grad():
            return forward(x)

    def step() -> Any:
        optimizer.zero_grad()
        found = whole()
        found.backward()
        optimizer.step()
        return found

    model.eval()
    yield "inference", infer
    model.train()
    yield "training", step


def wait(out: Any) -> None:
    """Waits for the device."""
    del out
    if DEVICE == "cuda":
        torch.cuda.synchronize()
