"""MAAF's retrieval explorers: CSS and FashionIQ, images drawn again from the world."""

from cirkit.explorers.retrieval import Nothing, RetrievalExplorer, table_explorer


def css_explorer(scale: str, table: str = "Table 1") -> RetrievalExplorer | Nothing:
    """MAAF's rows on CSS; pictures are drawn again from the world's size."""
    from cirkit.worlds.css import CSS

    return table_explorer(
        "maaf", table, scale, lambda rows: CSS.images(CSS.sizes[scale], "test", rows), "MAAF, identity"
    )


def fashioniq_explorer(scale: str, table: str = "Table 3") -> RetrievalExplorer | Nothing:
    """MAAF's rows on Fashion IQ, the three categories' galleries one behind the other; captions joined by "+"."""
    from cirkit.figures.top_k import with_plus
    from cirkit.papers.maaf.fashioniq import SIZES
    from cirkit.worlds.fashioniq import FASHIONIQ

    return table_explorer(
        "maaf", table, scale, lambda rows: FASHIONIQ.images(SIZES[scale], "val", rows), "MAAF", with_plus
    )
