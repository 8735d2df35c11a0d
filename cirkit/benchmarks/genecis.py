"""GeneCIS: four tasks, each query with a small gallery of its own. The official files, read.

Vaze et al. 2023, 003 §5.4: R@1, 2, 3 over a template's target and its 9 or 14 distractors; the query is an image
and a bare noun or attribute. Headline: the mean of the four R@1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cirkit.benchmarks import photos, pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, record_error
from cirkit.benchmarks.photos import CROP
from cirkit.benchmarks.pictured import Pictured
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query

if TYPE_CHECKING:
    from PIL import Image

Number = int | float
Box = tuple[Number, Number, Number, Number]
DILATION = 0.7


@dataclass(frozen=True)
class Item:
    """An image, or for the attribute tasks the part of it in a box: left, top, width, height in pixels.

    Image ids repeat inside galleries, so the box belongs to the key.
    """

    image: str  # the name of its file, without ending
    box: Box | None = None


@dataclass(frozen=True)
class Template:
    """One record. `gallery` is without the target; it holds copies now and then, in one record one of the target."""

    reference: Item
    target: Item
    gallery: tuple[Item, ...]
    condition: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """One of the four: where its images lie, how many templates and distractors the original has."""

    name: str
    folders: tuple[str, ...]
    templates: int
    distractors: int
    images: int
    boxed: bool


VG = ("VG_100K_all", "VG_100K", "VG_100K_2")  # GeneCIS keeps all in one folder, the archives unpack to two
TASKS = {
    task.name: task
    for task in (
        Task(name="focus_attribute", folders=VG, templates=2000, distractors=9, images=13348, boxed=True),
        Task(name="change_attribute", folders=VG, templates=2112, distractors=14, images=15058, boxed=True),
        Task(name="focus_object", folders=("val2017",), templates=1960, distractors=14, images=2198, boxed=False),
        Task(name="change_object", folders=("val2017",), templates=1960, distractors=14, images=2739, boxed=False),
    )
}


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A protocol: whether a reference that stands in its own gallery (79 change_attribute records) is ranked."""

    name: str = "genecis"
    reference: Literal["kept", "excluded"] = "kept"  # as the official loop, which ranks what the file lists
    side: int = CROP  # pixels of the square that a model gets


OFFICIAL = Protocol()


def crop(size: tuple[int, int], box: Box, dilation: float = DILATION) -> Box:
    """The official crop of an image of (width, height): left, top, right, bottom.

    Released code: the right edge is counted from the shifted left one, so the box grows to the left and top alone,
    unless the image's edge stops it; likewise below.
    """
    (width, height), (x, y, w, h) = size, box
    left, top = max(0.0, x - dilation * w), max(0.0, y - dilation * h)
    right, bottom = min(float(width), left + (1 + dilation) * w), min(float(height), top + (1 + dilation) * h)
    return left, top, right, bottom


