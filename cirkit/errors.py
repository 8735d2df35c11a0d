"""Problem: the one error a user sees, a sentence and the next step.

The command line prints it without a traceback and exits with 1.
"""


class Problem(Exception):
    """Something the user can correct; the message is one sentence that says what, and one that says what to do."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows in place of a traceback."""
        return [str(self)]
