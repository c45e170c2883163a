"""TLS: the mirror's certificate, read again when its files change, and whose clients' certificates are asked for."""

from __future__ import annotations

import asyncio
import logging
import ssl

from headrace.core.errors import InvalidArgumentError
from headrace.mirror.options import TlsOptions

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 5.0
_State = tuple[tuple[int, int, int], ...]


class Certificate:
    """The certificate of a server.

    Args:
        options: the files.

    Raises:
        InvalidArgumentError: they cannot be read, or do not fit each other.
    """

    def __init__(self, options: TlsOptions) -> None:
        self._options = options
        self._seen = self._look()
        self.context = _context(options)

    async def watch(self) -> None:
        """Looks at the files from time to time, until it is cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self.refresh()  # here, not in a thread: the context must not change while a connection begins

    def refresh(self) -> bool:
        """Reads the certificate again if its files have changed; True when new connections get another one.

        Files with mistakes change nothing: the one in use stays, and the log says so once.
        """
        try:
            now = self._look()
            if now == self._seen:
                return False
            _context(self._options)  # a trial: the context in use must not be left with a key that does not fit
            self.context.load_cert_chain(self._options.certificate, self._options.key, password=_no_password)
        except (InvalidArgumentError, OSError) as error:
            if self._seen:
                logger.error("the new certificate is not used, the old one stays: %s", error)
            self._seen = ()
            return False
        self._seen = now
        logger.info("the certificate %s was read again", self._options.certificate)
        return True

    def _look(self) -> _State:
        """Changes when a file does."""
        paths = [path for path in (self._options.certificate, self._options.key) if path is not None]
        try:
            found = [path.stat() for path in paths]
        except OSError as error:
            raise InvalidArgumentError(f"the certificate cannot be read: {error}") from None
        return tuple((each.st_mtime_ns, each.st_ino, each.st_size) for each in found)


def _context(options: TlsOptions) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(options.certificate, options.key, password=_no_password)
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(
            f"the certificate {options.certificate} and its key {options.key or 'in the same file'} cannot be used: {_told(error)}"
        ) from None
    if options.client_ca is not None:
        try:
            context.load_verify_locations(options.client_ca)
        except (OSError, ValueError) as error:
            raise InvalidArgumentError(f"the authority of clients {options.client_ca} cannot be used: {_told(error)}") from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _no_password() -> str:
    raise ValueError("the key has a password, which nobody is asked for; give a key without one")


def _told(error: Exception) -> str:
    return str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error)
