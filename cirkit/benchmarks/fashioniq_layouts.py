"""Where FashionIQ's images lie: the release has addresses alone, and each released loader opens another path.

Wu et al. 2021's start kit, CLIP4Cir, SEARLE and ARTEMIS; Pic2Word; MAAF. The reader looks in all of them.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cirkit.benchmarks.annotations import image_path

ENDS = (".jpg", ".png", ".jpeg", "")


@dataclass(frozen=True)
class Layout:
    """The path below the root at which loaders open an image."""

    pattern: str

    def relative(self, category: str, name: str) -> str:
        """Where the image of this Amazon number lies."""
        return self.pattern.format(category=category, name=name)


START_KIT = Layout("images/{name}.jpg")  # CLIP4Cir, SEARLE and ARTEMIS, too
PIC2WORD = Layout("images/{name}.png")
MAAF = Layout("img/{category}/{name}")  # no suffix


def image_paths(root: Path, category: str, names: Sequence[str]) -> dict[str, Path]:
    """Where each image lies: all in one folder, or by category; .jpg, .png or no suffix. The start kit's where none."""
    folders = ("images", f"resized_images/{category}", f"img/{category}", category)
    files: dict[str, str] = {}
    for folder in reversed([folder for folder in folders if (root / folder).is_dir()]):
        files |= {file: f"{folder}/{file}" for file in os.listdir(root / folder)}
    paths = {}
    for name in names:
        file = next((files[name + end] for end in ENDS if name + end in files), None)
        if file is None:
            paths[name] = root / START_KIT.relative(category, name)
        else:
            paths[name] = image_path(root, file, file.rpartition("/")[0])
    return paths


def link(root: Path, category: str, names: Sequence[str], layout: Layout) -> None:
    """Give the images that lie below `root` a second name, where the loaders of `layout` open them.

    A hard link takes no room; where the file system knows none, the file is copied.
    """
    for name, path in image_paths(root, category, names).items():
        second = root / layout.relative(category, name)
        if not path.is_file() or second.exists():
            continue
        second.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, second)
        except OSError:
            shutil.copyfile(path, second)
