"""Request logs: what is in a record, when a file is finished, and what becomes of a disk that takes nothing."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.core.errors import InvalidArgumentError, OpError, UnimplementedError
from headrace.data.tfrecord import read
from headrace.proto.messages import Example
from headrace.proto.serving import ModelServerConfig, PredictionLog
from headrace.proto.tensors import from_proto
from headrace.serving.configuration import text
from headrace.serving.configuration.model_list import read_models
from headrace.serving.context import RequestContext
from headrace.serving.engines.base import Array
from headrace.serving.request_log import files
from headrace.serving.request_log.files import Folder
from headrace.serving.request_log.options import Inputs, ModelLogging, RequestLogOptions
from headrace.serving.request_log.writer import RequestLog
from headrace.serving.runs import Run
from tests.serving.toy import Service, wait_until, write_version
from tests.serving.toy_heads import HeadsEngine, example

ALL = ModelLogging("m", 1.0)
X = np.array([[1, 2]], np.float32)


def run(api: str = "Predict", signature: str = "serving_default", error: OpError | None = None, x: Array = X) -> Run:
    return Run("m", 3, (signature,), api, {"x": x}, {signature: {"y": x * 2}}, error, 0.01, RequestContext())


def written(directory: Path) -> list[Path]:
    return sorted(directory.rglob("*.tfrecord"))


def logs(*paths: Path) -> list[Any]:
    return [PredictionLog.FromString(record) for path in paths for record in read(path)]


def log_of(directory: Path, *runs: Run, config: ModelLogging | None = ALL, **options: Any) -> RequestLog:
    """A log that has written these runs and is closed."""
    log = RequestLog(RequestLogOptions(directory, **options), lambda _: config)
    log.start()
    for each in runs:
        log(each)
    assert log.close(30)
    return log


def outcomes(log: RequestLog) -> dict[str, int]:
    """The metric, by outcome."""
    lines = [line for family in log.families() for line in family.samples()]
    return {line.split('outcome="')[1].split('"')[0]: int(float(line.rsplit(" ", 1)[1])) for line in lines}


class TestRecords:
    def test_a_predict_record_holds_request_answer_and_where_it_comes_from(self, tmp_path: Path) -> None:
        log_of(tmp_path, run(), run("Infer"))
        first, second = logs(*written(tmp_path))
        assert first.predict_log == second.predict_log
        request, response = first.predict_log.request, first.predict_log.response
        assert from_proto(request.inputs["x"]).tolist() == [[1, 2]]
        assert from_proto(response.outputs["y"]).tolist() == [[2, 4]]
        for spec in (request.model_spec, response.model_spec, first.log_metadata.model_spec):
            assert (spec.name, spec.version.value, spec.signature_name) == ("m", 3, "serving_default")
        assert first.log_metadata.sampling_config.sampling_rate == 1.0
        assert first.log_metadata.timestamp_secs > 1_600_000_000

    def test_errors_and_other_kinds_of_runs_are_not_logged(self, tmp_path: Path) -> None:
        log_of(tmp_path, run(error=InvalidArgumentError("no")), run("Shadow"))
        assert written(tmp_path) == []

    def test_the_rate_is_the_share_that_is_logged(self, tmp_path: Path) -> None:
        log = log_of(tmp_path, *[run()] * 1000, config=ModelLogging("m", 0.5), max_waiting=10_000)
        assert 400 < outcomes(log)["written"] < 600  # 6 standard deviations
        log_of(tmp_path / "none", *[run()] * 100, config=ModelLogging("m", 0.0))
        assert written(tmp_path / "none") == []

    @pytest.mark.parametrize("inputs", Inputs)
    def test_inputs_are_kept_hashed_or_omitted(self, tmp_path: Path, inputs: Inputs) -> None:
        log_of(tmp_path, run(), run(), run(x=X + 1), inputs=inputs)
        found = [each.predict_log.request.inputs for each in logs(*written(tmp_path))]
        assert [set(each) for each in found] == [set() if inputs is Inputs.OMITTED else {"x"}] * 3
        if inputs is Inputs.HASHED:
            values = [from_proto(each["x"]).item() for each in found]
            assert values[0] == values[1] != values[2]
            assert all(value.startswith(b"sha256:") and len(value) == 71 for value in values)

    @pytest.mark.parametrize("inputs", Inputs)
    def test_heads_have_records_of_their_own(self, tmp_path: Path, inputs: Inputs) -> None:
        write_version(tmp_path / "m", 1, 1.0)
        log = RequestLog(RequestLogOptions(tmp_path / "logs", inputs), lambda _: ALL)
        with Service(tmp_path / "m", engine=HeadsEngine()) as service:
            wait_until(lambda: service.lifecycle.available)
            log.start()
            service.dataplane.listeners.append(log)
            body = {"examples": [{"x": 0.25}, {"x": 0.5}]}
            assert service.predict(body, "/v1/models/m:classify").status_code == 200
            assert service.predict(body | {"signature_name": "regress"}, "/v1/models/m:regress").status_code == 200
            assert log.close(30)
        classify, regress = logs(*written(tmp_path / "logs"))
        told = classify.classify_log.response.result.classifications
        assert [[(each.label, each.score) for each in one.classes] for one in told] == [
            [("no", 0.75), ("yes", 0.25)],
            [("no", 0.5), ("yes", 0.5)],
        ]
        assert [each.value for each in regress.regress_log.response.result.regressions] == [2.5, 5.0]
        examples = classify.classify_log.request.input.example_list.examples
        kept = {Inputs.FULL: ["x", "x"], Inputs.HASHED: ["sha256", "sha256"], Inputs.OMITTED: []}
        assert [name for each in examples for name in each.features.feature] == kept[inputs]
        if inputs is Inputs.FULL:
            assert examples[0] == Example.FromString(example(x=[0.25]))

    def test_several_heads_are_one_record(self, tmp_path: Path) -> None:
        outputs = {"a": {"scores": np.array([[0.5]], np.float32)}, "b": {"outputs": np.array([2], np.float32)}}
        inputs = {"inputs": np.array([example(x=[1.0])], object)}
        log_of(tmp_path, Run("m", 3, ("a", "b"), "MultiInference", inputs, outputs, None, 0.01, RequestContext()))
        (record,) = logs(*written(tmp_path))
        tasks = record.multi_inference_log.request.tasks
        assert [(task.model_spec.signature_name, task.method_name) for task in tasks] == [
            ("a", "tensorflow/serving/classify"),
            ("b", "tensorflow/serving/regress"),
        ]
        first, second = record.multi_inference_log.response.results
        assert first.classification_result.classifications[0].classes[0].score == 0.5
        assert second.regression_result.regressions[0].value == 2


class TestFiles:
    def test_a_file_ends_at_its_number_of_records_and_at_its_size(self, tmp_path: Path) -> None:
        log_of(tmp_path / "a", *[run()] * 7, file_records=3)
        assert [len(logs(path)) for path in written(tmp_path / "a")] == [3, 3, 1]
        size = written(tmp_path / "a")[-1].stat().st_size
        log_of(tmp_path / "b", *[run()] * 5, file_bytes=2 * size)
        assert [len(logs(path)) for path in written(tmp_path / "b")] == [2, 2, 1]

    def test_a_file_ends_at_its_age_and_is_hidden_before(self, tmp_path: Path) -> None:
        log = RequestLog(RequestLogOptions(tmp_path, file_seconds=1.0), lambda _: ALL)
        log.start()
        log(run())
        wait_until(lambda: bool(list(tmp_path.glob(".m-*.tfrecord.part"))))
        wait_until(lambda: len(written(tmp_path)) == 1)
        assert log.close(30)
        assert not list(tmp_path.glob(".*"))
        assert written(tmp_path)[0].stat().st_mode & 0o777 == 0o600

    def test_the_oldest_files_make_room(self, tmp_path: Path) -> None:
        other = tmp_path / "mine.tfrecord"  # not a name that the log gives: not its file
        other.write_bytes(b"x" * 5000)
        log = log_of(tmp_path, *[run()] * 60, file_records=2, file_bytes=1000, total_bytes=3000)
        assert outcomes(log) == {"written": 60}
        kept = [path for path in written(tmp_path) if path != other]
        assert 2 <= len(kept) <= 10
        assert sum(path.stat().st_size for path in kept) <= 3000
        assert other.exists()

    def test_many_prefixes_share_the_room(self, tmp_path: Path) -> None:
        log = RequestLog(RequestLogOptions(tmp_path, file_bytes=1000, total_bytes=2500), lambda name: ModelLogging(name, 1.0))
        log.start()
        for index in range(20):
            log(Run(f"m{index}", 3, ("s",), "Predict", {"x": X}, {"s": {"y": X}}, None, 0.01, RequestContext()))
        assert log.close(30)
        assert sum(path.stat().st_size for path in written(tmp_path)) <= 2500

    def test_a_record_that_no_file_takes_is_dropped(self, tmp_path: Path) -> None:
        log = log_of(tmp_path, run(x=np.zeros((1, 1000), np.float32)), run(), file_bytes=1024)
        assert outcomes(log) == {"too_large": 1, "written": 1}

    def test_a_queue_that_is_full_drops_records(self, tmp_path: Path) -> None:
        log = RequestLog(RequestLogOptions(tmp_path, max_waiting=2, max_waiting_bytes=100), lambda _: ALL)
        for x in (X, np.zeros((1, 100), np.float32), X, X):  # nothing is written yet
            log(run(x=x))
        log.start()
        assert log.close(30)
        assert outcomes(log) == {"queue_full": 2, "written": 2}

    def test_what_a_killed_server_left_is_finished_by_the_next(self, tmp_path: Path) -> None:
        file = Folder(RequestLogOptions(tmp_path)).create("m", 0)
        for _ in range(2):
            file.write(b"record")
        (part,) = tmp_path.glob(".*.part")
        folder = Folder(RequestLogOptions(tmp_path))
        folder.recover()
        assert part.exists()  # its process lives
        os.close(file._file)
        with part.open("ab") as damaged:
            damaged.write(b"\x06\0\0")
        folder.recover()
        assert not part.exists()
        assert [list(read(path)) for path in written(tmp_path)] == [[b"record", b"record"]]

    def test_an_empty_file_that_was_left_behind_is_removed(self, tmp_path: Path) -> None:
        os.close(Folder(RequestLogOptions(tmp_path)).create("m", 0)._file)
        Folder(RequestLogOptions(tmp_path)).recover()
        assert list(tmp_path.iterdir()) == []

    def test_processes_that_begin_at_once_have_files_of_their_own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        times = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=late) for late in (0, 0, 1, 1, 2)]

        class Clock:
            @staticmethod
            def now(_: object) -> datetime:
                return times.pop(0)

        monkeypatch.setattr(files, "datetime", Clock)
        first, second = (Folder(RequestLogOptions(tmp_path)).create("m", 0) for _ in range(2))
        assert first.path != second.path
        second.write(b"record")
        second.finish()
        third = Folder(RequestLogOptions(tmp_path)).create("m", 0)
        third.write(b"other")
        third.finish()
        first.finish()
        assert [list(read(path)) for path in written(tmp_path)] == [[b"record"], [b"other"]]

    def test_a_file_that_another_process_takes_for_one_left_behind_is_begun_anew(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = fcntl.flock

        def flock(file: int, how: int) -> None:
            monkeypatch.setattr(fcntl, "flock", real)
            Folder(RequestLogOptions(tmp_path)).recover()  # sees an empty file that nobody has locked yet
            real(file, how)

        monkeypatch.setattr(fcntl, "flock", flock)
        file = Folder(RequestLogOptions(tmp_path)).create("m", 0)
        file.write(b"record")
        file.finish()
        assert [list(read(path)) for path in written(tmp_path)] == [[b"record"]]


class TestFullDisk:
    @pytest.fixture
    def full(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """A disk that takes the first 100 bytes of a write and then nothing."""
        real = os.write
        left = [100]

        def write(file: int, data: Any) -> int:
            if left[0] == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            done = real(file, bytes(data)[: left[0]])
            left[0] -= done
            return done

        monkeypatch.setattr("headrace.serving.request_log.files.os.write", write)
        yield
        monkeypatch.undo()

    @pytest.mark.usefixtures("full")
    def test_it_is_said_once_and_records_are_dropped(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        log = log_of(tmp_path, *[run()] * 5)
        assert outcomes(log) == {"disk": 5}
        said = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert [record.getMessage() for record in said] == [
            "the request log cannot be written: [Errno 28] No space left on device; requests are not logged for 5 s"
        ]
        assert not list(tmp_path.iterdir())  # the record that was cut off is gone


class TestConfiguration:
    def read(self, body: str, directory: Path | None) -> ModelLogging | None:
        content = f'model_config_list {{ config {{ name: "a/b" base_path: "/b" model_platform: "tensorflow" {body} }} }}'
        (model,) = read_models(text.parse(content.encode(), ModelServerConfig, "f"), log_directory=directory)
        return model.logging

    def test_the_prefix_is_below_the_directory(self, tmp_path: Path) -> None:
        rate = "sampling_config { sampling_rate: 0.5 }"
        assert self.read("", tmp_path) is None
        assert self.read(f"logging_config {{ {rate} }}", tmp_path) == ModelLogging("a/b", 0.5)
        for given in ("x/y", f"{tmp_path}/x/y", "x/../x/y"):
            collector = f'log_collector_config {{ type: "file" filename_prefix: "{given}" }}'
            assert self.read(f"logging_config {{ {collector} {rate} }}", tmp_path) == ModelLogging("x/y", 0.5)

    @pytest.mark.parametrize("given", ["../x", "/etc/x", "x/../../x", "x/", ".x", "x\\0y", ".."])
    def test_a_prefix_elsewhere_is_refused(self, tmp_path: Path, given: str) -> None:
        with pytest.raises(InvalidArgumentError, match="expected the beginning of a file's name below"):
            self.read(f'logging_config {{ log_collector_config {{ filename_prefix: "{given}" }} }}', tmp_path)

    def test_senseless_logging_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgumentError, match="expected from 0 to 1"):
            self.read("logging_config { sampling_config { sampling_rate: 1.5 } }", tmp_path)
        with pytest.raises(InvalidArgumentError, match="expected from 0 to 1"):
            self.read("logging_config { sampling_config { sampling_rate: nan } }", tmp_path)
        with pytest.raises(UnimplementedError, match='the only one here is "file"'):
            self.read('logging_config { log_collector_config { type: "kafka" } }', tmp_path)
        with pytest.raises(UnimplementedError, match="custom"):
            self.read("logging_config { custom_logging_config {} }", tmp_path)

    def test_a_directory_that_cannot_be_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(InvalidArgumentError, match="request logs cannot stand in"):
            RequestLog(RequestLogOptions(tmp_path / "file" / "logs"), lambda _: None).start()
        with pytest.raises(InvalidArgumentError, match="does not fit"):
            RequestLogOptions(tmp_path, file_bytes=10, total_bytes=9)
