"""What names and numbers of a deployment may look like. Whatever does not is refused with the form that is expected."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from headrace.core.errors import InvalidArgumentError

_LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST = r"(?:(?:localhost|(?=[^/]*[.:])[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?::[0-9]{1,5})?/)"
_IMAGE = re.compile(
    rf"{_HOST}?{_PART}(?:/{_PART})*(?P<tag>:[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?P<digest>@sha256:[0-9a-f]{{64}})?"
)
_QUANTITY = re.compile(r"(?=.*[1-9])[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_DURATION = re.compile(r"[1-9][0-9]*(ms|s|m|h)")
_FLAG = re.compile(r"--([a-z][a-z0-9_-]*)(=[^\x00-\x1f\x7f]*)?")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_MEMORY = re.compile(r"[1-9][0-9]*[KMGT]?")
_LABEL_LENGTH, _NAME_LENGTH, _IMAGE_LENGTH = 63, 253, 400


def dns_label(what: str, value: str, longest: int = _LABEL_LENGTH) -> str:
    """A DNS label that begins with a letter, as names of Services must.

    Args:
        what: names the value in the error.
        value: the name.
        longest: characters, where something is put behind it.
    """
    if not _LABEL.fullmatch(value) or len(value) > longest:
        raise InvalidArgumentError(
            f"{what} is {value!r}; expected a DNS label: lower-case letters, digits and '-', a letter first, at most {longest}"
        )
    return value


def dns_name(what: str, value: str) -> str:
    """A DNS subdomain: the name of most objects."""
    if not _NAME.fullmatch(value) or len(value) > _NAME_LENGTH or ".." in value:
        raise InvalidArgumentError(
            f"{what} is {value!r}; expected a DNS name: lower-case letters, digits, '-' and '.', at most {_NAME_LENGTH}"
        )
    return value


def image(value: str) -> str:
    """A reference of an image that always means the same one."""
    found = _IMAGE.fullmatch(value)
    if found is None or len(value) > _IMAGE_LENGTH:
        raise InvalidArgumentError(f"the image is {value!r}; expected [HOST/]NAME:TAG or [HOST/]NAME@sha256:DIGEST")
    if found["digest"] is None and found["tag"] in (None, ":latest"):
        raise InvalidArgumentError(f"the image {value!r} may be another one tomorrow; give it a tag other than latest, or a digest")
    return value


def quantity(what: str, value: str) -> str:
    """An amount of a resource, such as `500m` or `4Gi`; it is not 0."""
    if not _QUANTITY.fullmatch(value):
        raise InvalidArgumentError(f"{what} is {value!r}; expected a quantity above 0 such as 500m, 2 or 4Gi")
    return value


def duration(what: str, value: str) -> str:
    """A time, such as `15s`."""
    if not _DURATION.fullmatch(value):
        raise InvalidArgumentError(f"{what} is {value!r}; expected a time such as 15s or 1m")
    return value


def whole(what: str, value: int, least: int, most: int) -> int:
    """A number within bounds."""
    if not least <= value <= most:
        raise InvalidArgumentError(f"{what} is {value}; expected {least} to {most}")
    return value


def port(what: str, value: int) -> int:
    """A port that a process without rights may listen on."""
    return whole(what, value, 1024, 65535)


def path(what: str, value: str) -> str:
    """An absolute path without `..` and without characters that need quotes somewhere."""
    if not re.fullmatch(r"(/[A-Za-z0-9_.+@-]+)+", value) or {".", ".."} & set(value.split("/")):
        raise InvalidArgumentError(f"{what} is {value!r}; expected an absolute path of letters, digits and -_.+@, without '..'")
    return value


def user_and_memory(user: str, memory: str) -> None:
    """Who runs a unit of systemd, and what it may take, such as `8G`; either may be left to systemd, which is empty."""
    if user and not _USER.fullmatch(user):
        raise InvalidArgumentError(f"the user is {user!r}; expected a name of lower-case letters, digits and -_")
    if memory and not _MEMORY.fullmatch(memory):
        raise InvalidArgumentError(f"the memory is {memory!r}; expected such as 800M or 8G")


def server_flags(given: Sequence[str], decided: Collection[str], of: str = "the server") -> tuple[str, ...]:
    """Further flags of `headrace serve` or another command.

    Args:
        given: such as `--enable_batching` or `--rest_api_timeout_in_ms=5000`.
        decided: those that are not the caller's to give, since other parts of the files depend on them.
        of: whose they are, for the error.
    """
    for flag in given:
        found = _FLAG.fullmatch(flag)
        if found is None:
            raise InvalidArgumentError(f"{flag!r} is no flag of {of}; expected --name or --name=value")
        if (name := found[1].replace("-", "_")) in decided:
            raise InvalidArgumentError(f"--{name} is decided by the other options; leave it out behind the --")
    return tuple(given)