def cut(image: "Image.Image", box: Box | None, side: int) -> "Image.Image":
    """What a model sees of an item: the crop on a black square, scaled; an image without a box as CLIP cuts it."""
    from PIL import Image

    if box is None:
        return photos.fit(image, side)
    part = image.crop(tuple(round(edge) for edge in crop(image.size, box)))
    square = Image.new("RGB", (max(part.size), max(part.size)))
    square.paste(part, ((square.width - part.width) // 2, (square.height - part.height) // 2))
    return square.resize((side, side), Image.Resampling.BICUBIC)


def _folder(root: Path) -> Path:
    """Where the four files lie: in `root`, or in its folder `genecis`."""
    return root / "genecis" if (root / "genecis").is_dir() else root


def templates(root: Path, task: Task) -> list[Template]:
    """The records of a task, checked. Raises Problem that names file and record."""
    path, found = _folder(root) / f"{task.name}.json", []
    for number, record in enumerate(read_json(path, list)):
        held = need(record, "gallery", list, path, number)
        if not held:
            raise record_error(path, number, "has an empty gallery")
        ends = [_item(need(record, end, dict, path, number), task, path, number) for end in ("reference", "target")]
        if ends[0] == ends[1]:
            raise record_error(path, number, "has its reference for its target")
        gallery = tuple(_item(item, task, path, number) for item in held)
        found.append(Template(ends[0], ends[1], gallery, need(record, "condition", str, path, number)))
    if not found:
        raise Problem(f"{path} has no records. Download it again.")
    return found


def _item(record: Any, task: Task, path: Path, number: int) -> Item:
    """One item: ids are strings beside boxes and numbers without."""
    if not task.boxed:
        key = need(record, "val_image_id", int, path, number)
        if not 0 <= key < 10**12:
            raise record_error(path, number, f"has the image number {key}")
        return Item(f"{key:012d}")
    key, box = need(record, "image_id", str, path, number), need(record, "instance_bbox", list, path, number)
    if not key.isascii() or not key.isalnum() or len(key) > 40:
        raise record_error(path, number, f"has the image id {key!r}, which is no number")
    if len(box) != 4 or not all(type(edge) in (int, float) and abs(edge) < 1e6 for edge in box):
        raise record_error(path, number, f"has the box {box!r}, not left, top, width, height in pixels")
    if min(box[2:]) <= 0 or min(box[:2]) + min(box[2:]) <= 0 or box[0] + box[2] <= 0 or box[1] + box[3] <= 0:
        raise record_error(path, number, f"has the box {box!r}, which holds nothing")
    return Item(key, (float(box[0]), float(box[1]), float(box[2]), float(box[3])))


def file_path(root: Path, task: Task, image: str) -> Path:
    """Where an image lies, in the first of the task's folders that has it."""
    paths = [image_path(root / folder, f"{image}.jpg") for folder in task.folders if (root / folder).is_dir()]
    return next((path for path in paths if path.is_file()), root / task.folders[0] / f"{image}.jpg")


def test(root: Path | str, task: Task, protocol: Protocol = OFFICIAL) -> Benchmark:
    """The templates of a task: one gallery of all items, of which a query is ranked among its own alone.

    A distractor listed twice counts twice, as in the official loop, so a copy has a row of its own. Only a copy of the
    target (1 change_object and 1 focus_attribute record) is the target: no model could tell them apart, and the
    official order of such a tie is chance.
    """
    benchmark = _benchmark(Path(root), (task,), protocol)
    return replace(benchmark, name=f"{benchmark.name}-{task.name.replace('_', '-')}", group=None)


def four_tasks(root: Path | str, protocol: Protocol = OFFICIAL) -> Benchmark:
    """The templates of all tasks, each task a group: the mean over groups is the headline. Items are encoded once."""
    return _benchmark(Path(root), tuple(TASKS.values()), protocol)


def _benchmark(root: Path, tasks: Sequence[Task], protocol: Protocol) -> Benchmark:
    read = [(task, template) for task in tasks for template in templates(root, task)]
    rows: dict[str, tuple[Task, Item]] = {}
    for task, template in read:
        rows |= {_name(item, 0): (task, item) for item in (template.target, template.reference)}
    candidates = []
    for task, template in read:
        seen: dict[Item, int] = {}
        mine = {_name(template.target, 0): (task, template.target)}
        for item in template.gallery:
            if item != template.target:
                seen[item] = seen.get(item, -1) + 1
                mine[_name(item, seen[item])] = (task, item)
        rows |= mine
        candidates.append(list(mine))
    images = _images(root, rows, protocol.side)
    needed = [[_name(one.reference, 0), *mine] for (_, one), mine in zip(read, candidates, strict=True)]
    whole = images.complete(root, needed)
    source = [_name(read[i][1].reference, 0) for i in whole]
    inside = [[images.row[name] for name in candidates[i]] for i in whole]
    return Benchmark(
        name=protocol.name,
        query=Query(image=images.at(source), text=[read[i][1].condition for i in whole]),
        gallery=images.images,
        relevant=[[images.row[_name(read[i][1].target, 0)]] for i in whole],
        excluded=[[images.row[name]] for name in source] if protocol.reference == "excluded" else None,
        candidates=inside,
        group=[read[i][0].name for i in whole],
    )


def _name(item: Item, copy: int) -> str:
    return f"{item.image} {item.box} {copy}"


def _images(root: Path, rows: dict[str, tuple[Task, Item]], side: int) -> Pictured:
    """The items whose images lie there; in memory where they fit."""
    paths = {(item.image, task.boxed): (task, item.image) for task, item in rows.values()}
    paths = {key: file_path(root, task, image) for key, (task, image) in paths.items()}
    there = {key for key, path in paths.items() if path.is_file()}
    found = {name: (item, task.boxed) for name, (task, item) in rows.items() if (item.image, task.boxed) in there}
    if not found:
        folders = dict.fromkeys(folder for task, _ in rows.values() for folder in task.folders)
        raise Problem(f"{root} has none of its {len(paths)} images in {' or '.join(folders)}. Put them there.")
    items = list(found.values())
    crops = photos.Crops(
        [paths[item.image, boxed] for item, boxed in items], [item.box for item, _ in items], side, cut
    )
    return Pictured(photos.held(crops), {name: i for i, name in enumerate(found)}, len(rows) - len(found))


def check(root: Path) -> list[dict[str, Any]]:
    """Per task and part, how many there should be, how many there are, and how many are missing.

    Expected numbers are the original's, or those of the world where `root` is one.
    """
    official = {task.name: {"templates": task.templates, "images": task.images} for task in TASKS.values()}
    expected, lines = pictured.expected_counts(root, official), []
    for task in TASKS.values():
        read = templates(root, task)
        ranked = [(template.target, *template.gallery) for template in read]
        named = dict.fromkeys(item.image for t in read for item in (t.reference, t.target, *t.gallery))
        there = {image: file_path(root, task, image).is_file() for image in named}
        lines.append(pictured.line(task.name, "templates", expected[task.name]["templates"], len(read)))
        lines.append(pictured.line(task.name, "images", expected[task.name]["images"], sum(there.values())))
        needs = pictured.Requirements(
            protocol=OFFICIAL.name,
            reference=[template.reference.image for template in read],
            others=[[item.image for item in mine] for mine in ranked],
            gallery=[item.image for item in dict.fromkeys(item for mine in ranked for item in mine)],
        )
        lines[-1].gone = pictured.gone(there, [needs])
    return lines
