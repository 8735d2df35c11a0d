"""The benchmarks by name: what each is, where its original is to be had, and how to check a folder."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from cirkit.errors import Problem, suggestion


@runtime_checkable
class Source(Protocol):
    """A module, or an object of one, that reads and checks the files of a benchmark."""

    def check(self, root: Path) -> list[dict[str, Any]]: ...


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A benchmark as the command line sees it."""

    name: str
    kind: str
    layout: str
    protocol: str  # what the paper's default asks, and the named deviations
    tried: str  # the real files the tests read where they are at hand
    origin: str  # where the original is to be had
    module: str  # below cirkit.benchmarks; `pedes:CUHK` is an object of a module

    def row(self) -> dict[str, Any]:
        """The entry for `cirkit data list`."""
        return {"name": self.name, "kind": self.kind, "layout": self.layout}

    @property
    def source(self) -> Source:
        """The module or object that reads and checks the files."""
        module, _, attribute = self.module.partition(":")
        found = importlib.import_module(f"cirkit.benchmarks.{module}")
        return cast(Source, getattr(found, attribute) if attribute else found)

    def check(self, root: Path) -> list[dict[str, Any]]:
        """What should be in `root`, and what is."""
        return self.source.check(root)


ENTRIES = (
    Entry(
        name="css",
        kind="composed retrieval",
        layout="css_toy_dataset_novel2_small.dup.npy, images/css_<split>_%06d.png",
        protocol="R@1 over labels, reference excluded",
        tried="18,012 and 18,057 pairs' sentences (a conversion; scenes are not public here)",
        origin="the CSS3D archive that the README of github.com/google/tirg links",
        module="css",
    ),
    Entry(
        name="clothing",
        kind="composed retrieval on photos",
        layout="images.csv, images/<id>.jpg",
        protocol="R@10, reference excluded, senders apart",
        tried="all 1,185 photos that data/photos/clothing.csv names",
        origin="github.com/alexeygrigorev/clothing-dataset (CC0); our colours are in data/photos/clothing.csv",
        module="clothing",
    ),
    Entry(
        name="cuhk-pedes",
        kind="text-based person retrieval",
        layout="reid_raw.json, imgs/",
        protocol="R@K, any image of the person; STANDARD, TBPS_CLIP",
        tried="none: on request only",
        origin="its authors, by request",
        module="pedes:CUHK",
    ),
    Entry(
        name="icfg-pedes",
        kind="text-based person retrieval",
        layout="ICFG-PEDES.json, imgs/",
        protocol="R@K, any image of the person; STANDARD, TBPS_CLIP",
        tried="none: on request only",
        origin="its authors, by request",
        module="pedes:ICFG",
    ),
    Entry(
        name="rstpreid",
        kind="text-based person retrieval",
        layout="data_captions.json, imgs/",
        protocol="R@K, any image of the person; STANDARD, TBPS_CLIP",
        tried="none: on request only",
        origin="its authors, by request",
        module="pedes:RSTP",
    ),
    Entry(
        name="birds-to-words",
        kind="composed retrieval",
        layout="birds-to-words-v1.0.tsv, images/",
        protocol="R@10/50, reference excluded; MAAF, ONE_WAY, INATURALIST",
        tried="the column names alone",
        origin="github.com/google-research-datasets/birds-to-words; its photos from the addresses in the file",
        module="birds_to_words",
    ),
    Entry(
        name="cub",
        kind="captioned images",
        layout="CUB_200_2011/, attributes.txt, text/<class>/<image>.txt, testclasses.txt",
        protocol="pairs and text to image; ATTNGAN, OFFICIAL_SPLIT",
        tried="none",
        origin="Caltech's CUB-200-2011, and the captions of Reed et al. (2016)",
        module="cub",
    ),
    Entry(
        name="textvqa",
        kind="visual question answering",
        layout="TextVQA_0.5.1_<split>.json, TextVQA_Rosetta_OCR_v0.2_<split>.json, train_images/, test_images/",
        protocol="soft accuracy over ten answers; rosetta or nothing",
        tried="questions of a conversion (LLaVA's)",
        origin="textvqa.org",
        module="textvqa",
    ),
    Entry(
        name="clevr",
        kind="visual question answering",
        layout="questions/CLEVR_<split>_questions.json, scenes/CLEVR_<split>_scenes.json, images/<split>/",
        protocol="accuracy per kind of question",
        tried="properties and synonyms",
        origin="CLEVR_v1.0.zip, which the dataset's page at Stanford links",
        module="clevr",
    ),
    Entry(
        name="cirr",
        kind="composed retrieval",
        layout="captions/cap.rc2.<split>.json, captions_ext/, image_splits/, img_raw/<path>",
        protocol="R@K without the reference, R_s@K in the group of six; WHOLE, SUBSET, SOFT, SOFT_SUBSET",
        tried="val and test1, all splits",
        origin="github.com/Cuberick-Orion/CIRR, branch cirr_dataset; its pictures are NLVR2's, by form",
        module="cirr",
    ),
    Entry(
        name="circo",
        kind="composed retrieval, several answers",
        layout="annotations/{val,test}.json, COCO2017_unlabeled/",
        protocol="mAP@K over min(K, answers), reference kept; ALL, TARGET, BY_ASPECT",
        tried="val and test",
        origin="github.com/miccunifi/CIRCO; its pictures are COCO's unlabeled2017",
        module="circo",
    ),
    Entry(
        name="pinpoint",
        kind="composed retrieval, paraphrases and explicit negatives",
        layout="pinpoint_licensed.json (the released table as JSON), index_signatures.txt, images/",
        protocol="mAP@10 and negatives@10 over the index, reference kept; POSITIVES, NEGATIVES, WITHOUT_NEGATIVES",
        tried="the table and the list of the index",
        origin="github.com/pinterest/pinpoint-dataset; pictures at the addresses that its README says",
        module="pinpoint",
    ),
    Entry(
        name="genecis",
        kind="composed retrieval, a gallery per question",
        layout="<task>.json, VG_100K_all/, val2017/",
        protocol="R@1,2,3 in each question's own gallery, official crops",
        tried="all four tasks",
        origin="github.com/facebookresearch/genecis; pictures of Visual Genome 1.2 and COCO val2017",
        module="genecis",
    ),
    Entry(
        name="spot-the-diff",
        kind="composed retrieval",
        layout="annotations/<split>.json, resized_images/<id>{,_2}.png",
        protocol="R@10/50, reference excluded; MAAF (a pair of frames once), RELEASED (two frames per record)",
        tried="all three splits",
        origin="github.com/harsh19/spot-the-diff, which links its pictures",
        module="spot_the_diff",
    ),
    Entry(
        name="flickr30k",
        kind="text and image retrieval",
        layout="dataset_flickr30k.json, multi30k_task2/, flickr30k-images/",
        protocol="text to image, image to text; R@1, 5, 10",
        tried="all captions, through Multi30k",
        origin="github.com/multi30k/dataset; its images by form",
        module="captions:FLICKR30K",
    ),
    Entry(
        name="coco",
        kind="text and image retrieval",
        layout="dataset_coco.json, {train,val}2014/; or captions_val2017.json, val2017/",
        protocol="text to image, image to text; the whole test split (5K), five folds (1K)",
        tried="val2017's captions, Karpathy's lists",
        origin="cocodataset.org; Karpathy's split from cs.stanford.edu/people/karpathy/deepimagesent",
        module="captions:COCO",
    ),
    Entry(
        name="laion-cir",
        kind="training triplets",
        layout="laion_{template,llm,combined}_info.json, images/",
        protocol="training alone: TEMPLATE, LLM, COMBINED",
        tried="template and LLM",
        origin="github.com/Code-kunkun/ZS-CIR, which links its pictures",
        module="laion_cir",
    ),
    Entry(
        name="synth-triplets",
        kind="training triplets",
        layout="triplets.jsonl, images/ (not verified against the original)",
        protocol="training alone: as given, or retold",
        tried="none: the schema is not verified",
        origin="navervision/SynthTriplets18M on the Hugging Face hub",
        module="synth_triplets",
    ),
    Entry(
        name="fashioniq",
        kind="composed retrieval",
        layout="captions/cap.<category>.<split>.json, image_splits/split.<category>.<split>.json, images/<ASIN>.jpg",
        protocol="R@10/50 per category; MAAF, VAL, ARTEMIS, CLIP4CIR, PIC2WORD, SEARLE, SEARLE_BOTH, SEARLE_MEAN",
        tried="all captions and splits",
        origin="github.com/XiaoxiaoGuo/fashion-iq; its pictures from the addresses it lists, many of them dead",
        module="fashioniq",
    ),
    Entry(
        name="fashion200k",
        kind="composed retrieval",
        layout="labels/<category>_<split>_detect_all.txt, women/, test_queries.txt",
        protocol="R@1/10/50 over equal titles, reference excluded; TIRG's pairs",
        tried="5,000 titles of a public sample",
        origin="github.com/xthan/fashion-200k; test_queries.txt of github.com/google/tirg",
        module="fashion200k",
    ),
    Entry(
        name="shoes",
        kind="composed retrieval",
        layout="relative_captions_shoes.json, train_im_names.txt, eval_im_names.txt, pictures by class",
        protocol="R@1/10/50, one answer, reference excluded",
        tried="none",
        origin="github.com/XiaoxiaoGuo/fashion-retrieval; pictures of the Attribute Discovery Dataset",
        module="shoes",
    ),
    Entry(
        name="mit-states",
        kind="composed retrieval",
        layout="images/<adjective> <noun>/*.jpg, test_nouns.txt (ours, for other nouns than TIRG's)",
        protocol="R@1/5/10, any picture of adjective and noun, reference excluded; TIRG's test nouns",
        tried="none",
        origin="MIT's page of the States and Transformations dataset",
        module="mit_states",
    ),
)
CATALOGUE = {entry.name: entry for entry in ENTRIES}


def find(name: str) -> Entry:
    """The entry of a name. Raises Problem for an unknown one."""
    name = name.replace("_", "-")
    if name not in CATALOGUE:
        raise Problem(f"There is no benchmark {name!r}. {suggestion(name, CATALOGUE) or 'See `cirkit data list`.'}")
    return CATALOGUE[name]
