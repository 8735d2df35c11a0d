"""Explorer: an interactive figure that lives in JupyterLab and goes on living in a page without a kernel.

One ES module draws both: anywidget runs it against the kernel, the twin in `text/html` against a plain object.
"""

import hashlib
import itertools
import json
from collections.abc import Callable
from typing import Any, ClassVar

import anywidget

_numbers = itertools.count()

# the module comes in through a Blob, so that the page works from a file: address too
TWIN = """<div class="cir-viewer" id="{name}"></div>
<noscript>{fallback}</noscript>
<script type="module">
const source = {source};
const state = {state};
const listeners = {{}};
const model = {{
  get: (key) => state[key],
  set: (key, value) => {{ state[key] = value; (listeners["change:" + key] || []).forEach((listen) => listen()); }},
  save_changes: () => {{}},
  send: () => {{}},
  on: (event, listen) => {{ (listeners[event] ||= []).push(listen); }},
  off: (event, listen) => {{ listeners[event] = (listeners[event] || []).filter((one) => one !== listen); }},
}};
const address = URL.createObjectURL(new Blob([source], {{ type: "text/javascript" }}));
const module = await import(address);
URL.revokeObjectURL(address);
module.default.render({{ model, el: document.getElementById("{name}") }});
</script>"""


class Explorer(anywidget.AnyWidget):
    """An anywidget whose display bundle also holds its static twin. Subclasses name their state and a fallback.

    `fallback()` gives plain HTML that states what the default view shows, for a page without JavaScript.
    """

    shared: ClassVar[tuple[str, ...]] = ()  # names of the traits that the module reads
    fallback: Callable[[], str]

    def twin(self) -> str:
        """The explorer as HTML that needs neither a kernel nor a network."""
        state = {name: getattr(self, name) for name in self.shared}
        content = script_json(state)
        name = f"cir-{hashlib.sha256(content.encode()).hexdigest()[:10]}-{next(_numbers)}"
        return TWIN.format(name=name, fallback=self.fallback(), source=script_json(str(self._esm)), state=content)

    def _repr_mimebundle_(self, **settings: Any) -> Any:
        bundle = super()._repr_mimebundle_(**settings)
        data, *rest = bundle if isinstance(bundle, tuple) else (bundle,)
        data = {**(data or {}), "text/html": self.twin()}
        return (data, *rest) if rest else data


def script_json(value: Any) -> str:
    """JSON that may stand inside a script element: no `<` can end it or open a comment."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace("\u2028", "\\u2028")
