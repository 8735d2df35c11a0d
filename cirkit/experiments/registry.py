"""The five papers: experiments and claims, the only place they are declared."""

import importlib
from collections.abc import Iterable
from typing import Any

from cirkit.errors import Problem, suggestion
from cirkit.experiments.change import UNCHANGED, Change

PAPERS = {
    "maaf": "MAAF: Modality-Agnostic Attention Fusion",
    "alignment": "Attention alignment in vision-and-language tasks",
    "pvlf": "PVLF: prompting vision-language fusion for zero-shot composed retrieval",
    "compodiff": "CompoDiff: composed image retrieval with latent diffusion",
    "itself": "ITSELF: attention-guided fine-grained alignment for vision-language retrieval",
    "clip_family": "The CLIP family: methods that the papers compare with",
    "protocols": "Protocols: one checkpoint under every protocol of FashionIQ (our own experiment)",
    "photos": "Real photos: same class, other colour (our own experiment)",
}
DECLARED = (
    "maaf",
    "alignment",
    "clip_family",
    "compodiff",
    "pvlf",
    "itself",
    "protocols",
    "photos",
)  # papers whose module exists


def experiments(
    paper: str | None = None, scale: str | None = None, root: str = "data/raw", change: Change = UNCHANGED
) -> list[Any]:
    """Declared experiments, of one paper and one scale if given; `root` holds the original data of the `paper` scale.

    `change` gives numbers of their settings other values. Raises Problem for an unknown paper, scale or number.
    """
    from cirkit.experiments.experiment import SCALES

    if scale is not None and scale not in SCALES:
        raise Problem(f"There is no scale {scale!r}. Use one of {', '.join(SCALES)}.")
    scales = SCALES if scale is None else (scale,)
    return [found for module in _modules(paper) for each in scales for found in module.experiments(each, root, change)]


def experiment(name: str, scale: str, root: str = "data/raw") -> Any:
    """The experiment of a name. Raises Problem when none has it."""
    by_name = {each.name: each for each in experiments(scale=scale, root=root)}
    if name not in by_name:
        advice = suggestion(name, by_name) or "See `cirkit experiments --all`."
        raise Problem(f"There is no experiment {name!r} at scale {scale}. {advice}")
    return by_name[name]


def progress(paper: str | None = None, scale: str | None = None) -> list[dict[str, Any]]:
    """One row per experiment: how many of its seeds have a record of today's configuration, and what they took."""
    from cirkit.experiments.records import done

    rows = []
    for each in experiments(paper, scale):
        finished = done(each)
        rows.append(
            {
                "name": each.name,
                "paper": each.paper,
                "scale": each.scale,
                "seeds done": len(finished),
                "seeds wanted": len(each.seeds),
                "seconds": round(sum(sum(record.seconds.values()) for record in finished), 1),
            }
        )
    return rows


def summary(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """`progress` summed over the rows of each paper and scale."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        key = row["paper"], row["scale"]
        mine = found.setdefault(
            key, {"paper": key[0], "scale": key[1], "rows": 0, "seeds done": 0, "seeds wanted": 0, "hours": 0.0}
        )
        mine["rows"] += 1
        mine["seeds done"] += row["seeds done"]
        mine["seeds wanted"] += row["seeds wanted"]
        mine["hours"] += row["seconds"] / 3600
    return [row | {"hours": round(row["hours"], 2)} for row in found.values()]


def rows(paper: str, table: str, scale: str) -> dict[str, Any]:
    """The experiments that a table shows, by the label of their row there; some have their home in another table."""
    found = {}
    for each in experiments(paper, scale):
        found |= {label: each for shown, label in ((each.table, each.row), *each.also) if shown == table}
    return found


def columns(paper: str, table: str) -> tuple[Any, ...]:
    """What a table shows of its rows, the headline column first. Raises Problem for a table that is not declared."""
    (module,) = _modules(paper)
    if table not in module.COLUMNS:
        raise Problem(f"There is no {table!r} in {paper}. Use one of {', '.join(module.COLUMNS)}.")
    return module.COLUMNS[table]


def tables() -> list[tuple[str, str]]:
    """Every table that a paper declares: (paper, table)."""
    return [(name, table) for name in DECLARED for table in _modules(name)[0].COLUMNS]


def claims(paper: str | None = None) -> list[Any]:
    """Declared claims, of one paper if given."""
    return [claim for module in _modules(paper) for claim in module.CLAIMS]


def ledger(paper: str | None = None) -> list[dict[str, Any]]:
    """One row per claim, judged from the records of today's configurations, and adjusted for many claims of a paper."""
    from cirkit.experiments.claims import judge
    from cirkit.experiments.many import adjust
    from cirkit.experiments.records import done

    chosen = claims(paper)
    papers = dict.fromkeys(name.partition("/")[0] for claim in chosen for name in claim.quantity.needs)
    declared = {(e.name, e.scale): e for each in papers for e in experiments(each)}  # of other papers, too

    def load(name: str, scale: str) -> list[Any]:
        return done(declared[name, scale]) if (name, scale) in declared else []

    return adjust([judge(claim, load) for claim in chosen])


def models() -> list[dict[str, Any]]:
    """Every model that some row declares, once: name, paper, kind, and parameters at the smallest scale it has."""
    found: dict[str, dict[str, Any]] = {}
    for experiment in experiments(scale="cpu"):
        factory = experiment.training.model
        name = factory.func.__name__ if hasattr(factory, "func") else factory.__name__
        if name not in found:
            model = factory(["make yellow sphere small"])
            count = sum(parameter.numel() for parameter in model.parameters())
            kind = "retriever" if hasattr(model, "score") else "painter" if hasattr(model, "paint") else "answerer"
            found[name] = {"name": name, "paper": experiment.paper, "kind": kind, "parameters": count}
    return list(found.values())


def _modules(paper: str | None) -> list[Any]:
    if paper is not None and paper not in PAPERS:
        raise Problem(f"There is no paper {paper!r}. Use one of {', '.join(PAPERS)}.")
    return [importlib.import_module(f"cirkit.papers.{name}") for name in DECLARED if paper in (None, name)]
