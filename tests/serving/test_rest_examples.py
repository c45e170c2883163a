"""Classify and regress over REST, without a socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import InvalidArgumentError
from headrace.proto.messages import Example
from headrace.serving.heads import Classification, Regression
from headrace.serving.rest.decode import parse
from headrace.serving.rest.examples import from_result, to_examples
from tests.serving.toy import Service, wait_until, write_version
from tests.serving.toy_heads import HeadsEngine


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    write_version(tmp_path, 7, 1.0)
    with Service(tmp_path, engine=HeadsEngine()) as service:
        wait_until(lambda: service.lifecycle.available)
        yield service


def error(response: httpx.Response, status: int = 400) -> str:
    assert response.status_code == status, response.text
    content = response.json()
    assert content.keys() == {"error"}
    return str(content["error"])


class TestService:
    def test_classify(self, service: Service) -> None:
        response = service.predict({"examples": [{"x": 0.25}, {"x": [0.75]}]}, "/v1/models/m:classify")
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json"
        assert response.content == b'{"results":[[["no",0.75],["yes",0.25]],[["no",0.25],["yes",0.75]]]}'

    def test_what_a_head_does_not_give_is_empty(self, service: Service) -> None:
        body = {"signature_name": "labels", "examples": [{"x": 0.25}]}
        assert service.predict(body, "/v1/models/m:classify").json() == {"results": [[["no", 0.0], ["yes", 0.0]]]}
        body["signature_name"] = "scores"
        assert service.predict(body, "/v1/models/m:classify").json() == {"results": [[["", 0.75], ["", 0.25]]]}

    @pytest.mark.parametrize("path", ["/v1/models/m:regress", "/V1/models/m/versions/7:REGRESS"])
    def test_regress(self, service: Service, path: str) -> None:
        body = {"signature_name": "column", "examples": [{"x": 0.2}, {"x": 1e-30}, {"x": 4.0}]}
        assert service.predict(body, path).content == b'{"results":[0.2,1e-30,4.0]}'

    def test_context(self, service: Service) -> None:
        body = {"signature_name": "column", "context": {"x": 0.5}, "examples": [{}, {"x": 0.25}]}
        assert service.predict(body, "/v1/models/m:regress").json() == {"results": [0.5, 0.25]}

    def test_odd_floats(self, service: Service) -> None:
        body = b'{"signature_name": "column", "examples": [{"x": NaN}, {"x": Infinity}, {"x": -Infinity}]}'
        assert service.predict(body, "/v1/models/m:regress").content == b'{"results":[NaN,Infinity,-Infinity]}'

    @pytest.mark.parametrize(
        ("path", "signature", "status", "message"),
        [
            ("/v1/models/n:classify", "", 404, "Servable not found for request: Latest(n)"),
            ("/v1/models/m/versions/9:regress", "", 404, "Servable not found for request: Specific(m, 9)"),
            ("/v1/models/m:classify", "none", 400, "No signature was found with the name: none"),
            ("/v1/models/m:regress", "", 400, "Expected one output Tensor."),
            ("/v1/models/m:regressed", "", 400, "Malformed request: POST /v1/models/m:regressed"),
        ],
    )
    def test_refused(self, service: Service, path: str, signature: str, status: int, message: str) -> None:
        body = {"signature_name": signature, "examples": [{"x": 0.5}]}
        assert error(service.predict(body, path), status) == message

    def test_only_post(self, service: Service) -> None:
        assert error(service.ask("GET", "/v1/models/m:classify")) == "Malformed request: GET /v1/models/m:classify"

    def test_an_example_without_a_needed_feature(self, service: Service) -> None:
        assert "no feature x" in error(service.predict({"examples": [{"y": 1.0}]}, "/v1/models/m:classify"))

    def test_metrics(self, service: Service) -> None:
        service.predict({"examples": [{"x": 0.25}] * 3}, "/v1/models/m:classify")
        service.predict({"examples": []}, "/v1/models/m:regress")
        page = service.ask("GET", "/monitoring/prometheus/metrics").text.splitlines()
        assert ':tensorflow:serving:request_example_count_total{model="m"} 3' in page
        assert ':tensorflow:serving:request_latency_count{model_name="m",API="Classify",entrypoint="REST"} 1' in page
        assert ':tensorflow:serving:request_latency_count{model_name="m",API="Regress",entrypoint="REST"} 1' in page
        assert ':tensorflow:serving:request_count{model_name="m",status="INVALID_ARGUMENT"} 1' in page


def decoded(features: Any, **more: Any) -> tuple[list[Any], Any]:
    """The examples of a request for one example with `features`, and the context."""
    body = json.dumps({"examples": [features], **more}).encode()
    examples, context = to_examples(parse(body), "classify")
    return [Example.FromString(data) for data in examples], Example.FromString(context)


def expected(**features: tuple[str, list[Any]] | None) -> Any:
    message = Example()
    for name, content in features.items():
        feature = message.features.feature[name]
        if content is not None:
            getattr(feature, f"{content[0]}_list").value.extend(content[1])
    return message


class TestDecoding:
    @pytest.mark.parametrize(
        ("value", "content"),
        [
            (1, ("int64", [1])),
            ([1, -2], ("int64", [1, -2])),
            ([2**63 - 1, -(2**63)], ("int64", [2**63 - 1, -(2**63)])),
            (True, ("int64", [1])),
            ([False, 5, True], ("int64", [0, 5, 1])),
            (1.5, ("float", [1.5])),
            ([1.0, 2e3], ("float", [1.0, 2000.0])),
            ([2**64, 0.5], ("float", [float(2**64), 0.5])),
            (-(2**63) - 1, ("float", [float(-(2**63))])),
            ("a", ("bytes", [b"a"])),
            (["a", "ü", ""], ("bytes", [b"a", "ü".encode(), b""])),
            ({"b64": "AP8="}, ("bytes", [b"\x00\xff"])),
            (["a", {"b64": "AP8"}], ("bytes", [b"a", b"\x00\xff"])),
            ([], None),
        ],
    )
    def test_features(self, value: Any, content: Any) -> None:
        assert decoded({"f": value, "g": 1.5}) == ([expected(f=content, g=("float", [1.5]))], Example())

    def test_no_feature_at_all(self) -> None:
        assert decoded({}, context={}) == ([Example()], Example())

    def test_context(self) -> None:
        assert decoded({"a": 1}, context={"b": "c"}) == ([expected(a=("int64", [1]))], expected(b=("bytes", [b"c"])))

    @pytest.mark.parametrize(
        ("features", "message"),
        [
            (None, "Example must be JSON object but got JSON Null"),
            ([1, 2], "Example must be JSON object but got JSON Array"),
            (3, "Example must be JSON object but got JSON Number"),
            (True, "Example must be JSON object but got JSON True"),
            ({"f": None}, "Feature: f has element with unexpected JSON type: Null"),
            ({"f": [1, None]}, "Feature: f has element with unexpected JSON type: Null"),
            ({"f": [[1]]}, "Feature: f has element with unexpected JSON type: Array"),
            ({"f": {"a": 1}}, "Feature: f has element with unexpected JSON type: Object"),
            ({"f": {"b64": 1}}, "Feature: f has element with unexpected JSON type: Object"),
            ({"f": {"b64": "AP8=", "more": 1}}, "Feature: f has element with unexpected JSON type: Object"),
            ({"f": {"b64": "?"}}, 'Unable to base64 decode {"b64": "?"}'),
            ({"f": [1, 1.5]}, "Unexpected element type in feature: f expecting type: int64; got 1.5"),
            ({"f": [1.5, 1]}, "Unexpected element type in feature: f expecting type: float; got 1"),
            ({"f": ["a", 1]}, "Unexpected element type in feature: f expecting type: bytes; got 1"),
            ({"f": 2**63}, "Feature: f has uint64 element. Only int64 is supported."),
            ({"f": [1.0, -1e39]}, "Cannot convert JSON value: -1e+39 to float without loss of precision."),
            ({"f": 2**130}, "Cannot convert JSON value: 1.361129467683754e+39 to float without loss of precision."),
        ],
    )
    def test_examples_that_are_refused(self, features: Any, message: str) -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            decoded(features)
        assert caught.value.message == message

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ("", "JSON Parse error: The document is empty"),
            ("[]", "JSON Value: [] Is not object"),
            ("{}", "JSON Value: {} When method is regress, key 'examples' is expected and was not found"),
            ('{"examples": {}}', "JSON Value: {\"examples\": {}} Expecting 'examples' value to be an list/array"),
            ('{"examples": []}', "JSON Value: {\"examples\": []} 'examples' value is an empty array"),
            ('{"examples": [{}], "context": [1]}', "Example must be JSON object but got JSON Array"),
            ('{"signature_name": 5}', "JSON Value: 5 is not a valid 'signature_name'; expected a string"),
            (
                '{"examples": [{"a": 1' + "0" * 400 + ', "b": NaN}]}',
                f"Cannot convert JSON value: 1{'0' * 400} to float without loss of precision.",
            ),
            # Python's reader, which takes over where there is a NaN, lets halves of surrogate pairs through.
            ('{"examples": [{"\\ud800": NaN}]}', 'Feature: "\ud800" has a name that is not valid Unicode'),
            ('{"examples": [{"a": "\\ud800", "b": NaN}]}', 'Feature: a has a string that is not valid Unicode: "\ud800"'),
        ],
    )
    def test_requests_that_are_refused(self, body: str, message: str) -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            to_examples(parse(body.encode()), "regress")
        assert caught.value.message == message


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just({"b64": "AP8="})),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=10,
)


@given(st.lists(st.one_of(JSON, st.dictionaries(st.text(), JSON))), JSON)
def test_any_json_gives_examples_or_a_named_error(rows: list[Any], context: Any) -> None:
    body = json.dumps({"examples": rows, "context": context}).encode()
    try:
        examples, merged = to_examples(parse(body), "classify")
    except InvalidArgumentError as error:
        assert error.message
    else:
        assert [sorted(Example.FromString(data).features.feature) for data in examples] == [sorted(row) for row in rows]
        assert sorted(Example.FromString(merged).features.feature) == sorted(context)


class TestResults:
    def test_digits(self) -> None:
        values = np.float32([0.1, 16777216, 1e-7, 3.4028235e38, -0.0])
        assert json.loads(from_result(Regression(values))) == {"results": [0.1, 16777216.0, 1e-7, 3.4028235e38, -0.0]}

    def test_labels_that_look_like_something_else(self) -> None:
        classes = np.array([[b"null", '"ü"'.encode(), b"NaN"]], object)
        scores = np.float32([[np.nan, np.inf, 0.5]])
        text = from_result(Classification(classes, scores)).decode()
        assert text == '{"results":[[["null",NaN],["\\"ü\\"",Infinity],["NaN",0.5]]]}'

    def test_no_class_at_all(self) -> None:
        empty = Classification(None, np.zeros((2, 0), np.float32))
        assert from_result(empty) == b'{"results":[[],[]]}'

    def test_a_label_that_is_no_text(self) -> None:
        with pytest.raises(InvalidArgumentError, match=r"class b'\\xff' is not UTF-8"):
            from_result(Classification(np.array([[b"\xff"]], object), None))
