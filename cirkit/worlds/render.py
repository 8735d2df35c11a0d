"""Draw scenes: a batched ray-caster with closed-form hits, soft shadows and exact masks.

Stands in for the Blender pictures of CLEVR and CSS (MAAF §3.1). Every ray meets only the things whose window it lies
in, and nothing is summed across pictures: a scene drawn alone has the same bytes as in any batch.
"""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from cirkit.worlds.scene import COLOURS, MATERIALS, PALETTES, SHAPES, SIZES, Scene, noise, sample

EYE, LOOK, VIEW = (0.0, -8.0, 12.0), (0.0, 0.3, 0.2), 33.0  # camera and what it looks at (world units), degrees
LIGHT, FILL = (-0.5, -0.45, 0.85), (0.75, -0.35, 0.4)  # towards the key light, and a faint one opposite
GROUND = (0.71, 0.71, 0.72)
CHUNK = {"cpu": 1 << 18, "cuda": 1 << 24}  # samples drawn at a time: on a CPU few, so that a step stays in its cache
Hits = Float[Tensor, "..."]  # one number per ray of a window, or per hit


@dataclass(frozen=True)
class Picture:
    """Pictures and what is seen where."""

    images: UInt8[Tensor, "b 3 h w"]
    owner: Int[Tensor, "b h w"]  # the index of the thing that covers at least half of the pixel; -1: the ground
    boxes: Int[Tensor, "b k 4"]  # left, top, right, bottom of what is seen, in pixels, ends excluded; 0 0 0 0: unseen


@dataclass(frozen=True)
class _View:
    """A chunk of scenes as tensors: b pictures, m things."""

    eye: Float[Tensor, "b 3"]
    axes: Float[Tensor, "b 3 3"]  # right, up, forward
    light: Float[Tensor, "b 3"]
    image: Int[Tensor, " m"]  # the picture of each thing
    index: Int[Tensor, " m"]  # its number in the scene
    shape: Int[Tensor, " m"]
    place: Float[Tensor, "m 2"]
    radius: Float[Tensor, " m"]
    turn: Float[Tensor, "m 2"]  # cosine, sine
    colour: Float[Tensor, "m 3"]
    metal: Float[Tensor, " m"]


