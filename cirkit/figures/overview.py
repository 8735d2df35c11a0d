"""What the book's prose computes: rows that have not finished learning, margins of claims, how intervals are made."""

from cirkit.experiments import bootstrap, registry
from cirkit.experiments.claims import Gain
from cirkit.experiments.experiment import Experiment
from cirkit.experiments.pilots import CLAIM, MOVE, Line, current, doublings, read
from cirkit.figures import tables
from cirkit.figures.phrases import measured, with_interval
from cirkit.models.baselines import ImageOnly


def unfinished(scale: str = "cpu") -> list[dict[str, str]]:
    """The rows of all tables that `tables.unfinished` names, beside their table's image-only row; percentages."""
    out = []
    for paper, table in registry.tables():
        rows = registry.rows(paper, table, scale)
        floor = next((each for each in rows.values() if tables.kind(each) is ImageOnly), None)
        for column in registry.columns(paper, table):
            out += [
                {
                    "table": f"{registry.PAPERS[paper].partition(':')[0]}, {table}",
                    "row": label,
                    "measure": str(column),
                    "this row, %": with_interval(measured(rows[label], column)),
                    "image only, %": with_interval(measured(floor, column)),
                }
                for label in tables.unfinished(rows, column)
            ]
    return out


def margins() -> list[dict[str, str]]:
    """Every claim that compares with a margin: what it says, and the margin."""
    return [
        {"claim": row["id"], "says": row["says"], "margin": f"{row['margin']:g} {row['unit']}"}
        for row in registry.ledger()
        if row["margin"]
    ]


def pilots() -> list[dict[str, str]]:
    """What twice the steps of the records moved, on seeds that are not reported: rows, and differences of claims.

    Of a row the first measure of its table, of a claim its own; and whether the rule of `experiments.pilots` is met.
    """
    declared = {(each.name, each.scale): each for each in registry.experiments()}
    moves = {
        (line["name"], line["scale"], line["seed"], line["measure"]): line
        for line in doublings(current(read(), tuple(declared.values())))
        if line["steps"] == declared[line["name"], line["scale"]].training.steps
    }

    def shown(row: Experiment, label: str, line: Line, value: float, moved: float, most: float) -> dict[str, str]:
        return {
            "table": f"{registry.PAPERS[row.paper].partition(':')[0]}, {row.table}",
            "row or difference": label,
            "seed": str(line["seed"]),
            "steps": f"{line['steps']:,}",
            "measure": line["measure"],
            "points": f"{value:.1f}",
            "twice as long": f"{value + moved:.1f} ({moved:+.1f})",
            f"at most ±{MOVE:g}, a difference ±{CLAIM:g}": "yes" if abs(moved) <= most + 1e-9 else "no",
        }

    out = []
    for (name, scale, _, measure), line in moves.items():
        row = declared[name, scale]
        if measure == str(registry.columns(row.paper, row.table)[0]):
            out.append(shown(row, row.row, line, line["value"], line["moved"], MOVE))
    for claim in registry.claims():
        if not isinstance(claim.quantity, Gain):
            continue
        for (name, scale, seed, measure), line in moves.items():
            other = moves.get((claim.quantity.b, scale, seed, measure))
            if name == claim.quantity.a and measure == str(claim.quantity.measure) and other is not None:
                row, value = declared[name, scale], line["value"] - other["value"]
                label = f"{row.row} − {declared[claim.quantity.b, scale].row} ({claim.id})"
                out.append(shown(row, label, line, value, line["moved"] - other["moved"], CLAIM))
    return out


def many() -> list[dict[str, str]]:
    """How many verdicts rest on numbers, and how many of those survive a correction for many, paper by paper."""
    out = []
    for name in registry.DECLARED:
        rows = [row for row in registry.ledger(name) if row["p"] is not None]
        decided = [row for row in rows if row["verdict"] in ("holds", "fails")]
        out.append(
            {
                "paper": registry.PAPERS[name].partition(":")[0],
                "level": f"{bootstrap.LEVEL:g}",
                "claims judged by numbers": str(len(rows)),
                "hold or fail": str(len(decided)),
                "of these by chance, were every null true": f"{bootstrap.LEVEL * len(rows):.1f}",
                "after Holm": str(sum(row["holm"] <= bootstrap.LEVEL for row in decided)),
                "after Benjamini and Hochberg": str(sum(row["bh"] <= bootstrap.LEVEL for row in decided)),
            }
        )
    return out


def interval() -> list[dict[str, str]]:
    """How every interval of the book is made, read from the code."""
    return [
        {"what": "bootstrap resamples", "value": f"{bootstrap.RESAMPLES:,}"},
        {
            "what": "interval",
            "value": f"{1 - bootstrap.LEVEL:.0%}, percentiles of the resampled differences".replace("%", " %"),
        },
        {
            "what": "where all seeds answer the same queries",
            "value": "seeds, then queries within their group, are resampled; the same queries for both models",
        },
        {
            "what": "where each seed draws its own data",
            "value": "the difference is taken within each seed; Student's interval of these differences",
        },
    ]
