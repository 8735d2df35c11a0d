"""The subword vectors that M4C has, from FastText's own file of seven gigabytes.

Hu et al. (2020), M4C, §3.1; Bojanowski et al. (2017). A checkpoint's description names no part of `papers`, so none
that comes from elsewhere opens a file through this.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cirkit.errors import Problem


@dataclass(frozen=True, kw_only=True)
class FastText:
    """The vectors that M4C has: the mean over the parts of a word at spaces; `root` holds the file wiki.en.bin.

    Raises Problem where the file or the package fasttext is missing.
    """

    root: str
    width: int = 300

    def __call__(self, words: Sequence[str]) -> Float[Tensor, "n d"]:
        model = _fasttext(Path(self.root) / "wiki.en.bin")
        lines = [np.mean([model.get_word_vector(part) for part in word.split(" ")], axis=0) for word in words]
        return torch.from_numpy(np.stack(lines)).float() if lines else torch.zeros(0, self.width)


@lru_cache(maxsize=1)
def _fasttext(path: Path) -> Any:
    if not path.is_file():
        raise Problem(f"There is no {path}. Get wiki.en.bin of fasttext.cc/docs/en/pretrained-vectors.html.")
    try:
        import fasttext
    except ImportError as error:
        raise Problem("The vectors of wiki.en.bin need the package fasttext. Run `pip install fasttext`.") from error
    return fasttext.load_model(str(path))
