"""Images: side by side, as a sheet, and masks in colour; for the pages, in the house style of `plots`.

MAAF, Figures 1 and S2 show a query's reference and what was retrieved for it, the target framed.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int, UInt8
from matplotlib import rc_context
from matplotlib.figure import Figure
from torch import Tensor

from cirkit.figures.plots import COLOURS, STYLE


def images_row(
    pictures: UInt8[Tensor, "n 3 h w"], captions: Sequence[str], framed: Sequence[int] = (), width: float = 1.1
) -> Figure:
    """Images side by side with a caption each; those numbered in `framed` get a thick frame and a check mark."""
    if len(pictures) != len(captions):
        raise ValueError(f"{len(pictures)} images but {len(captions)} captions; give one caption per image.")
    with rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(width * len(pictures), width + 0.45), layout="constrained")
        panels = np.atleast_1d(figure.subplots(1, len(pictures)))
        for i, (axes, picture, caption) in enumerate(zip(panels, pictures, captions, strict=True)):
            axes.imshow(picture.permute(1, 2, 0).numpy(), interpolation="nearest")  # (h, w, 3)
            axes.set_xticks([], [])
            axes.set_yticks([], [])
            axes.set_xlabel(f"✓ {caption}" if i in framed else caption, fontsize=8)
            for spine in axes.spines.values():
                spine.set_visible(i in framed)
                spine.set(linewidth=3, color=COLOURS[2])
    return figure


def contact_sheet(pictures: UInt8[Tensor, "n 3 h w"], columns: int, gap: int = 4) -> Figure:
    """Images in rows of `columns`, a few white pixels apart; an incomplete last row is filled with white."""
    n, _, h, w = pictures.shape
    rows = -(-n // columns)
    sheet = np.full((rows * (h + gap) - gap, columns * (w + gap) - gap, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = i // columns * (h + gap), i % columns * (w + gap)
        sheet[top : top + h, left : left + w] = picture.permute(1, 2, 0).numpy()  # (h, w, 3)
    with rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(8, 8 * sheet.shape[0] / sheet.shape[1]))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow(sheet, interpolation="nearest")
        axes.set_axis_off()
    return figure


def tinted(owner: Int[Tensor, "n h w"]) -> UInt8[Tensor, "n 3 h w"]:
    """Masks as images: one colour per part, white where there is none (negative)."""
    import matplotlib
    import torch

    tints = torch.tensor(matplotlib.colormaps["tab20"].colors).mul(255).byte()
    drawn = torch.where(owner[..., None] < 0, torch.full((3,), 255, dtype=torch.uint8), tints[owner.clamp(0) % 20])
    return drawn.permute(0, 3, 1, 2)  # (n, 3, h, w)
