"""The networks of keras.applications, with random weights and the smallest images that they take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from zoo_case import Case, signature

from zoo_models.registry import model, numbers

apps = keras.applications

SHORT = ("MobileNetV3Small",)
"""Those that stand in for the others where time is short."""

NETWORKS: dict[str, tuple[Any, int, str]] = {
    "MobileNet": (apps.MobileNet, 32, "depthwise convolutions, relu6"),
    "MobileNetV2": (apps.MobileNetV2, 32, "inverted residuals, zero padding"),
    "MobileNetV3Small": (apps.MobileNetV3Small, 32, "hard swish, squeeze and excite, rescaling"),
    "MobileNetV3Large": (apps.MobileNetV3Large, 32, "hard swish, squeeze and excite, rescaling"),
    "ResNet50": (apps.ResNet50, 32, "residual blocks, batch normalization"),
    "ResNet50V2": (apps.ResNet50V2, 32, "residual blocks with normalization first"),
    "ResNet101": (apps.ResNet101, 32, "a deep graph"),
    "EfficientNetB0": (apps.EfficientNetB0, 32, "swish, rescaling and normalization in the model"),
    "EfficientNetV2B0": (apps.EfficientNetV2B0, 32, "fused inverted residuals"),
    "DenseNet121": (apps.DenseNet121, 32, "many concatenations, average pooling"),
    "InceptionV3": (apps.InceptionV3, 75, "parallel branches, factorized convolutions"),
    "InceptionResNetV2": (apps.InceptionResNetV2, 75, "scaled residual branches"),
    "Xception": (apps.Xception, 71, "separable convolutions"),
    "NASNetMobile": (apps.NASNetMobile, 32, "searched cells, cropping and padding"),
    "ConvNeXtTiny": (apps.ConvNeXtTiny, 32, "7 x 7 depthwise convolutions, layer normalization, layer scale, GELU"),
    "VGG16": (apps.VGG16, 32, "plain convolutions and large dense layers"),
}


def _vary(network: Any) -> None:
    """Gives scales, offsets and statistics, which all begin as zeros or ones, values that show when they are mixed up."""
    for number, weight in enumerate(network.weights):
        if len(weight.shape) == 1:
            weight.assign(numbers(*weight.shape, low=0.5, high=1.5, seed=number))


def _declare(name: str, make: Callable[..., Any], size: int, exercises: str) -> None:
    @model(name, f"keras.applications, model.export: {exercises}", heavy=name not in SHORT)
    def build(_: str) -> Case:
        network = make(weights=None, input_shape=(size, size, 3), classes=10, classifier_activation=None)
        _vary(network)
        pixels = 255.0 if name.startswith(("Efficient", "MobileNetV3", "ConvNeXt")) else 1.0
        images = numbers(2, size, size, 3, low=0, high=pixels)
        (argument,) = network.inputs
        questions = [signature(**{argument.name: images}), signature(**{argument.name: images[:1]})]
        return Case(network, questions, save=lambda folder: network.export(folder, verbose=False))


for _name, (_make, _size, _exercises) in NETWORKS.items():
    _declare(_name, _make, _size, _exercises)
