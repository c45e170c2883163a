"""tf.summary: event files for TensorBoard. Beyond TensorFlow's: PR curves, hyperparameters, confusion matrices, gradients."""

from headrace.summary import callbacks as callbacks
from headrace.summary import experimental as experimental
from headrace.summary.evaluation import confusion_matrix as confusion_matrix
from headrace.summary.evaluation import gradients as gradients
from headrace.summary.evaluation import pr_curve as pr_curve
from headrace.summary.graphs import graph as graph
from headrace.summary.graphs import trace_export as trace_export
from headrace.summary.graphs import trace_off as trace_off
from headrace.summary.graphs import trace_on as trace_on
from headrace.summary.hyperparameters import hparams as hparams
from headrace.summary.hyperparameters import hparams_config as hparams_config
from headrace.summary.hyperparameters import hparams_end as hparams_end
from headrace.summary.media import audio as audio
from headrace.summary.media import image as image
from headrace.summary.recording import record_if as record_if
from headrace.summary.recording import should_record_summaries as should_record_summaries
from headrace.summary.values import histogram as histogram
from headrace.summary.values import scalar as scalar
from headrace.summary.values import text as text
from headrace.summary.values import write as write
from headrace.summary.writers import SummaryWriter as SummaryWriter
from headrace.summary.writers import create_file_writer as create_file_writer
from headrace.summary.writers import create_noop_writer as create_noop_writer
from headrace.summary.writers import flush as flush
