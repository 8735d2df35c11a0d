"""Code: the few lines of a model that a page explains, taken from the package itself."""

import inspect
import textwrap
from typing import Any

from IPython.display import Markdown


def code(*parts: Any) -> Markdown:
    """The sources of functions, methods or classes, one below the other."""
    sources = "\n".join(textwrap.dedent(inspect.getsource(part)) for part in parts)
    return Markdown(f"```python\n{sources}```")
