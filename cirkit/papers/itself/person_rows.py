"""ITSELF and what it is compared with: the main ablation on three data sets, all else on RSTPReid's counterpart.

ITSELF Tables 1 to 3 and Figure 7; its supplement, Tables 1 (S1), 2 (S2) and 3 (S3), which are of RSTPReid too.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from cirkit.evaluators.fusion_weight import best_weight_on_test, weight_by_validation
from cirkit.evaluators.measures import AveragePrecision, InverseNegativePenalty, Recall
from cirkit.experiments.artifacts import Exhibit, TopTen
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.checkpoint_choice import ThreeCheckpoints
from cirkit.experiments.experiment import Column, Experiment, Test, as_trained
from cirkit.models.branches import fusion, own_length, token_selection
from cirkit.models.mars import mars
from cirkit.models.retention import fixed
from cirkit.models.token_rules import (
    Rule,
    least,
    marked_tokens,
    mean_over_layers,
    over_layers,
    random_tokens,
    single_layer,
    std_over_layers,
)
from cirkit.models.word_counts import counted_words, without_end
from cirkit.papers.itself.person_attention import PersonAttention
from cirkit.papers.itself.person_data import PersonData, data_of, with_person_masks
from cirkit.papers.itself.person_settings import FEW, SETTINGS, PersonSetting
from cirkit.papers.itself.person_towers import COARSE, FINE, LABELS
from cirkit.papers.itself.person_trainings import END, Trainings
from cirkit.papers.itself.selection_grid import SelectionGrid
from cirkit.training.loop import Training

TEST, VALIDATION = "test", "validation"
CHOICE = ThreeCheckpoints(test=TEST, validation=VALIDATION)
MEASURES = (Recall(1), Recall(5), Recall(10), AveragePrecision(), InverseNegativePenalty())
MAIN = tuple(Column(TEST, measure) for measure in MEASURES)
MARS, LAYER_3, LAST = mars(), single_layer(2), single_layer(11)
EARLY, MIDDLE, LATE = 0, 4, 11  # of twelve; the paper names no early layer, the released code's list begins with 0
SHOWN = TopTen(tuple(range(0, 960, 60)))
LAYERS, DISCARD, SCHEDULE = "Figure 7, layers", "Figure 7, discard ratio", "Schedule"
CONTROLS, BESIDE, CHOICES = "Controls", "Baselines", "Choices at test time"
NAMES = {"cuhk": "CUHK-PEDES", "icfg": "ICFG-PEDES", "rstp": "RSTPReid"}
TRANSFER = {name: f"Table 2, to {label}" for name, label in NAMES.items()}
ABLATION = {name: f"Table 3, {label}" for name, label in NAMES.items()}
SELECTIONS = ("best_weight", "half", "whole", "local", "released", "no_discard", "all_words", "own_words", "last_words")
COLUMNS = {
    **dict.fromkeys(ABLATION.values(), MAIN),
    **dict.fromkeys(("Table S1", "Table S2", "Table S3", LAYERS, DISCARD, SCHEDULE, CONTROLS, BESIDE), MAIN),
    **{table: (Column(f"to_{name}", Recall(1)), Column(f"to_{name}", AveragePrecision()))
       for name, table in TRANSFER.items()},
    CHOICES: tuple(Column(test, Recall(1)) for test in (TEST, *SELECTIONS)),
}  # fmt: skip


@dataclass(frozen=True)
class in_turn:
    """Choices at test time one after the other."""

    uses: tuple[Callable[[nn.Module], nn.Module], ...]

    def __call__(self, model: nn.Module) -> nn.Module:
        """The model under all of them; its parameters stay its own."""
        for use in self.uses:
            model = use(model)
        return model


@dataclass(frozen=True, kw_only=True)
class Row:
    """A training and how it is tested: `fused` by weighing two branches; `shown` are tables with its label, home first.

    `more` are further tests by name, `exhibits` those of the test.
    """

    training: Training
    fused: bool
    shown: tuple[tuple[str, str], ...]
    data: PersonData
    seeds: int | None = FEW
    more: dict[str, Test] = field(default_factory=dict)
    exhibits: tuple[Exhibit, ...] = ()


def rows(setting: PersonSetting, scale: str, root: str) -> dict[str, Row]:
    """Every row by name."""
    found: dict[str, Row] = {}
    every = data_of(setting, scale, root)
    for name, data in every.items():
        on = Trainings(setting=setting, data=data, name=name)
        found |= {f"{name}/{row}": each for row, each in _ablation(on, every).items()}
    on = Trainings(setting=setting, data=every["rstp"], name="rstp")
    masked = data_of(setting, scale, root, with_person_masks)["rstp"]
    others = {**_schedules(on), **_towers(on), **_rules(on), **_layers(on), **_baselines(on, every)}
    others |= _controls(on, None if scale == "paper" else replace(on, data=masked))
    return found | {f"rstp/{row}": each for row, each in others.items()}


def _ablation(on: Trainings, every: dict[str, PersonData]) -> dict[str, Row]:
    """Table 3 on one data set; baseline and ITSELF are tested on the other two as well (Table 2)."""
    table, rstp = ABLATION[on.name], on.name == "rstp"
    label = NAMES[on.name]
    shown = {
        "baseline": [("Table S2", f"{LABELS[FINE]}, baseline"), (CONTROLS, "Baseline"), (BESIDE, "Baseline")],
        "sl": [("Table S1", "Baseline (single layer)"), (LAYERS, "Single layer 3")],
        "mars": [("Table S3", "MARS"), (LAYERS, "M + L"), (DISCARD, "0.25"), (SCHEDULE, "0.4, constant")],
        "sl_ats": [("Table S1", "Step (ATS)")],
        "ours": [("Table S2", f"{LABELS[FINE]}, ours"), (SCHEDULE, "0.65 to 0.5 (ours)"), (CONTROLS, "Ours"),
                 (BESIDE, "Ours"), (CHOICES, "Ours")],
    }  # fmt: skip
    trainings = {
        "baseline": ("Baseline", on.baseline()),
        "sl": ("+ SL", on.ours(LAYER_3, fixed())),
        "mars": ("+ MARS", on.ours(MARS, fixed())),
        "sl_ats": ("+ SL + ATS", on.ours(LAYER_3, on.ats())),
        "ours": ("Ours", on.ours(MARS, on.ats())),
    }
    found = {}
    for name, (own, training) in trainings.items():
        more, tables = {}, [(table, own), *(shown[name] if rstp else ())]
        if name in ("baseline", "ours"):
            more = _transfer(on, every, name == "ours")
            tables += [(TRANSFER[other], f"from {label}, {own.lower()}") for other in every if other != on.name]
        if name == "ours":
            choices = _choices(on.data) if rstp else {"best_weight": _best_weight(on.data)}
            more |= choices
        exhibits: tuple[Exhibit, ...] = (SHOWN,) if name in ("baseline", "ours") else ()
        if rstp and name != "sl_ats":
            exhibits += _attention(on)
        if rstp and name == "ours" and on.data.scale != "paper":
            exhibits += (SelectionGrid(size=on.data.size(0), offset=on.data.offset),)
        found[name] = Row(
            training=training,
            fused=name != "baseline",
            shown=tuple(tables),
            data=on.data,
            seeds=None,
            more=more,
            exhibits=exhibits,
        )
    return found


def _attention(on: Trainings) -> tuple[Exhibit, ...]:
    """What needs true masks; none at `paper` scale."""
    if on.data.scale == "paper":
        return ()
    return (PersonAttention(size=on.data.size(0), offset=on.data.offset),)


def _transfer(on: Trainings, every: dict[str, PersonData], fused: bool) -> dict[str, Test]:
    """The other data sets' tests as they stand, the fusion weight chosen on the source's validation."""
    use = weight_by_validation(data=on.data.weighing) if fused else as_trained
    return {f"to_{name}": Test(data.test, use=use) for name, data in every.items() if name != on.name}


def _best_weight(data: PersonData) -> Test:
    return Test(data.test, evaluate=best_weight_on_test())


def _choices(data: PersonData) -> dict[str, Test]:
    """One trained model under other choices at test time: weights of the branches, tokens, words."""
    weigh = weight_by_validation(data=data.weighing)

    def chosen(*uses: Callable[[nn.Module], nn.Module]) -> Test:
        return Test(data.test, use=in_turn((*uses, weigh)))

    def selected(rule: Rule, text_rule: Rule, ratio: float = END) -> token_selection:
        return token_selection(rule=rule, text_rule=text_rule, retention=fixed(ratio))

    return {
        "best_weight": _best_weight(data),
        "half": Test(data.test, use=fusion(0.5)),
        "whole": Test(data.test, use=fusion(1.0)),
        "local": Test(data.test, use=fusion(0.0)),
        "released": chosen(selected(LAST, LAST, 0.4)),
        "no_discard": chosen(selected(mars(discard=0.0), MARS)),
        "all_words": chosen(counted_words(without_end)),
        "own_words": chosen(counted_words(own_length)),
        "last_words": chosen(counted_words(own_length), selected(MARS, least(MARS))),
    }


def _schedules(on: Trainings) -> dict[str, Row]:
    """Table S1's other row, and other end points, one of them without a schedule."""
    found = {
        "sl_epoch": ("Table S1", "Epoch (ATS)", on.ours(LAYER_3, on.ats(by_epoch=True))),
        "half_constant": (SCHEDULE, "0.5, constant", on.ours(MARS, fixed(END))),
        "from_all": (SCHEDULE, "1 to 0.5", on.ours(MARS, on.ats(start=1.0))),
        "to_fewer": (SCHEDULE, "0.5 to 0.3", on.ours(MARS, on.ats(start=0.5, end=0.3))),
    }
    return {name: _row(on, training, (table, label)) for name, (table, label, training) in found.items()}


