"""Unknown names of facades say where the known ones are listed."""

from __future__ import annotations

from types import ModuleType

import pytest

import headrace as tf
from headrace.core.facades import explain_missing_names


@pytest.mark.parametrize(
    ("facade", "name", "label"),
    [
        (tf, "estimator", "headrace"),
        (tf.nn, "no_such_op", "headrace.nn"),
        (tf.compat.v1.train, "NoSuchOptimizer", "headrace.compat.v1.train"),
    ],
)
def test_an_unknown_name_is_named_with_the_page(facade: ModuleType, name: str, label: str) -> None:
    with pytest.raises(AttributeError, match=rf"module '{label}' has no attribute '{name}'; docs/names\.md lists") as caught:
        getattr(facade, name)
    assert caught.value.name == name
    assert caught.value.obj is facade
    assert not hasattr(facade, name)


def test_a_facade_keeps_a_getattr_of_its_own() -> None:
    facade = ModuleType("package")
    facade.__dict__["__getattr__"] = lambda name: name.upper()
    explain_missing_names(facade)
    assert facade.anything == "ANYTHING"
