"""The signals that ask an agent to stop."""

from __future__ import annotations

import signal
import sys

if sys.platform == "win32":
    # What `meshctl stop` sends there: it reaches one process and what that started.
    STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
else:
    STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
