"""Users' own classes, as --models takes them: sound ones, and ones in trouble.

Trouble starts in training: the proof of sameness is in float64, a trial in float32.
"""

import contextlib
import ctypes
import os
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path

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


class LeavesAThread(InTrouble):
    def trouble(self):
        threading.Thread(target=time.sleep, args=[600]).start()


class LeavesAProcess(InTrouble):
    def trouble(self):
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)


class StartsAProgram(InTrouble):
    """It notes its own number and the program's, and holds the interpreter's lock."""

    def trouble(self):
        program = subprocess.Popen(["sleep", "600"])
        Path(os.environ["NOTED"]).write_text(f"{os.getpid()} {program.pid}")
        ctypes.PyDLL(None).sleep(600)


class PredictsNothing(Skylark_CNN):
    def predict(self, X):
        super().predict(X)


class TakesNoTime(Skylark_CNN):
    def fit(self, *args, **options):
        super().fit(*args, **options)
        self.history_["seconds"] = [-1.0] * self.n_iter_
        return self


class Forges(InTrouble):
    """It finds the pipe on which the trial speaks, and speaks on it itself."""

    def trouble(self):
        for number in range(3, 50):
            with contextlib.suppress(OSError):
                if stat.S_ISFIFO(os.fstat(number).st_mode):
                    os.write(number, b'{"event": "epoch", "epoch": "x"}\n')


class SaysMuch(InTrouble):
    def trouble(self):
        raise RuntimeError("a|b\x1b[31m\nc" + "d" * 10_000)


class HangsInTheProof(Skylark_CNN):
    def fit_loop(self, X, y, w, epochs):
        time.sleep(600)
