"""The results page: the hits of a search as one HTML file that can be passed on."""

import base64
import html
import io
from pathlib import Path

from cirkit.benchmarks.photos import decode, fit
from cirkit.files import write_atomically
from cirkit.search.folder import Hit, PhotoQuery


def page(hits: list[Hit], query: PhotoQuery, out: Path) -> None:
    """One HTML file that shows the query and the hits; the images are inside it, and it asks no network.

    A hit is shown only where the very photo that was indexed still lies: an index cannot bring in another file.
    """
    shown = []
    if query.image is not None:
        shown.append(f'<img src="{_thumbnail(query.image)}" alt="The photo searched with">')
    if query.text:
        shown.append(f"<p><q>{_shown(query.text)}</q></p>")
    items = "\n".join(_item(hit) for hit in hits)
    write_atomically(out, PAGE.format(query="".join(shown), items=items, count=len(hits)))


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Photos found: {count}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ background: Canvas; color: CanvasText; font: 1rem/1.4 system-ui, sans-serif; margin: 1.5rem; }}
section {{ align-items: center; display: flex; flex-wrap: wrap; gap: 1rem; margin-bottom: 1.5rem; }}
ol {{ display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); padding: 0; }}
li {{ list-style: none; }}
a {{ border: 1px solid GrayText; border-radius: .5rem; color: LinkText; display: block; padding: .5rem; }}
a:focus-visible {{ outline: 3px solid Highlight; outline-offset: 2px; }}
img {{ aspect-ratio: 1; border-radius: .25rem; display: block; max-width: 100%; width: 12rem; }}
small, q {{ overflow-wrap: anywhere; }}
</style>
</head>
<body>
<main>
<h1>Photos found</h1>
<section aria-label="Query">{query}</section>
<ol aria-label="Results, best first">
{items}
</ol>
</main>
</body>
</html>
"""


def _item(hit: Hit) -> str:
    name = _shown(hit.caption or hit.path.name)
    caption = f"<br>{name}" if hit.caption else ""
    text = f"<strong>{hit.rank}</strong> <small>{_shown(hit.path.name)} · {hit.score:.3f}{caption}</small>"
    if not hit.is_unchanged():
        return f"<li><p>This photo is no longer there, or was changed: {name}</p>{text}</li>"
    image = f'<img src="{_thumbnail(hit.path)}" alt="{name}">'
    return f'<li><a href="{html.escape(hit.path.absolute().as_uri())}">{image}{text}</a></li>'


def _shown(text: str) -> str:
    """Escaped, and without the half characters that file names in a foreign encoding bring along."""
    return html.escape(text.encode("utf-8", "replace").decode("utf-8"))


def _thumbnail(path: Path, size: int = 192) -> str:
    content = io.BytesIO()
    fit(decode(path), size).save(content, "JPEG", quality=82)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"
