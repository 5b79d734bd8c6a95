"""As a process of its own: prepare the tiny data set from sources, and print its hash.

python -m tests.data.prepare URL ...
"""

import sys

from data.download.limits import Limits
from data.published import sources
from tests.data import tiny

LIMITS = Limits(slowest=1e3, total=30, patience=0.5, connect=1)

if __name__ == "__main__":
    spec, _ = tiny.spec(sys.argv[1:])
    print(sources.load(spec, limits=LIMITS).sha256)
