"""The pipeline of SynthTriplets18M as it is run: on captions of scenes, or on a folder of captions at `paper` scale.

CompoDiff §4; how often a term must occur, and how many pairs are painted of a caption, the paper does not say.
"""

import json
from functools import partial
from pathlib import Path

from cirkit.benchmarks.annotations import need, read_text, record_error
from cirkit.encoders.clip import open_clip
from cirkit.errors import Problem, suggestion
from cirkit.examples import Captions
from cirkit.papers.clip_family import world_clip
from cirkit.papers.clip_family.shared_clip import backbone
from cirkit.synthesis.base import CaptionTriplet, Route
from cirkit.synthesis.filters import Thresholds, clip_filter
from cirkit.synthesis.keywords import by_spacy, keyword_swaps
from cirkit.synthesis.language_model import TripletWriter, as_text, language_model, next_piece
from cirkit.synthesis.prompt_to_prompt import prompt_to_prompt
from cirkit.synthesis.scene_painter import scene_painter
from cirkit.synthesis.shards import Pipeline
from cirkit.training.loop import Training
from cirkit.training.optimisers import adamw
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import cosine_with_warmup
from cirkit.worlds.synth_triplets import Size, caption, world

EDIT = ("input", "edit", "output")  # keys of InstructPix2Pix's records; not verified
ROUTES = ("keywords", "language")
CAPTIONS = {"smoke": 60, "cpu": 4000, "gpu": 40_000}  # of scenes
NONE = Thresholds(images=-2.0, caption=-2.0, direction=-2.0, keyword=-2.0, instruction=-2.0)
CLIP = partial(open_clip, arch="ViT-L-14-quickgelu", pretrained="openai")


def scene_captions(count: int) -> list[str]:
    """What the scenes of a SynthTriplets world show."""
    return [caption(pair.frames[0]) for pair in world(Size(triplets=count))]


def caption_lines(root: str) -> list[str]:
    """The captions of `captions.txt`, one a line. Raises Problem where the folder has none."""
    lines = [line.strip() for line in read_text(Path(root) / "captions.txt").splitlines()]
    if not (found := [line for line in lines if line]):
        raise Problem(f"{root}/captions.txt is empty. Write one caption a line.")
    return found


def edit_lines(path: str) -> Captions:
    """InstructPix2Pix's triplets of captions as texts: JSON lines of `input`, `edit` and `output`. Raises Problem."""
    texts = []
    for number, line in enumerate(read_text(Path(path)).splitlines()):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise record_error(Path(path), number, f"is no JSON ({error})") from error
        reference, instruction, target = (need(record, key, str, Path(path), number) for key in EDIT)
        texts.append(as_text(CaptionTriplet(reference=reference, instruction=instruction, target=target)))
    if not texts:
        raise Problem(f"{path} is empty. Give the file of InstructPix2Pix's triplets.")
    return Captions(text=texts)


def tuning(source: str, triplets: str, steps: int) -> Training:
    """LoRA of a language model on a file of triplets; the paper gives no settings, so these are common ones."""
    return Training(
        model=partial(TripletWriter, source=source),
        data=partial(edit_lines, path=triplets),
        objective=next_piece,
        optimiser=adamw(lr=2e-4, weight_decay=0.0),
        steps=steps,
        batch=16,
        schedule=cosine_with_warmup(),
        sampler=shuffled,
    )


def tuned(source: str, adapter: str | None = None) -> TripletWriter:
    """A language model with what LoRA learnt, where `adapter` names it."""
    writer = TripletWriter(source=source)
    return writer if adapter is None else writer.load(Path(adapter))


def pipeline(route: str, scale: str, root: str = "data/raw", model: str = "", adapter: str | None = None) -> Pipeline:
    """The pipeline of a scale and a route; `model` and `adapter` are the language model's.

    At `paper` scale the captions lie in `root`/synth_captions. Raises Problem for an unknown route.
    """
    if route not in ROUTES:
        raise Problem(f"There is no route {route!r}. {suggestion(route, ROUTES) or 'Use keywords or language.'}")
    if route == "language" and not model:
        raise Problem("The route `language` needs a causal language model. Name its folder with --model.")
    paper = scale == "paper"
    lines = partial(caption_lines, root=f"{root}/synth_captions")
    captions = lines if paper else partial(scene_captions, count=CAPTIONS[scale])
    clip = CLIP if paper else backbone(scale).whole
    found: Route = language_model(captions=captions, writer=partial(tuned, source=model, adapter=adapter))
    if route == "keywords":
        own = {"paper": {"tagger": by_spacy(), "least": 10}, "smoke": {"window": (-1.0, 1.0)}}.get(scale, {})
        found = keyword_swaps(captions=captions, clip=clip, **own)
    if paper:
        return Pipeline(route=found, painter=prompt_to_prompt(), clip=clip, size=256, tries=100, keep=4)
    painter = scene_painter(pixels=world_clip.SIZES[scale].pixels)
    if scale == "smoke":  # its CLIP has learned nothing, so nothing is filtered
        return Pipeline(route=found, painter=painter, clip=clip, size=8, keep_if=clip_filter(thresholds=NONE))
    return Pipeline(route=found, painter=painter, clip=clip)
