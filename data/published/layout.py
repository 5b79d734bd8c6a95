"""Layout: the files in which a data set is published, and how they are read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from data.dataset import Arrays
from data.download.archive import Archive
from data.formats import unpack


@dataclass(frozen=True)
class Layout:
    """One form in which a data set is published, such as CIFAR-10's python version.

    Parameters
    ----------
    archives : tuple of Archive
    folder : str
        The folder that extracting them makes.
    files : mapping of str to int
        The files to read, and the most bytes that each may have.
    decode : callable
        From the contents of those files, by name, to the arrays.
    """

    archives: tuple[Archive, ...]
    folder: str
    files: Mapping[str, int]
    decode: Callable[[Mapping[str, bytes]], Arrays]

    def read_archives(self, paths: list[Path]) -> Arrays:
        """Return the arrays in archives, whose digests must have been checked.

        Raises
        ------
        ValueError
            An archive is damaged, or holds something other than it should.
        """
        contents: dict[str, bytes] = {}
        for path in paths:
            if path.name.endswith(".tar.gz"):
                names = {f"{self.folder}/{name}": name for name in self.files}
                sizes = {full: self.files[name] for full, name in names.items()}
                members = unpack.tar(path, sizes)
                contents |= {names[full]: member for full, member in members.items()}
            elif path.suffix == ".gz":
                contents[path.stem] = unpack.gunzip(path, self.files[path.stem])
            else:
                contents[path.name] = path.read_bytes()
        return self.decode(contents)

    def read_extracted(self, folder: Path) -> Arrays:
        """Return the arrays in a folder of extracted files.

        Raises
        ------
        ValueError
            A file is too large, or is damaged.
        """
        for name, most in self.files.items():
            if (size := (folder / name).stat().st_size) > most:
                raise ValueError(
                    f"{folder / name} has {size:,} bytes, at most {most:,}."
                )
        contents = {name: (folder / name).read_bytes() for name in self.files}
        return self.decode(contents)
