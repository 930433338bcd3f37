"""Ports for servers that tests start."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

BELOW_THE_SYSTEMS_OWN = range(20_000, 32_000)
"""Where the system takes no port for a connection that somebody opens in the meantime."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens at."""
    while True:
        port = random.SystemRandom().choice(BELOW_THE_SYSTEMS_OWN)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