def render(scenes: Sequence[Scene], size: int = 64, *, samples: int = 2, device: torch.device | str = "cpu") -> Picture:
    """Pictures of `size` x `size` pixels with samples² rays each, and exact masks and boxes."""
    count = max((len(scene.things) for scene in scenes), default=0)
    device = torch.device(device)
    step = max(1, CHUNK.get(device.type, 1 << 20) // (size * samples) ** 2)
    images = torch.empty(len(scenes), 3, size, size, dtype=torch.uint8, device=device)
    owner = torch.empty(len(scenes), size, size, dtype=torch.int64, device=device)
    with _one_thread():
        for at in range(0, len(scenes), step):
            images[at : at + step], owner[at : at + step] = _draw(scenes[at : at + step], size, samples, device)
    return Picture(images, owner, _boxes(owner, count))


def rate(images: int = 512, size: int = 64) -> float:
    """Pictures drawn per second, on scenes of one to six things."""
    rng = np.random.default_rng(0)
    scenes = [Scene(sample(rng, PALETTES["train"], (1, 6), 0.1), i, 0.2, 0.2) for i in range(images)]
    render(scenes[:32], size)
    start = time.perf_counter()
    render(scenes, size)
    return images / (time.perf_counter() - start)


@contextmanager
def _one_thread() -> Iterator[None]:
    """The steps are too small to share: on a busy machine two threads took ten times as long as one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def _draw(
    scenes: Sequence[Scene], size: int, samples: int, device: torch.device
) -> tuple[UInt8[Tensor, "b 3 h w"], Int[Tensor, "b h w"]]:
    """One chunk: the ground for every pixel, then per kind of thing the rays of its windows, nearest hit wins."""
    view, b, s = _look(scenes, device), len(scenes), size * samples
    slope = math.tan(math.radians(VIEW / 2))
    ground = _ground(view, size, slope)  # (b, 3, h, w)
    canvas = ground.repeat_interleave(samples, 2).repeat_interleave(samples, 3)
    canvas = canvas.movedim(1, 0).reshape(3, -1)  # (3, b s s)
    depth = torch.full((b * s * s,), torch.inf, device=device)
    owner = torch.full((b * s * s,), -1, dtype=torch.int64, device=device)
    hits = []
    for shape in range(len(SHAPES)):
        for small in (True, False):
            kind = ((view.shape == shape) & ((view.radius < 0.6) == small)).nonzero()[:, 0]
            if len(kind):
                hits.append(_cast(view, kind, shape, s, slope))
    if hits:
        pixel, distance, colour, index = (torch.cat(part, dim=-1) for part in zip(*hits, strict=True))
        depth.scatter_reduce_(0, pixel, distance, "amin")
        seen = (distance == depth[pixel]).nonzero()[:, 0]
        pixel = pixel[seen]
        canvas[:, pixel] = colour[:, seen]
        owner[pixel] = index[seen]
    canvas = canvas.reshape(3, b, size, samples, size, samples)
    total = torch.zeros(3, b, size, size, device=device)
    for row in range(samples):  # in a fixed order, so that the sum is the same in any batch
        for column in range(samples):
            total += canvas[:, :, :, row, :, column]
    images = (total * (255 / samples**2) + 0.5).clamp(0, 255).to(torch.uint8).movedim(0, 1).contiguous()
    covers = owner.reshape(b, size, samples, size, samples).transpose(2, 3).reshape(b, size, size, samples**2)
    return images, _half(covers)


def _half(covers: Int[Tensor, "b h w k"]) -> Int[Tensor, "b h w"]:
    """The value that at least half of a pixel's samples reach: the ground needs more than half of them."""
    if covers.shape[-1] != 4:
        return covers.kthvalue(covers.shape[-1] // 2 + 1, dim=-1).values
    one, two, three, four = covers.unbind(-1)  # the third smallest of four, without sorting
    return torch.maximum(
        torch.maximum(torch.minimum(one, two), torch.minimum(three, four)),
        torch.minimum(torch.maximum(one, two), torch.maximum(three, four)),
    )


def _look(scenes: Sequence[Scene], device: torch.device) -> _View:
    """Scenes as tensors, each camera and light moved as its scene's own seed says."""
    stray = noise([scene.seed for scene in scenes], 6)  # (b, 6)
    eye = np.array(EYE) + stray[:, :3] * np.array([[scene.camera] for scene in scenes])
    light = np.array(LIGHT) + stray[:, 3:] * np.array([[scene.light] for scene in scenes])
    forward = _unit(np.array(LOOK) - eye)
    right = _unit(np.stack([forward[:, 1], -forward[:, 0], np.zeros(len(scenes))], 1))
    axes = np.stack([right, np.cross(right, forward), forward], 1)
    things = [(i, j, thing) for i, scene in enumerate(scenes) for j, thing in enumerate(scene.things)]
    numbers = np.array(
        [
            (
                *(i, j, SHAPES.index(t.shape), t.x, t.y, SIZES[t.size], math.cos(t.rotation), math.sin(t.rotation)),
                *(*COLOURS[t.colour], MATERIALS.index(t.material)),
            )
            for i, j, t in things
        ]
    ).reshape(-1, 12)

    def tensor(array: np.ndarray) -> Tensor:
        return torch.tensor(array, dtype=torch.float32, device=device)

    image, index, shape = torch.tensor(numbers[:, :3].astype(np.int64), device=device).unbind(1)
    place, radius, turn, colour, metal = (
        numbers[:, 3:5],
        numbers[:, 5],
        numbers[:, 6:8],
        numbers[:, 8:11],
        numbers[:, 11],
    )
    return _View(
        tensor(eye), tensor(axes), tensor(_unit(light)), image, index, shape,
        tensor(place), tensor(radius), tensor(turn), tensor(colour / 255), tensor(metal),
    )  # fmt: skip


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length one."""
    return vectors / np.sqrt((vectors**2).sum(1, keepdims=True))


def _ground(view: _View, size: int, slope: float) -> Float[Tensor, "b 3 h w"]:
    """The grey ground: a gentle gradient, and for each thing a dark foot and a soft shadow away from the light."""
    b = len(view.eye)
    across = ((torch.arange(size, device=view.eye.device) + 0.5) / size * 2 - 1) * slope  # (w)
    right, up, forward = view.axes.unbind(1)
    x, y, z = (
        forward[:, i, None, None]
        + across[None, None, :] * right[:, i, None, None]
        - across[:, None] * up[:, i, None, None]
        for i in range(3)
    )  # (b, h, w)
    far = view.eye[:, 2, None, None] / (-z).clamp_min(1e-3)
    x, y = view.eye[:, 0, None, None] + far * x, view.eye[:, 1, None, None] + far * y
    side = view.light[:, :2] / view.light[:, 2:]  # how far a shadow falls per unit of height
    lit = 1.04 - (x * x + y * y) * 0.006 + (x * side[:, :1, None] + y * side[:, 1:, None]) * 0.02
    dark = torch.ones_like(lit)
    rank = view.index
    for turn in range(int(rank.max()) + 1 if len(rank) else 0):
        now = (rank == turn).nonzero()[:, 0]
        image, radius = view.image[now], view.radius[now, None, None]
        dx = x[image] - view.place[now, 0, None, None]
        dy = y[image] - view.place[now, 1, None, None]
        foot = (dx * dx + dy * dy) / (radius * radius)
        fall = side[image] * view.radius[now, None] * 0.9
        dx, dy = dx + fall[:, :1, None], dy + fall[:, 1:, None]
        cast = (dx * dx + dy * dy) / (radius * radius)
        foot, cast = foot * foot, cast * cast * cast
        dark[image] *= (1 - 0.38 / (1 + 0.5 * foot)) * (1 - 0.36 / (1 + 0.6 * cast))
    shade = (lit * dark).clamp(0, 1)
    return (shade[:, None] * torch.tensor(GROUND, device=shade.device)[:, None, None]).reshape(b, 3, size, size)


def _cast(
    view: _View, kind: Int[Tensor, " m"], shape: int, s: int, slope: float
) -> tuple[Int[Tensor, " r"], Float[Tensor, " r"], Float[Tensor, "3 r"], Int[Tensor, " r"]]:
    """The rays that hit things of one kind: sample number, distance along the view, colour, number of the thing."""
    image, radius = view.image[kind], view.radius[kind]
    eye, axes = view.eye[image], view.axes[image]  # (m, 3), (m, 3, 3)
    height = radius * (0.8 if shape == 0 else 1.0)  # half of it: CLEVR's cubes are smaller than its spheres, too
    centre = torch.stack([view.place[kind, 0], view.place[kind, 1], height], 1) - eye  # seen from the eye
    right, up, away = (
        axes[:, i, 0] * centre[:, 0] + axes[:, i, 1] * centre[:, 1] + axes[:, i, 2] * centre[:, 2] for i in range(3)
    )
    reach = 1.45 * radius / (away * slope) * (s / 2)  # samples; bounds cube and cylinder, too
    window = min(s, int(2 * float(reach.max())) + 3)
    row = ((1 - up / (away * slope)) * (s / 2) - window / 2).round().clamp(0, s - window).long()
    column = ((1 + right / (away * slope)) * (s / 2) - window / 2).round().clamp(0, s - window).long()
    span = torch.arange(window, device=row.device)
    row, column = row[:, None] + span, column[:, None] + span  # (m, window)
    v, u = (1 - (row + 0.5) / s * 2) * slope, ((column + 0.5) / s * 2 - 1) * slope
    turn = view.turn[kind] if shape == 0 else torch.tensor([[1.0, 0.0]], device=row.device)
    cos, sin = turn[:, :1, None], turn[:, 1:, None]
    dx, dy, dz = (
        axes[:, 2, i, None, None]
        + u[:, None, :] * axes[:, 0, i, None, None]
        + v[:, :, None] * axes[:, 1, i, None, None]
        for i in range(3)
    )  # (m, window, window)
    ox, oy, oz = (-centre[:, i, None, None] for i in range(3))  # the eye seen from the thing
    dx, dy, ox, oy = cos * dx + sin * dy, cos * dy - sin * dx, cos * ox + sin * oy, cos * oy - sin * ox
    wide, high = radius[:, None, None], height[:, None, None]
    hit, t = (_cube, _sphere, _cylinder)[shape](dx, dy, dz, ox, oy, oz, wide, high)
    who, at_row, at_column = hit.nonzero(as_tuple=True)  # (r)
    t, dx, dy, dz = t[hit], dx[hit], dy[hit], dz[hit]
    wide, high = radius[who], height[who]
    px, py, pz = ox[who, 0, 0] + t * dx, oy[who, 0, 0] + t * dy, oz[who, 0, 0] + t * dz
    normal = _normal(shape, px, py, pz, wide, high)
    cos, sin = (turn.expand(len(kind), 2)[who]).unbind(1)
    normal = cos * normal[0] - sin * normal[1], sin * normal[0] + cos * normal[1], normal[2]
    ray = cos * dx - sin * dy, sin * dx + cos * dy, dz
    pixel = (image[who] * s + row[who, at_row]) * s + column[who, at_column]
    colour = _shade(view, kind[who], normal, ray, (pz + high) / wide)
    return pixel, t, colour, view.index[kind[who]]


def _sphere(
    dx: Hits, dy: Hits, dz: Hits, ox: Hits, oy: Hits, oz: Hits, wide: Hits, high: Hits
) -> tuple[Bool[Tensor, "..."], Hits]:
    """Where rays o + t d meet a sphere: nearer root of a quadratic."""
    a, b = dx * dx + dy * dy + dz * dz, ox * dx + oy * dy + oz * dz
    inside = b * b - a * (ox * ox + oy * oy + oz * oz - wide * wide)
    return inside > 0, (-b - inside.clamp_min(0).sqrt()) / a


def _cube(
    dx: Hits, dy: Hits, dz: Hits, ox: Hits, oy: Hits, oz: Hits, wide: Hits, high: Hits
) -> tuple[Bool[Tensor, "..."], Hits]:
    """Where rays meet a box: the last of the three slabs to be entered, if none has been left."""
    spans = [_slab(d, o, high) for d, o in ((dx, ox), (dy, oy), (dz, oz))]
    enter = torch.maximum(torch.maximum(spans[0][0], spans[1][0]), spans[2][0])
    leave = torch.minimum(torch.minimum(spans[0][1], spans[1][1]), spans[2][1])
    return enter < leave, enter


def _cylinder(
    dx: Hits, dy: Hits, dz: Hits, ox: Hits, oy: Hits, oz: Hits, wide: Hits, high: Hits
) -> tuple[Bool[Tensor, "..."], Hits]:
    """Where rays meet an upright cylinder: the span inside the round wall, cut by top and bottom."""
    round_ = 0.8 * wide
    a, b = dx * dx + dy * dy, ox * dx + oy * dy
    inside = b * b - a * (ox * ox + oy * oy - round_ * round_)
    root = inside.clamp_min(0).sqrt()
    low, top = _slab(dz, oz, high)
    enter, leave = torch.maximum((-b - root) / a, low), torch.minimum((root - b) / a, top)
    return (inside > 0) & (enter < leave), enter


def _slab(d: Hits, o: Hits, half: Hits) -> tuple[Hits, Hits]:
    """The span of t in which o + t d lies within ± half."""
    d = torch.where(d.abs() < 1e-9, 1e-9, d)
    one, two = (-half - o) / d, (half - o) / d
    return torch.minimum(one, two), torch.maximum(one, two)


def _normal(shape: int, x: Hits, y: Hits, z: Hits, wide: Hits, high: Hits) -> tuple[Hits, Hits, Hits]:
    """The outward normal at points of the surface, in the thing's own axes."""
    zero = torch.zeros_like(x)
    if shape == 1:
        return x / wide, y / wide, z / wide
    if shape == 2:
        top = z > high * 0.9999
        return torch.where(top, zero, x / (0.8 * wide)), torch.where(top, zero, y / (0.8 * wide)), top.float()
    ax, ay, az = x.abs(), y.abs(), z.abs()
    on_x, on_z = (ax >= ay) & (ax >= az), (az > ax) & (az >= ay)
    return (
        torch.where(on_x, x.sign(), zero),
        torch.where(on_x | on_z, zero, y.sign()),
        torch.where(on_z, z.sign(), zero),
    )


def _shade(
    view: _View,
    thing: Int[Tensor, " r"],
    normal: tuple[Hits, Hits, Hits],
    ray: tuple[Hits, Hits, Hits],
    height: Float[Tensor, " r"],
) -> Float[Tensor, "3 r"]:
    """Light on the surface: ambient from above, two lamps, a highlight, and darker towards the ground."""
    nx, ny, nz = normal
    lx, ly, lz = view.light[view.image[thing]].unbind(1)
    metal = view.metal[thing]
    length = (ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2]).sqrt()
    vx, vy, vz = -ray[0] / length, -ray[1] / length, -ray[2] / length
    key = (nx * lx + ny * ly + nz * lz).clamp_min(0)
    fill = (nx * FILL[0] + ny * FILL[1] + nz * FILL[2]).clamp_min(0)
    hx, hy, hz = lx + vx, ly + vy, lz + vz
    shine = ((nx * hx + ny * hy + nz * hz) / (hx * hx + hy * hy + hz * hz).sqrt()).clamp_min(0)
    for _ in range(5):  # the 32nd power by squaring: exact in any batch
        shine = shine * shine
    sky = (2 * (nx * vx + ny * vy + nz * vz) * nz - vz).clamp_min(0)  # how far up the mirrored ray points
    near = 0.72 + 0.28 * height.clamp(0, 1)
    matt = (0.42 + 0.12 * nz + 0.75 * key + 0.16 * fill) * near
    gleam = shine * (0.12 + 0.75 * metal) + metal * sky * sky * 0.3
    return (view.colour[thing].T * (matt * (1 - 0.25 * metal)) + gleam).clamp(0, 1)


def _boxes(owner: Int[Tensor, "b h w"], count: int) -> Int[Tensor, "b k 4"]:
    """The smallest box around what is seen of each thing."""
    boxes = torch.zeros(len(owner), count, 4, dtype=torch.int64, device=owner.device)
    for index in range(count):
        mine = owner == index
        rows, columns = mine.any(2), mine.any(1)  # (b, h), (b, w)
        first = columns.int().argmax(1), rows.int().argmax(1)
        last = columns.shape[1] - columns.flip(1).int().argmax(1), rows.shape[1] - rows.flip(1).int().argmax(1)
        boxes[:, index] = torch.where(rows.any(1, keepdim=True), torch.stack([*first, *last], 1), 0)
    return boxes
