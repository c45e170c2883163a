"""Callbacks for Keras models that write summaries. They have Keras' hooks and need no Keras to be imported."""

from __future__ import annotations

import os
from typing import Any

from headrace.autodiff.tape import GradientTape
from headrace.dispatch import context
from headrace.summary.evaluation import gradients
from headrace.summary.writers import SummaryWriter, create_file_writer


class GradientDistributions:
    """Writes distribution and norm of the gradients of a Keras model's loss on one batch, at the ends of epochs.

    The gradients are those of a model that is applied, not trained: dropout does nothing, and no statistics change.

    Args:
        writer: a SummaryWriter, or a folder for a new event file, made when training begins.
        x: the batch, as the model takes it.
        y: its labels.
        sample_weight: the weight of each example, or None.
        every: how many epochs lie between two of these summaries.
        name: what the tags begin with; see `headrace.summary.gradients`.

    Raises:
        ValueError: `every` is not positive.
    """

    async_safe = True

    def __init__(
        self, writer: Any, x: Any, y: Any = None, sample_weight: Any = None, every: int = 1, name: str = "gradients"
    ) -> None:
        if every < 1:
            raise ValueError(f"every is the number of epochs between two summaries, 1 or more; got {every}")
        self.model: Any = None
        self.params: Any = None
        self._target = writer
        self._batch = (x, y, sample_weight)
        self._every, self._name = every, name
        self._writer: SummaryWriter | None = None

    def set_model(self, model: Any) -> None:
        """Takes the model that is trained."""
        self.model = model

    def set_params(self, params: Any) -> None:
        """Takes the parameters of the training."""
        self.params = params

    def on_train_begin(self, logs: Any = None) -> None:
        """Opens the event file."""
        given = isinstance(self._target, SummaryWriter)
        self._writer = self._target if given else create_file_writer(os.fspath(self._target))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes the gradients, with the number of the epoch as the step."""
        if epoch % self._every or self._writer is None:
            return
        with self._writer.as_default(step=epoch), context.init_scope():
            gradients(self._name, self._gradients(), self.model.trainable_variables)

    def _gradients(self) -> list[Any]:
        x, y, sample_weight = self._batch
        variables = [getattr(variable, "value", variable) for variable in self.model.trainable_variables]
        with GradientTape() as tape:
            predictions = self.model(x, training=False)
            loss = self.model.compute_loss(x=x, y=y, y_pred=predictions, sample_weight=sample_weight, training=False)
        found: list[Any] = tape.gradient(loss, variables)
        return found

    def on_train_end(self, logs: Any = None) -> None:
        """Closes the event file, where it was opened here."""
        if self._writer is not None and self._writer is not self._target:
            self._writer.close()
        self._writer = None

    def _nothing(self, *args: Any, **kwargs: Any) -> None:
        """Not concerned."""

    on_epoch_begin = on_batch_begin = on_batch_end = on_train_batch_begin = on_train_batch_end = _nothing
    on_test_begin = on_test_end = on_test_batch_begin = on_test_batch_end = _nothing
    on_predict_begin = on_predict_end = on_predict_batch_begin = on_predict_batch_end = _nothing
