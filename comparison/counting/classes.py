"""The count of every class of a run."""

from collections.abc import Sequence
from typing import cast

from comparison import records
from comparison.contestants import Contestant
from comparison.counting import code_length, private_code


def count_all(contestants: Sequence[Contestant]) -> records.Code:
    """Return the count of each contestant's code, and its definition."""
    return {
        "definition": code_length.DEFINITION,
        "version": code_length.VERSION,
        "classes": {
            contestant.name: cast(
                records.ClassCount,
                private_code.count_class(
                    contestant.file, contestant.class_name, contestant.further
                ),
            )
            for contestant in contestants
        },
    }
