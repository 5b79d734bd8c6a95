"""The page's own words, in each language, from one file."""

import tomllib
from pathlib import Path

LANGUAGES = ("en", "zh")
FILE = Path(__file__).with_name("words.toml")


class Words:
    """All words in one language: `words["title"]`."""

    def __init__(self, language: str) -> None:
        self.language = language
        entries = tomllib.loads(FILE.read_text("utf-8"))
        self.texts = {name: entry[language] for name, entry in entries.items()}

    def __getitem__(self, name: str) -> str:
        return self.texts[name]

    def get(self, name: str, otherwise: str) -> str:
        """Return the words of that name, or others where there are none."""
        return self.texts.get(name, otherwise)
