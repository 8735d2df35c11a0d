"""MAAF's retrieval explorers: CSS and FashionIQ, with the gallery's images rendered again."""

from collections.abc import Callable, Sequence

from jaxtyping import UInt8
from torch import Tensor

from cirkit.experiments.page import Page
from cirkit.explorers.retrieval import Nothing, RetrievalExplorer, table_explorer

Images = Callable[[Sequence[int]], UInt8[Tensor, "n 3 h w"]]


def css_explorer(page: Page, table: str = "Table 1") -> RetrievalExplorer | Nothing:
    """MAAF's rows on CSS."""
    from cirkit.worlds.css import CSS

    def images(rows: Sequence[int]) -> UInt8[Tensor, "n 3 h w"]:
        return CSS.images(CSS.sizes[page.scale], "test", rows)

    return table_explorer(page.rows(table), images, "MAAF, identity")


def fashioniq_explorer(page: Page, table: str = "Table 3") -> RetrievalExplorer | Nothing:
    """MAAF's rows on FashionIQ, the three categories' galleries one behind the other; captions joined by "+"."""
    from cirkit.figures.top_k import with_plus

    return table_explorer(page.rows(table), fashioniq_images(page.scale), "MAAF", with_plus)


def fashioniq_images(scale: str) -> Images:
    """The validation images of FashionIQ by gallery row, the three categories one behind the other."""
    from cirkit.papers.maaf.fashioniq import SIZES
    from cirkit.worlds.fashioniq import FASHIONIQ

    return lambda rows: FASHIONIQ.images(SIZES[scale], "val", rows)
