"""Hyperparameters and results of many runs, for TensorBoard's hparams plugin."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from headrace.dispatch.tensor import Tensor
from headrace.proto.messages import Summary, message, serialize
from headrace.proto.tensors import to_proto
from headrace.summary import metadata as plugins
from headrace.summary.metadata import HParamsData, summary_metadata
from headrace.summary.values import write_raw_pb

Value = bool | int | float | str

_PREFIX = "_hparams_"
EXPERIMENT, SESSION_START, SESSION_END = (f"{_PREFIX}/{name}" for name in ("experiment", "session_start_info", "session_end_info"))
"""The tags that the plugin looks for."""
_HParamInfo = message("tensorboard.hparams.HParamInfo")
_MetricInfo = message("tensorboard.hparams.MetricInfo")
_Experiment = message("tensorboard.hparams.Experiment")
_SessionStart = message("tensorboard.hparams.SessionStartInfo")
_SessionEnd = message("tensorboard.hparams.SessionEndInfo")
_TYPES = {bool: "DATA_TYPE_BOOL", int: "DATA_TYPE_FLOAT64", float: "DATA_TYPE_FLOAT64", str: "DATA_TYPE_STRING"}
_STATUS = {"success": "STATUS_SUCCESS", "failure": "STATUS_FAILURE", "running": "STATUS_RUNNING"}


def hparams(values: Mapping[str, Value], trial_id: str | None = None, start_time_secs: float | None = None) -> Tensor:
    """Writes the hyperparameters of the run that the default writer belongs to; write them once, before its metrics.

    Args:
        values: by name; numpy scalars are taken as well.
        trial_id: runs of one id are one row of the table; by default those of equal values are.
        start_time_secs: seconds since 1970; now by default.

    Returns:
        A bool scalar: whether they were written, which needs a default writer.

    Raises:
        TypeError: a value is neither bool, int, float nor str, or the id no str.
    """
    plain = {str(name): _plain(str(name), value) for name, value in values.items()}
    if trial_id is None:
        # The digest that TensorBoard's own library uses, so that runs of both fall into one row.
        trial_id = hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    elif not isinstance(trial_id, str):
        raise TypeError(f"trial_id is a str; got {trial_id!r}")
    start = _SessionStart(group_name=trial_id, start_time_secs=time.time() if start_time_secs is None else start_time_secs)
    for name, value in plain.items():
        kind = "bool_value" if isinstance(value, bool) else "string_value" if isinstance(value, str) else "number_value"
        setattr(start.hparams[name], kind, value)
    return _write(SESSION_START, HParamsData(session_start_info=start))


def hparams_config(hparams: Mapping[str, Any], metrics: Sequence[str], time_created_secs: float | None = None) -> Tensor:
    """Writes which hyperparameters and metrics an experiment has; write it once, into the folder above those of the runs.

    Args:
        hparams: for each name its domain: a list of values, a tuple (least, greatest), or None.
        metrics: tags of scalar summaries; `group/tag`s of files in a folder `group` of a run are written "group//tag".
        time_created_secs: seconds since 1970; now by default.

    Returns:
        A bool scalar: whether it was written, which needs a default writer.

    Raises:
        TypeError, ValueError: a domain is none of these, is empty, or its values differ in type.
    """
    found = _Experiment(time_created_secs=time.time() if time_created_secs is None else time_created_secs)
    found.hparam_infos.extend(_info(name, domain) for name, domain in hparams.items())
    for metric in metrics:
        group, mark, tag = metric.partition("//")
        info = _MetricInfo()
        info.name.group, info.name.tag = (group, tag) if mark else ("", metric)
        found.metric_infos.append(info)
    return _write(EXPERIMENT, HParamsData(experiment=found))


def hparams_end(status: str = "success", end_time_secs: float | None = None) -> Tensor:
    """Writes how the run that the default writer belongs to ended.

    Args:
        status: "success", "failure" or "running".
        end_time_secs: seconds since 1970; now by default.

    Returns:
        A bool scalar: whether it was written, which needs a default writer.

    Raises:
        ValueError: the status is none of these.
    """
    if status not in _STATUS:
        raise ValueError(f"status is one of {', '.join(_STATUS)}; got {status!r}")
    end = _SessionEnd(status=_STATUS[status], end_time_secs=time.time() if end_time_secs is None else end_time_secs)
    return _write(SESSION_END, HParamsData(session_end_info=end))


def _info(name: str, domain: Any) -> Any:
    info = _HParamInfo(name=name)
    if domain is None:
        return info
    values = [_plain(name, value) for value in domain] if isinstance(domain, list | tuple) else []
    kinds = {_TYPES[type(value)] for value in values}
    if len(kinds) != 1:
        raise ValueError(f"the domain of {name!r} is a list of values of one type, or a tuple (least, greatest); got {domain!r}")
    info.type = kinds.pop()
    if isinstance(domain, list):
        info.domain_discrete.extend(values)
        return info
    ends = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(ends) != 2 or len(values) != 2 or ends[0] > ends[1]:
        raise ValueError(f"the interval of {name!r} is a tuple (least, greatest) of numbers; got {domain!r}")
    info.domain_interval.min_value, info.domain_interval.max_value = ends
    return info


def _plain(name: str, value: Any) -> Value:
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, bool | int | float | str):
        raise TypeError(f"the hyperparameter {name!r} is {value!r} ({type(value).__name__}); expected a bool, int, float or str")
    return plain


def _write(tag: str, content: Any) -> Tensor:
    value = Summary.Value(tag=tag, metadata=summary_metadata(plugins.HPARAMS, content), tensor=to_proto(np.zeros(0, np.float32)))
    return write_raw_pb(serialize(Summary(value=[value])), step=0)
