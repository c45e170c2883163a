"""The MLP behind Triton's own front end: `pytriton_server.py WEIGHTS.npz HTTP_PORT GRPC_PORT`."""

from __future__ import annotations

import sys

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

weights_file, http_port, grpc_port = sys.argv[1:]
weights = dict(np.load(weights_file))


@batch
def infer(x: np.ndarray) -> dict[str, np.ndarray]:
    hidden = np.maximum(x @ weights["w0"] + weights["b0"], 0)
    logits = hidden @ weights["w1"] + weights["b1"]
    exponents = np.exp(logits - logits.max(1, keepdims=True))
    return {"probabilities": exponents / exponents.sum(1, keepdims=True)}


config = TritonConfig(
    http_port=int(http_port), grpc_port=int(grpc_port), allow_metrics=False, http_address="127.0.0.1", grpc_address="127.0.0.1"
)
with Triton(config=config) as triton:
    triton.bind(
        model_name="mlp",
        infer_func=infer,
        inputs=[Tensor(name="x", dtype=np.float32, shape=(784,))],
        outputs=[Tensor(name="probabilities", dtype=np.float32, shape=(10,))],
        config=ModelConfig(max_batch_size=64, batcher=DynamicBatcher(max_queue_delay_microseconds=0)),
    )
    triton.serve()
