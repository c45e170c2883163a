"""What the mirror measures."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.mirror.setting import Setting, with_mirror


def test_prometheus_reads_what_happened(tmp_path: Path) -> None:
    async def work(setting: Setting) -> None:
        content = setting.index.content(setting.index.add("demo", "1.0", 1000))
        (file,) = (await setting.page("demo"))["files"]
        await setting.page("demo")
        await setting.get(file["url"])
        await setting.get("simple/other/")
        setting.index.corrupt = True
        setting.index.add("bad", "1.0", 1000)
        (file,) = (await setting.page("bad"))["files"]
        assert (await setting.get(file["url"])).status == 502
        answer = await setting.get("metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        found = {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(answer.body.decode())
            for sample in family.samples
        }
        assert found["headrace_mirror_requests_total", "200", "page"] == 3
        assert found["headrace_mirror_requests_total", "404", "page"] == 1
        assert found["headrace_mirror_requests_total", "502", "file"] == 1
        assert found["headrace_mirror_downloads_total", "fetched"] == 1
        assert found["headrace_mirror_downloads_total", "wrong_digest"] == 1
        assert found["headrace_mirror_fetched_bytes_total",] == len(content)
        assert found["headrace_mirror_store_bytes", "all"] == len(content)
        assert found["headrace_mirror_page_age_seconds_count", "main"] == 5
        assert found["headrace_mirror_upstream_open", "main"] == 0

    with_mirror(tmp_path, work)
