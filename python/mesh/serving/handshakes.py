"""Tells of callers that an agent does not accept, which asyncio keeps to itself."""

from __future__ import annotations

import logging
import ssl
import time
from typing import ClassVar

logger = logging.getLogger("mesh")

# Seconds in which one line is enough: whoever is refused tries again and again.
SILENCE = 60.0


class Handshake(ssl.SSLObject):
    """The server's side of a connection."""

    _silent_until: ClassVar[float] = 0

    def do_handshake(self) -> None:
        """Shakes hands."""
        try:
            super().do_handshake()
        except ssl.SSLWantReadError:
            raise
        except ssl.SSLError as error:
            self._tell(error)
            raise

    def _tell(self, error: ssl.SSLError) -> None:
        now = time.monotonic()
        if now < Handshake._silent_until:
            return
        Handshake._silent_until = now + SILENCE
        reason = (error.reason or "TLS failed").replace("_", " ").lower()
        if isinstance(error, ssl.SSLCertVerificationError):
            reason = f"its certificate: {error.verify_message}"
        logger.info("a caller is refused: %s; others stay untold for a minute", reason)
