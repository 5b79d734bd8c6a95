"""Users' own classes, as --models takes them: sound ones, and ones in trouble.

Trouble starts in training: the proof of sameness is in float64, a trial in float32.
"""

import ctypes
import os
import signal
import time

from models import Skylark_CNN
from networks.resnet import Skylark_ResNet


class Subclass(Skylark_CNN):
    """Another name for the same network."""


class DeepSubclass(Skylark_ResNet):
    """Another name for the same deep network."""


class Linear(Skylark_CNN):
    """Another network."""

    def build(self):
        self.activation = None
        super().build()


class InTrouble(Skylark_CNN):
    def fit_loop(self, X, y, w, epochs):
        super().fit_loop(X, y, w, epochs)
        if self.dtype == "float32":
            self.trouble()


class Hangs(InTrouble):
    def trouble(self):
        time.sleep(600)


class Segfaults(InTrouble):
    def trouble(self):
        ctypes.string_at(0)


class Killed(InTrouble):
    def trouble(self):
        os.kill(os.getpid(), signal.SIGKILL)


class OutOfMemory(InTrouble):
    def trouble(self):
        bytearray(2**60)


class MoreThreads(InTrouble):
    def trouble(self):
        from threadpoolctl import threadpool_limits

        threadpool_limits(3)


class HangsInTheProof(Skylark_CNN):
    def fit_loop(self, X, y, w, epochs):
        time.sleep(600)
