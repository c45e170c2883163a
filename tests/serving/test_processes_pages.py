"""The metrics page of several processes."""

from __future__ import annotations

from headrace.core.exposition import Counter, Gauge, Histogram, render
from headrace.serving.processes.pages import Pages


def page(count: int, *models: str, waiting: float = 0.0) -> str:
    requests = Counter("headrace_serving_requests_total", "Requests.", ["model"])
    times = Histogram("headrace_serving_request_duration_seconds", "Time.", ["model"], [1.0])
    available = Gauge("headrace_serving_model_available", "1 for a model that serves.", ["model"])
    queue = Gauge("headrace_serving_queue_waiting", "Waiting.")
    queue.replace({(): waiting})
    for model in models:
        available.add((model,))
        if count:
            requests.add((model,), count)
            times.observe((model,), 0.25)
    return render([requests, times, available, queue])


def lines(pages: Pages) -> list[str]:
    return [line for line in pages.text().splitlines() if not line.startswith("#")]


def test_counts_and_what_waits_are_added_up() -> None:
    pages = Pages()
    pages.update(1, page(2, "a", 'odd "}\\ name', waiting=1.5))
    pages.update(2, page(3, "a", waiting=2))
    assert lines(pages) == [
        'headrace_serving_requests_total{model="a"} 5',
        'headrace_serving_requests_total{model="odd \\"}\\\\ name"} 2',
        'headrace_serving_request_duration_seconds_bucket{model="a",le="1"} 2',
        'headrace_serving_request_duration_seconds_bucket{model="a",le="+Inf"} 2',
        'headrace_serving_request_duration_seconds_sum{model="a"} 0.5',
        'headrace_serving_request_duration_seconds_count{model="a"} 2',
        'headrace_serving_request_duration_seconds_bucket{model="odd \\"}\\\\ name",le="1"} 1',
        'headrace_serving_request_duration_seconds_bucket{model="odd \\"}\\\\ name",le="+Inf"} 1',
        'headrace_serving_request_duration_seconds_sum{model="odd \\"}\\\\ name"} 0.25',
        'headrace_serving_request_duration_seconds_count{model="odd \\"}\\\\ name"} 1',
        'headrace_serving_model_available{model="a"} 1',
        'headrace_serving_model_available{model="odd \\"}\\\\ name"} 0',  # the second has it not
        "headrace_serving_queue_waiting 3.5",
    ]


def test_counts_of_one_that_is_gone_stay_while_its_model_is_listed() -> None:
    pages = Pages()
    pages.update(1, page(2, "a", "b"))
    pages.update(2, page(3, "a", "b"))
    pages.drop(1)
    pages.drop(7)  # it never told anything
    pages.update(3, page(0, "a", "b"))
    assert 'headrace_serving_requests_total{model="a"} 5' in lines(pages)
    pages.drop(2)
    assert 'headrace_serving_requests_total{model="b"} 5' in lines(pages)
    pages.update(3, page(4, "b"))
    assert [line for line in lines(pages) if "requests_total" in line] == ['headrace_serving_requests_total{model="b"} 9']
    assert "headrace_serving_queue_waiting 0" in lines(pages)


def test_no_process_no_page() -> None:
    assert Pages().text() == ""


def test_gauges_of_traffic_rules_are_not_added_up() -> None:
    pages = Pages()
    for process, in_force in ((1, 1.0), (2, 0.0)):
        share = Gauge("headrace_serving_traffic_share", "Part.", ["model", "variant"])
        share.replace({("a", "stable"): 0.75})
        changed = Gauge("headrace_serving_traffic_rules_last_change_successful", "1 unless the last try failed.")
        changed.replace({(): in_force})
        available = Gauge("headrace_serving_model_available", "1 or 0.", ["model"])
        available.replace({("a",): 1.0})
        pages.update(process, render([share, changed, available]))
    assert 'headrace_serving_traffic_share{model="a",variant="stable"} 0.75' in lines(pages)
    assert "headrace_serving_traffic_rules_last_change_successful 0" in lines(pages)
