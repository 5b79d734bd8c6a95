"""Messages between two processes, one of which waits for the other all the time."""

import os
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any

import numpy as np

# Seconds to poll before going to sleep: four wake-ups take 20 % of a step (seed).
SPIN = 0.001


class Line:
    """One end of a pipe, whose reader polls for a moment before it sleeps."""

    def __init__(self, connection: Connection, sent: np.ndarray, end: int) -> None:
        """Share `sent`, the number of messages of each end, with the other end."""
        self.connection, self.sent, self.end = connection, sent, end
        self.received = 0

    def send(self, message: Any) -> None:
        """Send it, then count it."""
        self.connection.send(message)
        self.sent[self.end] += 1

    def receive(self) -> Any:
        """Return the next message; EOFError where the other end is gone."""
        other = 1 - self.end
        until = perf_counter() + SPIN
        while self.sent[other] == self.received and perf_counter() < until:
            os.sched_yield()  # the other end may be on the same core
        self.received += 1
        return self.connection.recv()
