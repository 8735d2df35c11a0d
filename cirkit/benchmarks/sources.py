"""Where the originals are to be had: per benchmark its files, the list of its pictures, and what must be asked for.

Every file is pinned: a commit on GitHub and git's own hash of the content. Nothing here is copied, only pointed at.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cirkit.benchmarks.annotations import need, read_json, read_text

CLOTHING = Path(__file__).parents[2] / "data" / "photos" / "clothing.csv"  # image, git's hash of it, colour


@dataclass(frozen=True)
class File:
    """One file: its place below the root, its address, its checksum (git:... or sha256:...), its licence."""

    destination: str
    url: str
    checksum: str
    licence: str


@dataclass(frozen=True)
class Addresses:
    """Lists, below the root, of pictures and their addresses; `read` turns one into (destination, address) pairs."""

    lists: tuple[str, ...]
    read: Callable[[Path], list[tuple[str, str]]]


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a benchmark consists of; `by_hand` says what cannot be fetched, and where to ask for it."""

    files: tuple[File, ...] = ()
    images: Addresses | None = None
    by_hand: tuple[str, ...] = ()


def clothing_photos() -> list[tuple[str, str]]:
    """The photos of our experiment on garments and git's hash of each; none where the package has no data beside it."""
    if not CLOTHING.is_file():
        return []
    lines = CLOTHING.read_text(encoding="ascii").splitlines()[1:]
    return [(image, digest) for image, digest, _ in (line.split(",") for line in lines)]


def github(repository: str, commit: str, licence: str, names: str, under: str = "", into: str = "") -> tuple[File, ...]:
    """Files of one commit; a line of `names` is git's hash and a path, which lies below `under` there, `into` here."""
    files = []
    for line in names.strip().splitlines():
        digest, path = line.split()
        url = f"https://raw.githubusercontent.com/{repository}/{commit}/{under}{path}"
        files.append(File(into + path, url, f"git:{digest}", licence))
    return tuple(files)


def asins(path: Path) -> list[tuple[str, str]]:
    """FashionIQ's lists: a product number and an address per line; lines that are not so are left out."""
    rows = (line.split() for line in read_text(path).splitlines())
    return [(f"images/{row[0]}.jpg", row[1]) for row in rows if len(row) == 2 and re.fullmatch("[A-Z0-9]{10}", row[0])]


def coco(path: Path) -> list[tuple[str, str]]:
    """COCO's caption file: `coco_url` of every picture of val2017."""
    images = enumerate(need(read_json(path, dict), "images", list, path, "top"))
    rows = [tuple(need(image, key, str, path, i) for key in ("file_name", "coco_url")) for i, image in images]
    return [(f"val2017/{name}", url) for name, url in rows]


def pinimg(path: Path) -> list[tuple[str, str]]:
    """Images and addresses by the signatures of PinPoint's index, as its README puts them together."""
    at = "https://i.pinimg.com/736x"
    names = [name for name in read_text(path).split() if re.fullmatch(r"[0-9a-f]{32}", name)]
    return [(f"images/{name}.jpg", f"{at}/{name[:2]}/{name[2:4]}/{name[4:6]}/{name}.jpg") for name in names]


def textvqa(path: Path) -> list[tuple[str, str]]:
    """TextVQA's question files: `flickr_300k_url` of every picture."""
    folder, found = ("test_images" if "test" in path.name else "train_images"), {}
    for i, record in enumerate(need(read_json(path, dict), "data", list, path, "top")):
        name, url = (need(record, key, str, path, i) for key in ("image_id", "flickr_300k_url"))
        found[f"{folder}/{name}.jpg"] = url
    return list(found.items())


