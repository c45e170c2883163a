"""Where the policy keeps things in a mirror's root."""

from __future__ import annotations

ADVISORIES = "advisories"
"""The folder of the advisories."""
AUDIT = "audit"
"""The folder of the audit log."""
FINDINGS = "policy.sqlite"
"""The database of findings."""
