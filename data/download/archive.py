"""Archive: a published file, its digests, and where to download it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1 << 20


@dataclass(frozen=True)
class Archive:
    """One file as its authors published it.

    Parameters
    ----------
    name : str
        The file's name.
    size : int
        In bytes.
    md5, sha256 : str
        Hexadecimal digests of the whole file.
    urls : tuple of str
        Where to download it, in order of preference.
    """

    name: str
    size: int
    md5: str
    sha256: str
    urls: tuple[str, ...] = ()

    def fault(self, path: Path) -> str | None:
        """Return what is wrong with a file, or None if it is this archive."""
        size = path.stat().st_size
        if size != self.size:
            return f"it has {size:,} bytes, expected {self.size:,}"
        for kind, found in _digests(path).items():
            if found != getattr(self, kind):
                return f"its {kind} is {found}, expected {getattr(self, kind)}"
        return None


def _digests(path: Path) -> dict[str, str]:
    digests = {
        "sha256": hashlib.sha256(),
        "md5": hashlib.md5(usedforsecurity=False),
    }
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            for digest in digests.values():
                digest.update(chunk)
    return {kind: digest.hexdigest() for kind, digest in digests.items()}