def _towers(on: Trainings) -> dict[str, Row]:
    """Table S2's patches of twice the side."""
    coarse, label = replace(on, patches=COARSE), LABELS[COARSE]
    return {
        "coarse/baseline": _row(on, coarse.baseline(), ("Table S2", f"{label}, baseline"), fused=False),
        "coarse/ours": _row(on, coarse.ours(MARS, coarse.ats()), ("Table S2", f"{label}, ours")),
    }


def _rules(on: Trainings) -> dict[str, Row]:
    """Table S3, A to D."""
    mean, std = over_layers(mean_over_layers), over_layers(std_over_layers)
    rules = {"a": least(mean), "b": mean, "c": least(std), "d": std}
    return {
        f"rule_{name}": _row(on, on.ours(rule, fixed()), ("Table S3", name.upper())) for name, rule in rules.items()
    }


def _layers(on: Trainings) -> dict[str, Row]:
    """Figure 7: other layers, other discard ratios, all without a scheduler."""
    several = {
        "layers_em": ("E + M", (EARLY, MIDDLE)),
        "layers_el": ("E + L", (EARLY, LATE)),
        "layers_eml": ("E + M + L", (EARLY, MIDDLE, LATE)),
    }
    found = {
        name: _row(on, on.ours(mars(layers=layers), fixed()), (LAYERS, label))
        for name, (label, layers) in several.items()
    }
    found["last_layer"] = _row(on, on.ours(LAST, fixed()), (LAYERS, "Last layer"))
    for name, ratio in (("discard_0", 0.0), ("discard_45", 0.45)):
        found[name] = _row(on, on.ours(mars(discard=ratio), fixed()), (DISCARD, f"{ratio:g}"))
    return found