SOURCES: dict[str, Source] = {
    "birds-to-words": Source(
        files=(
            *github(
                "google-research-datasets/birds-to-words",
                "e50f4a6402caf674cd37c39002d2c4d13fd51887",
                "CC BY-SA 4.0",
                """
                3b7b82d0da2db857eda1a798dbd908ea136f07b5 LICENSE.txt
                a519f815d22be25c11398928c74739682e2bb26c README.md
                4bb488547361958b2a88ec92c83ec984b43a0d92 birds-to-words-v1.0.tsv
                """,
            ),
        ),
        by_hand=(
            "Pictures: the addresses are columns of the TSV file; each photographer has set a licence of their own.",
        ),
    ),
    "circo": Source(
        files=(
            *github(
                "miccunifi/CIRCO",
                "267b5c9087d856ce1b41d2daf8f385ae5b629a3b",
                "CC BY-NC 4.0",
                """
                53b7c79b34ccecfc0c0c7b6c98cded352f755b9f LICENSE
                968f113f016f451112472aa993c5afab29172b87 annotations/test.json
                ae56f48ff7ddda4c7e5018aca72602ca85dfe3b3 annotations/val.json
                """,
            ),
        ),
        by_hand=(
            "Pictures: images.cocodataset.org/zips/unlabeled2017.zip (19 GB) to COCO2017_unlabeled/unlabeled2017/, and",
            "image_info_unlabeled2017.json from images.cocodataset.org/annotations to COCO2017_unlabeled/annotations/.",
        ),
    ),
    "pinpoint": Source(
        files=(
            *github(
                "pinterest/pinpoint-dataset",
                "e4ebb388fea60da9a0e10181754b4e2ccfad01cb",
                "CC BY 4.0",
                """
                da6ab6cc8f333d7e89a99812866df8f24374d47c DATA_LICENSE.TXT
                7150b4ea9a990aa5f5579f27dd97aedeb0ff6230 index_signatures.txt
                54e2b3c3d572fe342e84e50a0374cecf43f65aaf pinpoint_licensed.parquet
                """,
            ),
        ),
        images=Addresses(("index_signatures.txt",), pinimg),
        by_hand=(
            'The table as JSON: pandas.read_parquet("pinpoint_licensed.parquet")',
            '.to_json("pinpoint_licensed.json", orient="records"), which needs pyarrow or fastparquet.',
        ),
    ),
    "cirr": Source(
        files=(
            *github(
                "Cuberick-Orion/CIRR",
                "000e433a5a3acdb60cac0398844f0dbee973eaa0",
                "MIT",
                """
                11d7b4c507bd107f2acaaa63541f8cdac7efb17c LICENSE
                """,
            ),
            *github(
                "Cuberick-Orion/CIRR",
                "2276fba2d2c53862c8ae79ea18e1f1ae03719f56",
                "MIT",
                """
                e34a010f4e5e3fefee931a99c59a0aa4775b8ece captions/cap.rc2.test1.json
                0c65c92cb41ec1aee226df91ed4b2851a774a9b4 captions/cap.rc2.val.json
                7acbca22d69b7c211b2d3ccf9b225fff2de1aca6 captions_ext/cap.ext.rc2.test1.json
                2ae64c9d16a63bdcac9113f2a7584972977bb73d captions_ext/cap.ext.rc2.val.json
                24548fffcc44b99a86ecdfbb9fdb415fb6f90811 image_splits/split.rc2.test1.json
                27cee6d5462420908c93f2d5bad0a56d65972418 image_splits/split.rc2.train.json
                0d147941d0b476e9057d2781b2302e36fff06e7b image_splits/split.rc2.val.json
                118a9aa7a70283964593947e88dc2cc452fc3ac7 captions/cap.rc2.train.json
                55b3c16267159a27fb971dcf36e16fde11261f22 captions_ext/cap.ext.rc2.train.json
                """,
            ),
        ),
        by_hand=("Pictures: the NLVR2 form that github.com/Cuberick-Orion/CIRR links; train, dev, test1 to img_raw/.",),
    ),
    "clevr": Source(
        files=(
            *github(
                "facebookresearch/clevr-dataset-gen",
                "f0ce2c81750bfae09b5bf94d009f42e055f2cb3a",
                "BSD-3-Clause",
                """
                691f2ca2ad79755975fc23f3175e21a738040982 LICENSE
                61d436e4018e44027733a3a087f3d8cad8726e10 image_generation/data/CoGenT_A.json
                bb17b0f5b0a5054ab6c9011dbd0ad8ad84e335b1 image_generation/data/CoGenT_B.json
                d92d6e4dd0a335177f5ba243b6081ead715d7613 image_generation/data/properties.json
                f130ed693041f56c3b01fea3b87c62494e30d3d4 question_generation/metadata.json
                5f4d5a96b3b5539b3636384c5ac3fc89d14a800c question_generation/synonyms.json
                276a9eafcd8a30f28551e87d6619e0967ee4fcd9 question_generation/CLEVR_1.0_templates/compare_integer.json
                eb9b679daef0af03ac11aae64049dfaae18a36d1 question_generation/CLEVR_1.0_templates/comparison.json
                ac330701657bbb96818f268105b0ecb0270416ea question_generation/CLEVR_1.0_templates/one_hop.json
                0c856d84d6c07b6473c75cbc98e747575805d564 question_generation/CLEVR_1.0_templates/same_relate.json
                58f4e7d3d45262746b4cadeff5d53beb8d61f211 question_generation/CLEVR_1.0_templates/single_and.json
                fcdb69df6f0e7af1f65bd32e03cc41aeabafb350 question_generation/CLEVR_1.0_templates/single_or.json
                ef5f8c9675f81547c6e8c852c06b7cce9ed31631 question_generation/CLEVR_1.0_templates/three_hop.json
                4a0cdfbc243abefb4e7ccbdfb279a4fbc58fea36 question_generation/CLEVR_1.0_templates/two_hop.json
                b5efebd924bca574f2c68495ded97cd40fc30652 question_generation/CLEVR_1.0_templates/zero_hop.json
                """,
            ),
        ),
        by_hand=(
            "Pictures, scenes and questions: dl.fbaipublicfiles.com/clevr/CLEVR_v1.0.zip (18 GB); unpack it there.",
        ),
    ),
    "coco": Source(
        files=(
            *github(
                "ruizewang/evaluate",
                "1152656d3b8c66c48fc6a4357e159f5e21bd2d2d",
                "CC BY 4.0 (annotations)",
                """
                8f92abf20f5b833081092ffb403a5532846153b1 captions_val2017.json
                """,
                under="annotations/",
            ),
            *github(
                "peteanderson80/Up-Down-Captioner",
                "0b4e8e5e34953bac5f32368503a68be8a84b6866",
                "CC BY 4.0 (annotations)",
                """
                b9241a3226ce340836b7d3d590b41d6fab47dd55 karpathy_test_images.txt
                2598141aa7fd04c1f183b086063abf7d843c3e58 karpathy_val_images.txt
                """,
                under="data/coco_splits/",
            ),
        ),
        images=Addresses(("captions_val2017.json",), coco),
    ),
    "css": Source(
        files=(
            *github(
                "RazvanApt/CLIP4Cir",
                "e8e59961d8b6579b9f6fbe13d5c095370856fe3e",
                "none stated",
                """
                cf8b49b8e9824848571ea3250cb2b636df6f5e44 captions/cap.train.json
                c67dabcfbb6011ba5f14ad2b1cd757f79445bab5 captions/original_cap.test.json
                91c31d571e1c5dd96585b21020f7bd9768012f44 image_splits/original_test_imgs.json
                d679261329a57da1cd22280b4ca898421195156b image_splits/split.train.json
                """,
                under="css_dataset/",
            ),
        ),
        by_hand=(
            "Scenes and pictures: the CSS3D archive that the README of github.com/google/tirg links; unpack it there.",
        ),
    ),
    "fashion200k": Source(
        files=(
            *github(
                "xthan/fashion-200k",
                "ea5d434db7a4b23743048559ce7950050051d77e",
                "Apache-2.0",
                """
                971b0e4e1ede15ef70756d9c844bf65fe691b9d4 README.md
                """,
            ),
        ),
        by_hand=(
            "Labels, addresses and pictures: the archives that the README of github.com/xthan/fashion-200k links.",
        ),
    ),
    "fashioniq": Source(
        files=(
            *github(
                "XiaoxiaoGuo/fashion-iq",
                "f71b16c3b09ef03b02c0fed160fa072fb3b8aa16",
                "CDLA (variant not named)",
                """
                c3b32df9213fc87e3dceef8b3447debd45c45160 captions/cap.dress.test.json
                d28eb4728a0813b0f4b9ffd7d000598f2cf8cc57 captions/cap.dress.train.json
                8058b4f6939644bb74956d488fe83b927d8b1d75 captions/cap.dress.val.json
                b63efc40847c0adf71313fd58b2a03684da26a41 captions/cap.shirt.test.json
                73cdde170add81b6a3d5d937403ff6ab4d9ae23d captions/cap.shirt.train.json
                deb212a7a20fb8da5d09fe96cff109439090b2e1 captions/cap.shirt.val.json
                534d2b92b29663d9de5361c24100a99cf35bd409 captions/cap.toptee.test.json
                20130e9c9af7d28ea39c33e5750076f01338d951 captions/cap.toptee.train.json
                da6e44a6c2af25e46aba791b09519263049fafcf captions/cap.toptee.val.json
                15dab4929cc5694ee3dcc89f804ef87b07d169fe image_splits/split.dress.test.json
                395673437ef7a6019c42dca35cfe776d61cc33f7 image_splits/split.dress.train.json
                043c875df540c80b1c9b04313d971fee0d97f97a image_splits/split.dress.val.json
                99eb760be749844f744824d4f4507ed04255fa77 image_splits/split.shirt.test.json
                a3bdda5a7962e4f0a01f502e0691c8f2739379f3 image_splits/split.shirt.train.json
                e7eda347d43305a0251a9828d9d97db57aadf9d1 image_splits/split.shirt.val.json
                270b30ebcc72f0bae02153b090768d74d72f5d76 image_splits/split.toptee.test.json
                3d7a224041ecbaba3b3e7499017409ad338ae64b image_splits/split.toptee.train.json
                a45be27ee3f244bb793725fa058b897fec583311 image_splits/split.toptee.val.json
                """,
            ),
            *github(
                "hongwang600/fashion-iq-metadata",
                "3bb39d7d9a024d92f1b0fd0929b38d73dff24a0a",
                "none stated",
                """
                a8d739915b0c8eb56eddc1cf264464fb2e341880 image_url/asin2url.dress.txt
                3a62a9179f9c1ebca9febb36e7ccab32da891415 image_url/asin2url.shirt.txt
                9600ef48b4889707630a967907b54b7f22d0620a image_url/asin2url.toptee.txt
                """,
            ),
            *github(
                "GDam90/Fashion_IQ_missing_images",
                "8d9412786a08988e6f4e1d8b4b599a5cf42040a7",
                "none stated",
                """
                135848fa65444285c9de94d02ba220e7a8074ec1 missing_asin2url_dress.txt
                eb77c7380bd779d4867231c8fa2f6aeb1b2d715c missing_asin2url_shirt.txt
                efe2b6814fa7abe3887e1038d5ce3c2a0d78d142 missing_asin2url_toptee.txt
                """,
                into="missing/",
            ),
        ),
        images=Addresses(
            ("image_url/asin2url.dress.txt", "image_url/asin2url.shirt.txt", "image_url/asin2url.toptee.txt"), asins
        ),
        by_hand=("Pictures whose links are dead: ask the authors (github.com/XiaoxiaoGuo/fashion-iq) for a copy.",),
    ),
    "flickr30k": Source(
        files=(
            *github(
                "multi30k/dataset",
                "a3d2e0d26b56f3846f66a952536ffed4e401d05a",
                "none stated; non-commercial research",
                """
                836c0a93c6ab1f95d79fae6760bee6c68c3d0d6a image_splits/test_2016_images.txt
                f7f38266e7c405651c57f8b509e03a25d97f9aae image_splits/train_images.txt
                fa14c5e074e9420f7a2699e2983778cf03b75fcc image_splits/val_images.txt
                5ecc27645c8357cb0245811581a594507acaa5d9 raw/test_2016.1.en.gz
                c128cc809937373fa6dfbe15debab4f6c17f6e6c raw/test_2016.2.en.gz
                9a635d77c4bf27473acdcbc4d40935a047c12319 raw/test_2016.3.en.gz
                fc010e512b7a1304d375da0b93c93a8b01ef7eb7 raw/test_2016.4.en.gz
                96327b8adf1f03c4d86dc4b071c9d1d4e4b754cd raw/test_2016.5.en.gz
                cd9bbd38964e358ee5e8be8fd1f6c379c5fefb8d raw/train.1.en.gz
                a53c95fa18f007838f21b18cdc0930961fc42f45 raw/train.2.en.gz
                d021c6d455258adfdd99c03fee61b9c6add64aa6 raw/train.3.en.gz
                63e332f002b5839b2c24e2d4c0ee886c9f4631be raw/train.4.en.gz
                ccdaaddb4c6cd516dbf6af7fa0816dcbd1027ae9 raw/train.5.en.gz
                605a635738a2bd7d79dbaa45cd03d4f3f8d8f97c raw/val.1.en.gz
                d61fe20c537a990b38d108c914d4b11da6625213 raw/val.2.en.gz
                6e47db5787267779cc1a7a0e8b6312f534279dae raw/val.3.en.gz
                d3c331bc9eef14883ad1782a9415b9f19cf330ec raw/val.4.en.gz
                0bf577a221a0f2ba543c7fabef11cf958aedb8fe raw/val.5.en.gz
                """,
                under="data/task2/",
                into="multi30k_task2/",
            ),
        ),
        by_hand=(
            "Pictures: fill in the form at shannon.cs.illinois.edu/DenotationGraph; put them in flickr30k-images/.",
        ),
    ),
    "genecis": Source(
        files=(
            *github(
                "facebookresearch/genecis",
                "0c5c968c01b8ccffcc0990af2b430d21d7a12f49",
                "CC BY-NC 4.0",
                """
                108b5f002fc31efe11d881de2cd05329ebe8cc37 LICENSE
                """,
            ),
            *github(
                "facebookresearch/genecis",
                "0c5c968c01b8ccffcc0990af2b430d21d7a12f49",
                "CC BY-NC 4.0",
                """
                074b39e5c2483b252cb99e10ee3256c9ca82f06a change_attribute.json
                f06e61063c121f1ec68bea021ab3b08887d517d5 change_object.json
                9f81b1777d5e4a849c85ab1b3e293dfb9bd054f3 focus_attribute.json
                8aa323433948d115beb48d18058208dff586edd0 focus_object.json
                """,
                under="genecis/",
            ),
        ),
        by_hand=(
            "Pictures of the object tasks: COCO val2017, `cirkit data get coco`.",
            "Pictures of the attribute tasks: Visual Genome 1.2, from homes.cs.washington.edu/~ranjay/visualgenome.",
        ),
    ),
    "laion-cir": Source(
        files=(
            *github(
                "Code-kunkun/ZS-CIR",
                "5b2a48518ccaef3dc2c2edc72db0523c8053506c",
                "none stated",
                """
                2ed8aad97f758bc84f3e5e6fe9e81579ab278dce laion_llm_info.json
                8683651e980d6843cc37faaaa43d182c2334cdcc laion_template_info.json
                """,
                under="data/files/",
            ),
        ),
        by_hand=("Pictures: the archive that the README of github.com/Code-kunkun/ZS-CIR links.",),
    ),
    "spot-the-diff": Source(
        files=(
            *github(
                "harsh19/spot-the-diff",
                "d26bdcd4f2d33246355a503c3f8f1def9295dda2",
                "none stated",
                """
                d272b7c9d2394648d6c3c1bac560a13cab7e7d01 annotations/test.json
                7a6f231aacc3bc7288940e40fe623f365bb121c4 annotations/train.json
                417367f691a48f747f80feb13155c2d91234279d annotations/val.json
                """,
                under="data/",
            ),
        ),
        by_hand=("Pictures: the archive resized_images that the README of github.com/harsh19/spot-the-diff links.",),
    ),
    "textvqa": Source(
        files=(
            *github(
                "haotian-liu/LLaVA",
                "32cebc3809441cc40d8ac7b2855d148308741f2a",
                "CC BY 4.0 (questions)",
                """
                cd92d4c18a6c273f94860e1ec9e301f2a5714b40 llava_textvqa_val_v051_ocr.jsonl
                """,
                under="playground/data/eval/textvqa/",
            ),
        ),
        images=Addresses(tuple(f"TextVQA_0.5.1_{split}.json" for split in ("train", "val", "test")), textvqa),
        by_hand=(
            "Questions: TextVQA_0.5.1_{train,val,test}.json, words: TextVQA_Rosetta_OCR_v0.2_{train,val,test}.json,",
            "both from textvqa.org. Run the command again, and the pictures that they name are fetched one by one;",
            "or take train_val_images.zip and test_images.zip (7 GB) from there and unpack them in the root.",
        ),
    ),
    "shoes": Source(
        files=(
            *github(
                "XiaoxiaoGuo/fashion-retrieval",
                "9ac8b2ca44f7aa16510384047b635ba093568165",
                "MIT (repository)",
                """
                701aa58ab3affd1985ea0059e82c6e9a8bad5be2 eval_im_names.txt
                4429b41a445f74e358af6e458ab60d3cc9cae158 relative_captions_shoes.json
                81807246703c7a9154ce5aa993e56f7d99115c72 train_im_names.txt
                """,
                under="dataset/",
            ),
        ),
        by_hand=(
            "Pictures: the Attribute Discovery Dataset, which dataset/readme.md of",
            "github.com/XiaoxiaoGuo/fashion-retrieval links; unpack its womens_* folders in the root.",
        ),
    ),
    "clothing": Source(
        files=github(
            "alexeygrigorev/clothing-dataset",
            "7ed86a9cc56763b6acb35e41cb35184e43a5d218",
            "CC0 1.0",
            "\n".join(
                [
                    "0e259d42c996742e9e3cba14c677129b2c1b6311 LICENSE",
                    "053ccf5ac18062d7685eacf20be4fb93f2655386 images.csv",
                    *(f"{digest} images/{image}.jpg" for image, digest in clothing_photos()),
                ]
            ),
        )
    ),
    "synth-triplets": Source(by_hand=("Triplets and pictures: navervision/SynthTriplets18M on the Hugging Face hub.",)),
    "cub": Source(
        by_hand=(
            "Pictures and attributes: CUB_200_2011.tgz from data.caltech.edu/records/65de6-vp158 (non-commercial).",
            "Captions: the archive that the README of github.com/reedscot/cvpr2016 links.",
        )
    ),
    "cuhk-pedes": Source(
        by_hand=(
            "Write to the authors (github.com/ShuangLI59/Person-Search-with-Natural-Language-Description) for",
            "reid_raw.json and imgs/.",
        )
    ),
    "icfg-pedes": Source(by_hand=("Write to the authors (github.com/zifyloo/SSAN) for ICFG-PEDES.json and imgs/.",)),
    "rstpreid": Source(
        by_hand=("Write to the authors (github.com/NjtechCVLab/RSTPReid-Dataset) for data_captions.json and imgs/.",)
    ),
    "mit-states": Source(
        by_hand=("Pictures: the archive at web.mit.edu/phillipi/Public/states_and_transformations; unpack it there.",)
    ),
}
