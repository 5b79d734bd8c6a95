"""What the folders of a user's images mean: classes, and which part they belong to."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data.formats.image_file import is_called_image
from data.text import printable

# How people name the parts, in lower case and without what is between the words.
NAMES = {
    "train": {"train", "training"},
    "test": {"test", "tests", "testing"},
    "val": {"val", "valid", "validation", "dev"},
}
ENDS = ("", "set", "data", "images", "split")
# What has these words looks like a part: train_old, test-2, valid(1), seg_train ...
LIKE_A_PART = re.compile(r"(train|test|val|dev|eval|holdout)(ing|id|idation|uation)?")


@dataclass(frozen=True)
class Layout:
    """Where the images of a folder are.

    Parameters
    ----------
    train : Path
        Holds one folder for each class.
    test : Path or None
        Likewise; None: images for testing are taken from those of `train`.
    unused : tuple of Path
        Folders beside them that are left out.
    """

    train: Path
    test: Path | None
    unused: tuple[Path, ...] = ()


def understand(top: Path) -> Layout:
    """Return what the folders below `top` mean.

    They are parts (train, test, val, in the spellings that are in use) that hold
    classes, or classes. A folder that holds nothing but one folder stands for that
    one. Without test images, val's are for testing; beside them they are unused.

    Raises
    ------
    ValueError
        They look like parts, but it is not clear which; or there are none.
    """
    folders = list(folders_in(top))
    if not folders:
        raise ValueError(
            f"{printable(top)} has no images at train/CLASS/* and test/CLASS/*, nor at "
            "CLASS/*: put those of each class into a folder of their own."
        )
    parts = _parts(top, folders)
    if not parts and len(folders) == 1 and list(folders_in(folders[0])):
        return understand(folders[0])
    if not parts:
        _refuse_parts_inside(top, folders)
        return Layout(top, None)
    if "train" not in parts:
        names = " and ".join(f"{path.name}/" for path in parts.values())
        raise ValueError(
            f"{printable(top)} has {printable(names)} but no train/: name the folder "
            "of the training images train, or put classes of these names into train/."
        )
    test = parts.get("test") or parts.get("val")
    used = {parts["train"], test}
    unused = tuple(path for path in folders if path not in used)
    return Layout(parts["train"], test, unused)


def folders_in(folder: Path) -> Iterator[Path]:
    """Yield the folders in a folder, sorted, but for hidden ones and __MACOSX.

    Raises
    ------
    ValueError
        A link that is not called like an image leads nowhere: a folder would be lost.
    """
    for path in filter(shown, sorted(folder.iterdir())):
        if path.is_dir():
            yield path
        elif path.is_symlink() and not path.exists() and not is_called_image(path):
            raise ValueError(
                f"the link {printable(path)} leads nowhere: mend or remove it."
            )


def shown(path: Path) -> bool:
    """Return whether a name is a user's own, and not a system's or a program's."""
    return not path.name.startswith(".") and path.name != "__MACOSX"


def class_name(folder: Path) -> str:
    """Return the name of a class, in one spelling whatever the system's is."""
    return unicodedata.normalize("NFC", folder.name)


def _parts(top: Path, folders: list[Path]) -> dict[str, Path]:
    """Return the folders of the parts; none if all are classes."""
    alike = [path for path in folders if _looks_like_a_part(path)]
    if len(alike) == 1 and len(folders) > 2 and not list(folders_in(alike[0])):
        return {}  # a class of that name, such as the trains among other vehicles
    if [_letters(path) for path in folders] == ["invalid", "valid"]:
        return {}
    parts: dict[str, Path] = {}
    for path in alike:
        part = _part(path)
        if part is None or part in parts:
            known = " and ".join(f"{other.name}/" for other in alike)
            raise ValueError(
                f"{printable(top)} has {printable(known)}: it is not clear which are "
                "for training and which for testing. Name them train and test; or, if "
                "they are classes, put all classes into train/."
            )
        if not list(folders_in(path)):
            raise ValueError(
                f"{printable(path)} has no folder for each class: put its images into "
                "CLASS/* there; or, if it is a class, put all classes into train/."
            )
        parts[part] = path
    return parts


def _refuse_parts_inside(top: Path, classes: list[Path]) -> None:
    """Raise ValueError if what would be classes are divided into parts themselves."""
    inside = [{path.name for path in folders_in(place)} for place in classes]
    if len(classes) > 1 and len(inside[0]) > 1 and all(i == inside[0] for i in inside):
        parts = " and ".join(f"{path.name}/" for path in classes[:2])
        folders = " and ".join(f"{name}/" for name in sorted(inside[0])[:2])
        raise ValueError(
            f"{printable(top)} has {printable(parts)}, which hold the same folders "
            f"({printable(folders)} ...): if these are classes, name the folders above "
            "them train and test; if not, put all classes into train/."
        )
    for path in classes:
        named = [each for each in folders_in(path) if _part(each)]
        if named:
            example = printable(f"{path.name}/{named[0].name}/")
            raise ValueError(
                f"{printable(top)} has {example}: name the folder that holds train/ "
                "and test/, or, if its folders are classes, put train/ and test/ above "
                "them: train/CLASS/*."
            )


def _part(path: Path) -> str | None:
    """Return the part that a folder's name means, or None."""
    letters = _letters(path)
    for part, names in NAMES.items():
        if any(letters == name + end for name in names for end in ENDS):
            return part
    return None


def _looks_like_a_part(path: Path) -> bool:
    """Return whether a name begins like a part's, or ends so above other folders."""
    first, *others = re.split(r"[\W_\d]+", path.name.lower())
    if _part(path) is not None or LIKE_A_PART.fullmatch(first):
        return True
    return any(map(LIKE_A_PART.fullmatch, others)) and bool(list(folders_in(path)))


def _letters(path: Path) -> str:
    return re.sub(r"[\W_]", "", path.name.lower())
