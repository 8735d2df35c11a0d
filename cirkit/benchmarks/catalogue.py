"""The benchmarks by name: what each is, which world can stand in for it, and how to make or check a folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cirkit.errors import Problem


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A benchmark as the command line sees it; `make` is None where no world can stand in."""

    name: str
    kind: str
    world: str | None
    layout: str
    source: str  # where the original is to be had
    make: Callable[[Path, str], None] | None
    check: Callable[[Path], list[dict[str, Any]]]

    def row(self) -> dict[str, Any]:
        """The entry for `cirkit data list`."""
        return {"name": self.name, "kind": self.kind, "world": self.world, "layout": self.layout}

    def publish(self, root: Path, scale: str) -> None:
        """Write the world's copy to `root`. Raises Problem where no world stands in, or the scale has no size."""
        if self.make is None:
            raise Problem(f"No world stands in for {self.name}. Get the original: {self.source}.")
        self.make(root, scale)


def _make_css(root: Path, scale: str) -> None:
    from cirkit.benchmarks import css

    if scale not in css.SIZES:
        raise Problem(f"The css world has no scale {scale!r}. Use one of {', '.join(css.SIZES)}.")
    css.publish(root, css.SIZES[scale])


def _check_css(root: Path) -> list[dict[str, Any]]:
    from cirkit.benchmarks import css

    return css.check(root)


def _check_clothing(root: Path) -> list[dict[str, Any]]:
    from cirkit.benchmarks import clothing

    return clothing.check(root)


CATALOGUE = {
    entry.name: entry
    for entry in (
        Entry(
            name="css",
            kind="composed retrieval",
            world="shapes",
            layout="css_toy_dataset_novel2_small.dup.npy, images/css_<split>_%06d.png",
            source="the CSS3D archive that the README of github.com/google/tirg links",
            make=_make_css,
            check=_check_css,
        ),
        Entry(
            name="clothing",
            kind="composed retrieval on photos",
            world=None,
            layout="images.csv, manual_colour.csv, images/<id>.jpg",
            source="github.com/alexeygrigorev/clothing-dataset (CC0), with colours named by hand added",
            make=None,
            check=_check_clothing,
        ),
    )
}


def find(name: str) -> Entry:
    """The entry of a name. Raises Problem for an unknown one."""
    if name not in CATALOGUE:
        raise Problem(f"There is no benchmark {name!r}. See `cirkit data list`.")
    return CATALOGUE[name]
