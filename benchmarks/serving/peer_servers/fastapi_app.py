"""The MLP under real TensorFlow behind FastAPI, as such apps are commonly written. MODEL names the SavedModel."""

from __future__ import annotations

import os

import tensorflow as tf
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
predict = tf.saved_model.load(os.environ["MODEL"]).signatures["serving_default"]


class Request(BaseModel):
    instances: list[list[float]]


@app.post("/predict")
def answer(request: Request) -> dict[str, list[list[float]]]:
    outputs = predict(x=tf.constant(request.instances, tf.float32))
    return {"predictions": outputs["probabilities"].numpy().tolist()}
