"""Python runs this at the start of the processes that tests start; see conftest.py.

scikit-learn imports scipy.stats, two fifths of what it takes to start, and seldom uses
it: it is loaded when it is first used. SciPy for other kinds of arrays, which is asked
for in the environment, is for the tests alone.
"""

import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder


class Later:
    """Finds scipy.stats, and loads it when it is first used."""

    @staticmethod
    def find_spec(name: str, path=None, target=None) -> ModuleSpec | None:
        """Return where it is; None for anything else."""
        spec = PathFinder.find_spec(name, path) if name == "scipy.stats" else None
        if spec and spec.loader:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


sys.meta_path.insert(0, Later)
os.environ.pop("SCIPY_ARRAY_API", None)
