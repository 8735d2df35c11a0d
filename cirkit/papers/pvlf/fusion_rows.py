"""TransAgg and PVLF: every row of Tables 1 to 5, prompts inside the towers (Figure 2), and controls of our own.

PVLF §4. All rows but those of Table 3 share their towers: frozen at the small scales, where tokens are computed once;
BLIP with both towers learning at `paper` scale.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from cirkit.encoders.prompts import CoupledPrompts, ImagePrompts, TextPrompts
from cirkit.encoders.word_vectors import Tuning, frozen, tuned
from cirkit.evaluators.measures import Recall
from cirkit.experiments.artifacts import TopTen
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.curves import Curve
from cirkit.experiments.experiment import Column, Experiment
from cirkit.losses.contrastive import batch_softmax
from cirkit.models.combiner import text_tower
from cirkit.models.pvlf import AS_PRINTED, Prompts
from cirkit.papers.clip_family import recipes, zero_shot
from cirkit.papers.clip_family.boards import BOARDS, SCORE, Reading
from cirkit.papers.pvlf.fusion_encoders import FIRST, SECOND, label_of
from cirkit.papers.pvlf.fusion_settings import LENGTHS, SETTINGS, USUAL, FusionSetting
from cirkit.papers.pvlf.fusion_trainings import Fusions
from cirkit.papers.pvlf.prompt_attention import PromptAttention
from cirkit.training.loop import Training

TESTED = ("fashioniq", "cirr")  # boards
CURVE_QUERIES = 200
CIRR = tuple(Column("cirr", Recall(k)) for k in (1, 5, 10, 50))
SUBSET = tuple(Column("cirr_subset", Recall(k)) for k in (1, 2, 3))
FASHIONIQ = tuple(Column("fashioniq", measure) for measure in (Recall(10), Recall(50), SCORE))
FEW_COLUMNS = (CIRR[0], CIRR[1], FASHIONIQ[-1])
COLUMNS = {
    "Table 1": BOARDS["fashioniq"].columns,
    "Table 2": BOARDS["cirr"].columns,
    "Table 3": (*CIRR, *SUBSET, *FASHIONIQ),
    "Table 4": CIRR,
    "Table 5": (*CIRR, *FASHIONIQ),
    "Figure 2": FEW_COLUMNS,
    "Controls": FEW_COLUMNS,
}
TUNINGS: Mapping[str, tuple[str, Tuning]] = {
    "frozen": ("frozen", frozen),
    "text": ("text tower tuned", text_tower),
    "both": ("both towers tuned", tuned),
}
WRITERS = {"template": "template", "llm": "LLM", "combined": "combined"}  # of the texts of Tables 1 and 2
FAMILY = ("image_only", "text_only", "sum", "product", "pic2word", "searle")  # rows of the CLIP family beside ours
SHOWN = TopTen(tuple(range(0, 2000, 40)))
EXHIBITS = {"transagg_combined": (SHOWN,), "combined": (SHOWN, PromptAttention())}  # of CIRR, beside the curve

Row = tuple[Training, tuple[tuple[str, str], ...]]  # and under which label tables show it, its home first


def rows(setting: FusionSetting, scale: str, root: str) -> dict[str, Row]:
    """Every row of TransAgg and PVLF by name."""
    frozen_clip = Fusions(setting=setting, scale=scale, root=root, encoder=FIRST, tuning=frozen)
    usual = replace(frozen_clip, encoder=SECOND, tuning=tuned) if scale == "paper" else frozen_clip
    return {
        **_by_data(usual),
        **_by_size(usual),
        **_controls(usual),
        **_by_towers(frozen_clip),
        **_inside_towers(frozen_clip),
    }


def _by_data(usual: Fusions) -> dict[str, Row]:
    """Tables 1 and 2: three sets of triplets. What learns from the combined one stands in other tables, too."""
    found: dict[str, Row] = {}
    for source, writer in WRITERS.items():
        data = replace(usual, source=source)
        for name, label, training in (
            (f"transagg_{source}", f"TransAgg, {writer}", data.transagg()),
            (source, f"PVLF, {writer}", data.pvlf()),
        ):
            found[name] = training, (("Table 1", label), ("Table 2", label))
    several = ("Table 5", "Figure 2", "Controls")
    found["transagg_combined"] = _also(found["transagg_combined"], *((table, "TransAgg") for table in several))
    as_prompts = ("Table 4", f"p = {usual.setting.prompt_length}"), ("Table 5", "PVLF, J = 2")
    found["combined"] = _also(found["combined"], *as_prompts, ("Figure 2", "PVLF"), ("Controls", "PVLF"))
    if usual.scale != "paper":  # there the usual towers are those of a line of Table 3
        for name, label in (("transagg_combined", "TransAgg"), ("combined", "PVLF")):
            found[name] = _also(found[name], ("Table 3", f"{label_of(FIRST, usual.scale)}, frozen, {label}"))
    return found


def _also(row: Row, *shown: tuple[str, str]) -> Row:
    return row[0], (*row[1], *shown)


def _by_size(usual: Fusions) -> dict[str, Row]:
    """Tables 4 and 5: how many prompts, in how many layers; and layers without prompts, which the paper varies too."""
    lengths = {f"length_{p}": (usual.pvlf(length=p), (("Table 4", f"p = {p}"),)) for p in LENGTHS if p != USUAL}
    none = {"no_prompts": (usual.pvlf(length=0), (("Table 4", "p = 0"), ("Controls", "TransAgg, focal loss")))}
    depths = {f"depth_{j}": (usual.pvlf(layers=j), (("Table 5", f"PVLF, J = {j}"),)) for j in (1, 3)}
    shallow = {
        "shallow": (
            usual.pvlf(depth=1),
            (("Table 5", "PVLF, 2 layers, prompts in 1"), ("Controls", "PVLF-Shallow")),
        )
    }
    fixed = {
        f"layers_3_depth_{j}": (usual.pvlf(layers=3, depth=j), (("Table 5", f"PVLF, 3 layers, prompts in {j}"),))
        for j in (1, 2)
    }
    bare = {
        f"transagg_layers_{n}": (usual.transagg(layers=n), (("Table 5", f"TransAgg, layers: {n}"),)) for n in (1, 3)
    }
    return none | lengths | depths | shallow | fixed | bare


def _controls(usual: Fusions) -> dict[str, Row]:
    """What the gain may be due to: learned prompts or more positions, the loss, or how equations 10 and 11 are read."""
    rows = {
        "cross_entropy": ("PVLF, cross entropy", usual.pvlf(loss=batch_softmax)),
        "random_prompts": ("PVLF, random frozen prompts", usual.pvlf(prompts=partial(Prompts, tuning=frozen))),
        "as_printed": ("PVLF, equations 10 and 11 to the letter", usual.pvlf(residual=AS_PRINTED)),
    }
    return {name: (training, (("Controls", label),)) for name, (label, training) in rows.items()}


def _by_towers(frozen_clip: Fusions) -> dict[str, Row]:
    """Table 3: two pairs of towers, three choices of what learns in them, and both models on the same triplets."""
    found: dict[str, Row] = {}
    for encoder in (FIRST, SECOND):
        for name, (choice, tuning) in TUNINGS.items():
            over = replace(frozen_clip, encoder=encoder, tuning=tuning)
            if over == frozen_clip and over.scale != "paper":
                continue  # the usual towers
            label = f"{label_of(encoder, over.scale)}, {choice}"
            found[f"{encoder}/{name}/transagg"] = over.transagg(), (("Table 3", f"{label}, TransAgg"),)
            found[f"{encoder}/{name}/pvlf"] = over.pvlf(), (("Table 3", f"{label}, PVLF"),)
    return found


def _inside_towers(frozen_clip: Fusions) -> dict[str, Row]:
    """Figure 2 (a) to (c): prompts in the text tower, in the image tower, in both."""
    size = frozen_clip.setting.in_towers
    rows = {
        "coop": ("CoOp, in the text tower", partial(TextPrompts, length=size.coop)),
        "vpt": ("VPT-Deep, in the image tower", partial(ImagePrompts, length=size.vpt, depth=size.vpt_depth)),
        "maple": ("MaPLe, in both towers", partial(CoupledPrompts, length=size.maple, depth=size.maple_depth)),
    }
    return {name: (frozen_clip.inside(prompts), (("Figure 2", label),)) for name, (label, prompts) in rows.items()}


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """All rows at a scale; `root` holds the original data, one folder per benchmark, for the `paper` scale."""
    setting = apply(change, SETTINGS[scale])
    found = [_experiment(name, row, setting, scale, root) for name, row in rows(setting, scale, root).items()]
    return [*_family(setting, scale, root), *found]


def _experiment(name: str, row: Row, setting: FusionSetting, scale: str, root: str) -> Experiment:
    training, ((table, label), *also) = row
    few = table == "Figure 2"
    return Experiment(
        name=f"pvlf/{name}",
        paper="pvlf",
        table=table,
        row=label,
        also=tuple(also),
        scale=scale,
        basis="original" if scale == "paper" else "world",
        seeds=setting.few if few else setting.seeds,
        training=training,
        tests=Reading().tests(scale, root, TESTED),
        exhibits={"cirr": (*_curves(scale), *EXHIBITS.get(name, ()))},
    )


def _curves(scale: str) -> tuple[Curve, ...]:
    """The validation curve that the first seed keeps."""
    if scale not in ("cpu", "gpu"):
        return ()
    measures = tuple(column.measure for column in CIRR)
    return (Curve(BOARDS["cirr"].validation("cirr", scale, {}), measures, CURVE_QUERIES),)


def _family(setting: FusionSetting, scale: str, root: str) -> list[Experiment]:
    """Rows of the CLIP family with the tests of ours alone; what they learn, they share with the family's."""
    family = zero_shot.rows(recipes.SETTINGS[scale], scale, root)
    return [
        Experiment(
            name=f"pvlf/{name}",
            paper="pvlf",
            table="Table 1",
            row=family[name].label,
            also=(("Table 2", family[name].label),),
            scale=scale,
            basis="original" if scale == "paper" else "world",
            seeds=setting.seeds[: family[name].seeds],
            training=family[name].training,
            tests=family[name].reading.tests(scale, root, TESTED),
        )
        for name in FAMILY
    ]
