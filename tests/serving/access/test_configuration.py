"""Access configurations: what they mean, and that every mistake is named."""

from __future__ import annotations

import contextlib

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.cli.main import main
from headrace.core.errors import InvalidArgumentError, PermissionDeniedError, UnauthenticatedError
from headrace.core.tokens import token_hash, token_of
from headrace.serving.access import policy as policies
from headrace.serving.access.callers import Limits
from headrace.serving.access.configuration import _Reader, parse_access
from headrace.serving.access.policy import Credentials
from tests.serving.access.people import OPEN, TEXT, TOKENS, policy


def by_token(token: str) -> Credentials:
    return Credentials(f"Bearer {token}")


def test_callers_are_known_by_any_of_their_tokens_and_by_certificate() -> None:
    people = policy()
    assert people.identify(by_token(TOKENS["risk"])).name == "risk"
    assert people.identify(by_token("older")).name == "risk"
    assert people.identify(Credentials("", ("stranger", "risk.bank.example"))).name == "risk"
    assert people.identify(Credentials(f"Bearer {TOKENS['ops']}", ("risk.bank.example",))).name == "ops"
    assert people.callers == set(TOKENS)


@pytest.mark.parametrize(
    "shown",
    [Credentials(), by_token("wrong"), by_token(""), Credentials("Basic eDp5"), Credentials("Bearer"), Credentials("x" * 9999)],
)
def test_whoever_is_not_known(shown: Credentials) -> None:
    with pytest.raises(UnauthenticatedError):
        policy().identify(shown)


def test_the_anonymous_are_let_in_only_where_the_file_says_so_and_never_with_a_wrong_token() -> None:
    people = policy(TEXT + OPEN)
    assert people.identify(Credentials(certificate_names=("stranger",))).label == "(anonymous)"
    with pytest.raises(UnauthenticatedError, match="not known"):
        people.identify(by_token("wrong"))


def test_every_token_is_compared_and_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    genuine = policies.hmac.compare_digest

    def compare(known: str, given: str) -> bool:
        compared.append(known)
        return genuine(known, given)

    monkeypatch.setattr(policies.hmac, "compare_digest", compare)
    people = policy()
    for token in (TOKENS["risk"], TOKENS["heavy"], "wrong"):
        compared.clear()
        with contextlib.suppress(UnauthenticatedError):
            people.identify(by_token(token))
        assert compared == list(people.tokens)


def test_roles_and_models() -> None:
    risk, other, ops = (policy().identify(by_token(TOKENS[name])) for name in ("risk", "other", "ops"))
    risk.check_asks("risk-eu")
    risk.check_sees("m")
    ops.check_sees("m")
    ops.check_role("admin")
    for caller, model in [(risk, "another"), (risk, "M"), (other, "m"), (ops, "m"), (other, "an*")]:
        with pytest.raises(PermissionDeniedError):
            caller.check_asks(model)
    with pytest.raises(PermissionDeniedError, match="risk may not do this: it needs the role 'admin'"):
        risk.check_role("admin")


def test_limits() -> None:
    limits = policy(
        f'[callers.a]\ntoken_sha256 = ["{"0" * 64}"]\nroles = ["metrics"]\nrequests_per_second = 0.5\nbody_bytes_per_second = 7'
    )
    assert limits.tokens["0" * 64].limits == Limits(0.5, 1.0, 7.0)


def test_every_mistake_is_named_and_no_token_is_repeated() -> None:
    text = f"""
colour = "red"
[anonymous]
roles = []
token_sha256 = ["{"1" * 64}"]
[callers."a b"]
token_sha256 = ["headrace_secret"]
roles = ["predict", "root"]
burst = 5
[callers.c]
roles = ["predict"]
requests_per_second = -1
[callers.d]
token_sha256 = ["{"2" * 64}"]
certificates = "one"
roles = ["metrics"]
requests_per_second = true
[callers.e]
token_sha256 = ["{"2" * 64}"]
roles = ["metrics"]
requests_per_second = 5
burst = 0.5
"""
    with pytest.raises(InvalidArgumentError) as caught:
        policy(text)
    said = str(caught.value)
    assert "headrace_secret" not in said
    for part in [
        "the file has 'colour'",
        "anonymous has 'token_sha256'",
        "anonymous.roles: expected some of admin, metrics, predict",
        "callers.a b: expected a name",
        "callers.a b.token_sha256: expected 64 hex digits",
        "callers.a b.roles: 'root' is no role",
        "callers.a b.models: expected the models",
        "callers.a b.burst has no requests_per_second",
        "callers.c: expected token_sha256 or certificates",
        "callers.c.requests_per_second is '-1'",
        "callers.d.certificates: expected a list",
        "callers.d.requests_per_second is 'True'",
        "callers.e.token_sha256: an entry is there twice, also for d",
        "callers.e.burst is 0.5",
    ]:
        assert part in said


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"[callers", "access.toml is no TOML: "),
        (b"\xff", "access.toml is no TOML: it is not UTF-8 at byte 0"),
        (b'[anonymous]\nroles = ["predict"]\n' + b"#" * (8 << 20), "access.toml is larger than 8388608 bytes"),
        (b"", "nobody may ask anything"),
        (b"callers = 3", "callers: expected a table"),
        (b"anonymous = []", "anonymous: expected a table"),
        (b"a = " + b"[" * 5000, "access.toml is no TOML: "),
    ],
)
def test_other_texts(text: bytes, complaint: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_access(text, "access.toml")
    assert complaint in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["roles", "models", "burst", "x", "callers"]), inner)
        ),
        max_leaves=10,
    )
)
def test_no_content_does_more_than_be_refused(content: object) -> None:
    reader = _Reader()
    reader.policy({"callers": content, "anonymous": content})
    assert reader.mistakes or isinstance(content, dict)


def test_tokens_that_are_made_are_new_and_fit_a_header() -> None:
    found = [CliRunner().invoke(main, ["serve-token", "risk"]) for _ in range(2)]
    tokens = [each.stdout.strip() for each in found]
    assert tokens[0] != tokens[1]
    for result, token in zip(found, tokens, strict=True):
        assert len(token) > 45
        assert token_of(f"Bearer {token}") == token
        assert policy(result.stderr + 'roles = ["metrics"]').tokens.keys() == {token_hash(token)}