def _controls(on: Trainings, masked: Trainings | None) -> dict[str, Row]:
    """What the paper lacks: all tokens, random ones, those of the true mask; words are ranked as ours are."""
    found = {
        "all_tokens": _row(on, on.ours(MARS, fixed(1.0)), (CONTROLS, "All tokens")),
        "random_tokens": _row(on, on.ours(random_tokens(), on.ats(), MARS), (CONTROLS, "Random tokens")),
    }
    if masked is not None:
        training = masked.ours(marked_tokens(), on.ats(), MARS)
        found["true_mask"] = _row(masked, training, (CONTROLS, "Tokens of the true mask"))
    return found


def _baselines(on: Trainings, every: dict[str, PersonData]) -> dict[str, Row]:
    """The rivals of Figures S1 to S5; RDE is tested on the other two data sets as well."""
    tables = [(BESIDE, "RDE"), *((TRANSFER[other], "from RSTPReid, RDE") for other in every if other != "rstp")]
    fixed_half = Test(on.data.test, use=fusion(0.5))
    more = {**_transfer(on, every, True), "half": fixed_half}
    return {
        "irra": _row(on, on.irra(), (BESIDE, "IRRA"), fused=False, exhibits=(SHOWN,)),
        "rde": _row(on, on.rde(), *tables, more=more, exhibits=(SHOWN, *_attention(on))),
        "tbps": _row(on, on.tbps(), (BESIDE, "TBPS-CLIP"), fused=False, exhibits=(SHOWN,)),
    }


def _row(on: Trainings, training: Training, *shown: tuple[str, str], fused: bool = True, **more: Any) -> Row:
    return Row(training=training, fused=fused, shown=shown, data=on.data, **more)


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """All rows at a scale; `root` holds the original data, one folder per benchmark, for the `paper` scale."""
    setting = apply(change, SETTINGS[scale])
    return list(_experiments(rows(setting, scale, root), setting, scale))


def _experiments(found: dict[str, Row], setting: PersonSetting, scale: str) -> Iterator[Experiment]:
    for name, row in found.items():
        use = weight_by_validation(data=row.data.weighing) if row.fused else as_trained
        tests = {TEST: Test(row.data.test, use=use), VALIDATION: Test(row.data.validation, use=use), **row.more}
        exhibits = CHOICE.exhibits(tests)
        exhibits[TEST] += row.exhibits
        (table, label), *also = row.shown
        yield Experiment(
            name=f"itself/{name}",
            paper="itself",
            table=table,
            row=label,
            also=tuple(also),
            scale=scale,
            basis="original" if scale == "paper" else "world",
            seeds=setting.seeds[: row.seeds],
            training=row.training,
            tests=tests,
            exhibits=exhibits,
        )
