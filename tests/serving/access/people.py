"""Callers for the tests, their tokens, and a gate that knows them."""

from __future__ import annotations

from headrace.core.tokens import token_hash
from headrace.serving.access.configuration import parse_access
from headrace.serving.access.gate import Gate
from headrace.serving.access.policy import Policy
from headrace.serving.audit import AuditLog

TOKENS = {name: f"headrace_token-of-{name}" for name in ("risk", "other", "ops", "prom", "slow", "heavy")}

TEXT = f"""
[callers.risk]
token_sha256 = ["{token_hash("older")}", "{token_hash(TOKENS["risk"])}"]
certificates = ["risk.bank.example"]
roles = ["predict"]
models = ["m", "risk-*"]

[callers.other]
token_sha256 = ["{token_hash(TOKENS["other"])}"]
roles = ["predict"]
models = ["another"]

[callers.ops]
token_sha256 = ["{token_hash(TOKENS["ops"])}"]
roles = ["admin"]

[callers.prom]
token_sha256 = ["{token_hash(TOKENS["prom"])}"]
roles = ["metrics"]

[callers.slow]
token_sha256 = ["{token_hash(TOKENS["slow"])}"]
roles = ["predict"]
models = ["*"]
requests_per_second = 0.001
burst = 2

[callers.heavy]
token_sha256 = ["{token_hash(TOKENS["heavy"])}"]
roles = ["predict"]
models = ["*"]
body_bytes_per_second = 1
"""

OPEN = """
[anonymous]
roles = ["predict"]
models = ["m"]
requests_per_second = 0.001
burst = 3
"""


def policy(text: str = TEXT) -> Policy:
    return parse_access(text.encode(), "access.toml")


def gate(text: str = TEXT, audit: AuditLog | None = None) -> Gate:
    return Gate(policy(text), audit or AuditLog())


def bearer(name: str) -> dict[str, str]:
    """The header of a caller; of a token that is not known where there is no such caller."""
    return {"authorization": f"Bearer {TOKENS.get(name, name)}"}
