"""What a protocol alone moves, as a table and as a chart: the same checkpoint's measures, protocol by protocol.

No paper makes them; MAAF Table 3 and CompoDiff Table B.1 mix such numbers in one column.
"""

from collections.abc import Mapping

from matplotlib import rc_context
from matplotlib.figure import Figure
from pandas import DataFrame

from cirkit.evaluators.measures import Measure
from cirkit.experiments.page import Page
from cirkit.experiments.records import done
from cirkit.figures.display import Display, stamp, waiting
from cirkit.figures.phrases import aligned, with_interval
from cirkit.figures.plots import COLOURS, STYLE
from cirkit.figures.tables import styled
from cirkit.papers.protocols import BASE, LITERATURE, MEASURES, NAME, READINGS, Moved, moved

SAYS = (
    f"One checkpoint under every protocol, and by how many points the protocol moves it from {BASE}'s. Mean over seeds "
    "and queries, with 95 % interval"
)


def protocols() -> Display:
    """Every protocol by name, and the released code that has it: nothing is measured."""
    frame = DataFrame([{"protocol": name, "whose": each.source} for name, each in READINGS.items()])
    return Display(styled(frame), "Table 1.1", "What each protocol follows.")


def table(page: Page, number: str) -> Display:
    """A line for each protocol: queries, gallery, and each measure with what the protocol adds to it."""
    row = page.experiment(NAME)
    runs = done(row)
    if not runs:
        return waiting(page, number)
    found = {measure: moved(runs, measure) for measure in MEASURES}
    first = found[MEASURES[0]]
    cells = {
        "protocol": list(first),
        "queries": [f"{each.queries:,}" for each in first.values()],
        "gallery": [_span(*each.gallery) for each in first.values()],
    }
    for measure, lines in found.items():
        cells[f"{measure}, {measure.unit}"] = aligned([with_interval(each.value) for each in lines.values()])
        cells[f"{measure}, points moved"] = aligned(
            ["" if name == BASE else f"{each.points:+.1f}" for name, each in lines.items()]
        )
    caption = f"{SAYS}. Queries are those of the first seed. {stamp([row])}."
    return Display(styled(DataFrame(cells)), number, caption, [row])


def chart(page: Page, number: str) -> Display:
    """The points that each protocol moves each measure, with intervals: the literature's above, one change below."""
    row = page.experiment(NAME)
    runs = done(row)
    if not runs:
        return waiting(page, number)
    found = {measure: moved(runs, measure) for measure in MEASURES}
    names = [name for name in runs[0].evidence if name != BASE]
    with rc_context(STYLE):
        figure = Figure(figsize=(7.4, 0.9 + 0.32 * len(names)), layout="constrained")
        panels = figure.subplots(1, len(MEASURES), sharey=True)
        for axes, (measure, lines) in zip(panels, found.items(), strict=True):
            for y, name in enumerate(names):
                colour = COLOURS[0 if name in LITERATURE else 1]
                if (span := lines[name].difference) is not None:
                    axes.plot([span.low, span.high], [y, y], color=colour, lw=3, alpha=0.45)
                axes.plot([lines[name].points], [y], "o", color=colour, ms=6, mec="white", mew=0.6)
            axes.axvline(0, color="0.4", ls=":", lw=1.2)
            axes.set_title(str(measure), fontsize=9)
        panels[0].set_yticks(range(len(names)), names)
        panels[0].set_ylim(len(names) - 0.5, -0.5)
        figure.supxlabel(f"points moved from {BASE}'s protocol", fontsize=9)
    caption = f"{SAYS} (line). Above, protocols of the literature; below, one thing changed. "
    caption += _most(found[MEASURES[0]], MEASURES[0])
    alt = "Three panels, one for each measure: for each protocol a dot at the points that it moves the measure."
    return Display(figure, number, f"{caption} {stamp([row])}.", [row], alt)


def _most(found: Mapping[str, Moved], measure: Measure) -> str:
    """The protocol of the literature that moves a measure most, as a sentence."""
    name = max((each for each in found if each in LITERATURE), key=lambda each: abs(found[each].points))
    return f"Of the literature's, {name} moves {measure} most, by {found[name].points:+.1f} points."


def _span(least: int, largest: int) -> str:
    return f"{least:,}" if least == largest else f"{least:,} to {largest:,}"
