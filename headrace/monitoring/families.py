"""The metric families that are read here. What the server writes is declared in `headrace.serving`; a test compares the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Family:
    """A metric.

    Attributes:
        name: as the server writes it.
        kind: what its samples are.
        labels: the labels that the server gives it, in order.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...] = ()


SCRAPED = Family("up", "gauge")
"""Prometheus' own: 1 for each server that it could read."""

REQUESTS = Family("headrace_serving_requests_total", "counter", ("model", "version", "api", "protocol", "code"))
DURATION = Family("headrace_serving_request_duration_seconds", "histogram", ("model", "version", "api", "protocol"))
RUN = Family("headrace_serving_run_duration_seconds", "histogram", ("model", "version", "api"))
QUEUE_WAIT = Family("headrace_serving_queue_wait_seconds", "histogram", ("protocol",))
QUEUE_WAITING = Family("headrace_serving_queue_waiting", "gauge", ("protocol",))
QUEUE_LIMIT = Family("headrace_serving_queue_limit", "gauge", ("protocol",))
IN_FLIGHT = Family("headrace_serving_requests_in_flight", "gauge", ("protocol",))

_BATCHED = ("model", "version", "signature")
BATCH_WAIT = Family("headrace_serving_batch_queue_wait_seconds", "histogram", _BATCHED)
BATCH_ROWS = Family("headrace_serving_batch_rows", "histogram", _BATCHED)
BATCH_REQUESTS = Family("headrace_serving_batch_requests", "histogram", _BATCHED)
BATCH_PADDING = Family("headrace_serving_batch_padding_rows_total", "counter", _BATCHED)
BATCH_DROPPED = Family("headrace_serving_batch_dropped_total", "counter", (*_BATCHED, "reason"))
BATCH_RETRIES = Family("headrace_serving_batch_retries_total", "counter", _BATCHED)

CACHE_LOOKUPS = Family("headrace_serving_response_cache_lookups_total", "counter", ("model", "signature", "result"))
CACHE_BYTES = Family("headrace_serving_response_cache_bytes", "gauge")

MODEL_AVAILABLE = Family("headrace_serving_model_available", "gauge", ("model",))
VERSION_STATE = Family("headrace_serving_model_version_state", "gauge", ("model", "version", "state"))
LOADS = Family("headrace_serving_model_loads_total", "counter", ("model", "code"))
LOAD_TIME = Family("headrace_serving_model_load_duration_seconds", "histogram", ("model",))
WARM_UP = Family(":tensorflow:serving:model_warmup_latency", "histogram", ("model_path", "status"))
RELOADS = Family("headrace_serving_config_reloads_total", "counter", ("code",))
RELOAD_OK = Family("headrace_serving_config_last_reload_successful", "gauge")
INFO = Family("headrace_serving_info", "gauge", ("server_version",))

PROCESSOR = Family("process_cpu_seconds_total", "counter")
RESIDENT = Family("process_resident_memory_bytes", "gauge")
OPEN_FILES = Family("process_open_fds", "gauge")
MAX_FILES = Family("process_max_fds", "gauge")
STARTED = Family("process_start_time_seconds", "gauge")

_VARIANT = ("model", "variant")
TRAFFIC_REQUESTS = Family("headrace_serving_traffic_requests_total", "counter", (*_VARIANT, "code"))
TRAFFIC_DURATION = Family("headrace_serving_traffic_request_duration_seconds", "histogram", _VARIANT)
TRAFFIC_SHARE = Family("headrace_serving_traffic_share", "gauge", _VARIANT)
TRAFFIC_FALLBACKS = Family("headrace_serving_traffic_fallbacks_total", "counter", _VARIANT)
TRAFFIC_NONFINITE = Family("headrace_serving_traffic_nonfinite_answers_total", "counter", _VARIANT)
TRAFFIC_SHADOW = Family("headrace_serving_traffic_shadow_total", "counter", (*_VARIANT, "result"))
TRAFFIC_ROLLBACKS = Family("headrace_serving_traffic_rollbacks_total", "counter", (*_VARIANT, "reason"))
TRAFFIC_CHANGED = Family("headrace_serving_traffic_rules_last_change_successful", "gauge")

CALLER_REQUESTS = Family("headrace_serving_caller_requests_total", "counter", ("caller", "protocol"))
CALLER_LIMITED = Family("headrace_serving_caller_limited_total", "counter", ("caller", "protocol"))
ACCESS_REFUSED = Family("headrace_serving_access_refused_total", "counter", ("protocol", "code"))

AUDIT_EVENTS = Family("headrace_serving_audit_events_total", "counter", ("action", "outcome"))
AUDIT_FAILURES = Family("headrace_serving_audit_write_failures_total", "counter")
LOGGED = Family("headrace_serving_request_log_records_total", "counter", ("model", "outcome"))
