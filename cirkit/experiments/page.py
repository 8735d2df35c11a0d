"""Page: what a notebook's parameters mean; the experiments it shows, run first where it asks for that.

The design: parameters `scale`, `seeds`, `device`, `root`, `run` and `change` of every table and figure notebook.
"""

import ast
import functools
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cirkit.errors import Problem
from cirkit.experiments import registry
from cirkit.experiments.along import along
from cirkit.experiments.change import UNCHANGED, Change, Number
from cirkit.experiments.claims import judge
from cirkit.experiments.environment import usable
from cirkit.experiments.experiment import ROOT, SCALES, Experiment, records_home
from cirkit.experiments.many import adjust, committed
from cirkit.experiments.records import Record, done

RUNS = ("no", "missing")
MEANING = {
    "scale": f"one of {', '.join(SCALES)}",
    "seeds": "a list of whole numbers, such as [0, 1]; [] means those that are declared",
    "device": "cpu, cuda or cuda:1",
    "root": "the folder of the original data, such as data/raw",
    "run": f"one of {', '.join(RUNS)}",
    "change": 'a mapping from names to numbers, such as {"steps": 3000}',
}


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page's view of one paper: `rows` and `claims` at its scale, with its seeds and its changes.

    With `run` "missing", what is asked for and has no record is run first; with "no", records are only read. Changed
    experiments are `local`: their records lie below data/local and count in no ledger. A relative `root` begins at the
    repository, wherever the notebook runs.
    """

    paper: str
    scale: str = "cpu"
    seeds: tuple[int, ...] = ()
    device: str = "cpu"
    root: str = "data/raw"
    run: str = "no"
    change: Change = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        *,
        paper: str,
        scale: Any = "cpu",
        seeds: Any = (),
        device: Any = "cpu",
        root: Any = "data/raw",
        run: Any = "no",
        change: Any = UNCHANGED,
    ) -> "Page":
        """A page of parameters as a reader writes them. Raises Problem for one that cannot be meant.

        `seeds` and `change` may be their own text, as `papermill -p` gives it.
        """
        seeds, change = _literal("seeds", seeds), _literal("change", change)
        seeds = [seeds] if type(seeds) is int else seeds
        if not isinstance(seeds, list | tuple) or any(type(seed) is not int or seed < 0 for seed in seeds):
            raise _wrong("seeds", seeds)
        if not isinstance(change, Mapping) or not all(isinstance(name, str) for name in change):
            raise _wrong("change", change)
        if not all(isinstance(value, Number) for value in change.values()):
            raise _wrong("change", change)
        if not isinstance(scale, str) or scale not in SCALES:
            raise _wrong("scale", scale)
        if not isinstance(run, str) or run not in RUNS:
            raise _wrong("run", run)
        if not isinstance(root, str) or not root:
            raise _wrong("root", root)
        if not isinstance(device, str):
            raise _wrong("device", device)
        usable(device)
        seeds = tuple(dict.fromkeys(seeds))
        page = cls(paper=paper, scale=scale, seeds=seeds, device=device, root=root, run=run, change=dict(change))
        _ = page.experiments  # an unknown paper, or a change of what is not there, is said at once
        return page

    @functools.cached_property
    def experiments(self) -> dict[str, Experiment]:
        """Every experiment of the paper by name, as this page asks for it; `local` where `change` reaches it."""
        root = self.root if os.path.isabs(self.root) else os.path.relpath(ROOT / self.root)
        out = {each.name: each for each in registry.experiments(self.paper, self.scale, root)}
        if self.change:
            for each in registry.experiments(self.paper, self.scale, root, self.change):
                if each.fingerprint != out[each.name].fingerprint:
                    out[each.name] = replace(each, local=True)
        return {name: self._at_seeds(each) for name, each in out.items()} if self.seeds else out

    def experiment(self, name: str) -> Experiment:
        """The experiment of a name, such as "maaf/css/tirg"; run first where the page asks for it."""
        if name not in self.experiments:
            raise Problem(f"There is no experiment {name!r} at scale {self.scale}. See `cirkit experiments`.")
        (found,) = self._run([self.experiments[name]])
        return found

    def rows(self, table: str) -> dict[str, Experiment]:
        """The experiments that a table shows, by the label of their row there; run first where the page asks for it."""
        out = {}
        for each in self.experiments.values():
            out |= {label: each for shown, label in ((each.table, each.row), *each.also) if shown == table}
        self._run(out.values())
        return out

    def claims(self, where: Sequence[str] = ()) -> list[dict[str, Any]]:
        """The ledger rows of the claims at some places of the paper, all by default, from this page's records alone.

        `along` of a row says what validation curves show of it. The smoke scale decides nothing, so its claims stay
        untested. Among the many claims of the paper, those that are not on this page count as data/ledger.csv has them.
        """
        chosen = [claim for claim in registry.claims(self.paper) if not where or claim.where in where]
        names = dict.fromkeys(name for claim in chosen for name in claim.quantity.needs)
        self._run(self.experiments[name] for name in names if name in self.experiments)
        scales = (self.scale,) if self.scale != "smoke" else ()
        judged = [judge(claim, self._records, scales) for claim in chosen]
        rows = adjust(judged, committed(records_home().parent / "ledger.csv"))
        return [
            row | {"along": "" if row["verdict"] == "untested" else along(claim, self.experiments)}
            for row, claim in zip(rows, chosen, strict=True)
        ]

    @property
    def next_step(self) -> str:
        """What a page says in place of a table without a record: how to fill it."""
        words = f'Nothing has been run for this page at scale {self.scale}. Set run = "missing" in its parameters'
        if self.change or self.seeds:
            return f"{words} (papermill: -p run missing)."
        root = f" --root {self.root}" if self.root != "data/raw" else ""
        command = f"cirkit run --missing --paper {self.paper} --scale {self.scale}{root}"
        return f"{words} (papermill: -p run missing), or run all of the paper: {command}."

    def _at_seeds(self, each: Experiment) -> Experiment:
        """The experiment for this page's seeds; its own first seed leads, and no other stands in for it in exhibits."""
        if each.seeds[0] in self.seeds:
            return replace(each, seeds=tuple(dict.fromkeys((each.seeds[0], *self.seeds))))
        exhibits = {test: tuple(one for one in kept if one.every_seed) for test, kept in each.exhibits.items()}
        return replace(each, seeds=self.seeds, exhibits=exhibits)

    def _records(self, name: str, scale: str) -> list[Record]:
        return done(self.experiments[name]) if name in self.experiments else []

    def _run(self, experiments: Iterable[Experiment]) -> list[Experiment]:
        experiments = list(experiments)
        if self.run == "missing":
            from tqdm import tqdm

            from cirkit.experiments.run import run_missing

            for each in experiments:
                if lacking := len(each.seeds) - len(done(each)):
                    with tqdm(total=lacking * each.training.steps, desc=each.row, unit="step") as bar:
                        run_missing(
                            [each],
                            device=self.device,
                            watch=lambda _, bar=bar: lambda step, loss: bar.update(),
                            tell=lambda line: tqdm.write(line, file=sys.stderr),
                        )
        return experiments


def _literal(name: str, value: Any) -> Any:
    """A value, or what its text means."""
    if not isinstance(value, str):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        raise _wrong(name, value) from None


def _wrong(name: str, value: Any) -> Problem:
    return Problem(f"{name} cannot be {value!r}. Give {MEANING[name]}.")
