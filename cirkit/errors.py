"""Problem: the one error a user sees, a sentence and the next step.

The command line prints it without a traceback and exits with 1.
"""

import difflib
from collections.abc import Iterable


class Problem(Exception):
    """Something the user can correct; the message is one sentence that says what, and one that says what to do."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows in place of a traceback."""
        return [str(self)]


def suggestion(name: str, names: Iterable[str]) -> str:
    """The next step after an unknown name: up to three names that look like it; empty where none does."""
    by_spelling = {each.casefold(): each for each in names}
    near = difflib.get_close_matches(name.casefold(), by_spelling, n=3, cutoff=0.7)
    return f"Did you mean {' or '.join(by_spelling[each] for each in near)}?" if near else ""
