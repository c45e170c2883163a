"""What needs graphs built ahead and sessions says so, and what to do instead."""

from __future__ import annotations

import pytest

import headrace as tf
from headrace.core.errors import UnimplementedError


@pytest.mark.parametrize("name", ["Session", "disable_v2_behavior", "get_variable", "variable_scope", "Graph"])
def test_what_needs_a_session_is_refused(name: str) -> None:
    with pytest.raises(UnimplementedError, match=rf"tf\.compat\.v1\.{name} needs .*graphs-of-tensorflow-1 in docs/limitations\.md"):
        getattr(tf.compat.v1, name)("x")


def test_a_program_is_run_with_its_arguments() -> None:
    seen = []
    with pytest.raises(SystemExit) as ended:
        tf.compat.v1.app.run(lambda arguments: seen.append(arguments) or 3, argv=["name", "x"])
    assert (seen, ended.value.code) == ([["name", "x"]], 3)
