"""A command line given as one string, split into words as Compose splits it, with mattn/go-shellwords.

There is no shell: an unquoted `;`, `&`, `|`, `<` or `>` ends the command and drops all that follows, and neither
variables nor `$(…)` nor backticks are run. They are only kept together.
"""

from __future__ import annotations

from typing import Final

_SPACE: Final = " \t\r\n"
_ENDS: Final = ";&|<>"


def words(line: str) -> list[str]:
    """The words. Raises `ValueError` for a quote, an escape or a parenthesis that is not closed."""
    splitter = _Splitter()
    for char in line:
        if not splitter.take(char):
            break
    return splitter.finish()


class _Splitter:
    def __init__(self) -> None:
        self.found: list[str] = []
        self.word: list[str] = []
        self.started = False  # a word is under way, perhaps an empty one in quotes
        self.escaped = False
        self.quote = ""  # ' or "
        self.region = ""  # ` or $(

    def take(self, char: str) -> bool:
        """Goes on by one character; False where the command ends."""
        if self.escaped:
            self.escaped = False
            self._keep(char)
        elif char == "\\" and self.quote != "'":
            self.escaped = True
        elif char in _SPACE and not self.quote and not self.region:
            self._end_word()
        elif char in "\"'" and self.quote in ("", char) and self.region != "$(":
            self.started = self.started or self.quote == char
            self.quote = "" if self.quote else char
        elif char in "`()" and not self.quote:
            self._region(char)
        elif char in _ENDS and not self.quote and not self.region:
            self._end_command(char)
            return False
        else:
            self._keep(char)
        return True

    def finish(self) -> list[str]:
        if self.quote or self.escaped or self.region:
            raise ValueError("is no command line: a quote or an escape is not closed")
        self._end_word()
        return self.found

    def _keep(self, char: str) -> None:
        self.word.append(char)
        self.started = True

    def _region(self, char: str) -> None:
        if char == "`" and self.region != "$(":
            self.region = "" if self.region else "`"
        elif char == ")" and self.region != "`":
            self.region = "" if self.region else "$("
        elif char == "(" and self.region != "`":
            if self.region or self.word[-1:] != ["$"]:
                raise ValueError("is no command line: a parenthesis outside of quotes")
            self.region = "$("
        self._keep(char)

    def _end_word(self) -> None:
        if self.started:
            self.found.append("".join(self.word))
            self.word, self.started = [], False

    def _end_command(self, char: str) -> None:
        if char == ">" and self.word and self.word[0].isdigit():
            self.word, self.started = [], False  # the number of a redirected stream, as in `2>`
