"""SummaryMetadata: which of TensorBoard's plugins shows a summary."""

from __future__ import annotations

from typing import Any

from headrace.proto.messages import SummaryMetadata, message, serialize

ScalarData = message("tensorboard.ScalarPluginData")
HistogramData = message("tensorboard.HistogramPluginData")
ImageData = message("tensorboard.ImagePluginData")
AudioData = message("tensorboard.AudioPluginData")
TextData = message("tensorboard.TextPluginData")
PrCurveData = message("tensorboard.PrCurvePluginData")
HParamsData = message("tensorboard.hparams.HParamsPluginData")

SCALARS, HISTOGRAMS, IMAGES, AUDIO, TEXT = "scalars", "histograms", "images", "audio", "text"
PR_CURVES, HPARAMS = "pr_curves", "hparams"
RUN_METADATA, RUN_METADATA_GRAPH = "graph_run_metadata", "graph_run_metadata_graph"
"""The names of the plugins."""


def summary_metadata(plugin: str, content: Any, description: str | None = None, display_name: str | None = None) -> Any:
    """A SummaryMetadata message.

    Args:
        plugin: its name.
        content: what it reads, a message or bytes.
        description: Markdown.
        display_name: shown instead of the tag.
    """
    data = content if isinstance(content, bytes) else serialize(content)
    return SummaryMetadata(
        plugin_data=SummaryMetadata.PluginData(plugin_name=plugin, content=data),
        summary_description=description,
        display_name=display_name,
    )
