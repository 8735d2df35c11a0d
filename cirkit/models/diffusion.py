"""Diffusion: how noisy an embedding is at each time, and samplers that go from noise to an embedding.

CompoDiff (Gu et al., 2024) §3.1 and §5.2: 1000 times under a cosine schedule (Nichol and Dhariwal, 2021), DDIM (Song et
al., 2021). DPM-Solver++ is of Lu et al. (2022); that a grid should begin at the last time, of Lin et al. (2024).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from cirkit.errors import Problem

Denoise = Callable[[Tensor, int], Tensor]  # noisy (b, r, d), time -> clean (b, r, d)
Grid = Callable[[int, int], Sequence[int]]  # calls, times of the schedule -> the time of each call, from high to low
Noise = Callable[[Tensor], Iterator[Tensor]]  # a tensor (b, r, d) -> standard normal ones of its shape, one by one
Sampler = Callable[[Denoise, Iterator[Tensor], Sequence[float]], Tensor]  # the last: ᾱ of each time -> clean (b, r, d)


def cosine(times: int = 1000, offset: float = 0.008, largest: float = 0.999) -> tuple[float, ...]:
    """ᾱ of each time, the share of an embedding's variance that is left: a squared cosine.

    No single step adds more than `largest`.
    """

    def level(share: float) -> float:
        return math.cos((share + offset) / (1 + offset) * math.pi / 2) ** 2

    alphas, left = [], 1.0
    for time in range(times):
        left *= 1 - min(1 - level((time + 1) / times) / level(time / times), largest)
        alphas.append(left)
    return tuple(alphas)


def trailing(calls: int, times: int) -> Sequence[int]:
    """Even steps down from the last time, at which an embedding is noise alone, as it is where sampling begins."""
    return [round(times - call * times / calls) - 1 for call in range(calls)]


def released_grid(calls: int, times: int) -> Sequence[int]:
    """The released code's even times between -1 and `times`: ten calls begin at 909 of 1000, one call at 499.

    Its argument `timesteps` is one more than the calls it makes.
    """
    even = torch.linspace(-1.0, times, calls + 2, device="cpu").int().tolist()  # single precision, rounded towards zero
    return even[-2:0:-1]


@dataclass(frozen=True)
class same_for_all:
    """The same draws for every query: what a query becomes does not depend on the others in its batch."""

    seed: int = 0

    def __call__(self, like: Float[Tensor, "b r d"]) -> Iterator[Float[Tensor, "b r d"]]:
        generator = torch.Generator().manual_seed(self.seed)
        while True:
            yield torch.randn(like.shape[1:], generator=generator, device="cpu").to(like).expand_as(like)


@dataclass(frozen=True)
class row_by_row:
    """Released code: draws of its own for each row of a batch."""

    seed: int = 0

    def __call__(self, like: Float[Tensor, "b r d"]) -> Iterator[Float[Tensor, "b r d"]]:
        generator = torch.Generator().manual_seed(self.seed)
        while True:
            yield torch.randn(like.shape, generator=generator, device="cpu").to(like)


@dataclass(frozen=True, kw_only=True)
class DDIM:
    """Each call's embedding is noised again to the next time: by the noise it implies, and by fresh noise with `eta`.

    With `behind` 1, as in the released code, the update takes its levels of noise from one time earlier than the call.
    """

    calls: int = 10
    grid: Grid = trailing
    eta: float = 0.0
    behind: int = 0

    def __call__(self, denoise: Denoise, noise: Iterator[Tensor], alphas: Sequence[float]) -> Float[Tensor, "b r d"]:
        noisy = next(noise)
        for time, after in pairwise((*_times(self.grid, self.calls, alphas), -1)):
            clean = denoise(noisy, time)
            if after < 0:
                break
            implied = (noisy - alphas[time] ** 0.5 * clean) / (1 - alphas[time]) ** 0.5
            now, then = (1.0 if each < self.behind else alphas[each - self.behind] for each in (time, after))
            fresh = self.eta * ((1 - now / then) * (1 - then) / (1 - now)) ** 0.5
            noisy = then**0.5 * clean + max(1 - then - fresh**2, 0.0) ** 0.5 * implied
            if fresh:
                noisy = noisy + fresh * next(noise)
        return clean


def released_ddim(calls: int = 10) -> DDIM:
    """What the released code calls DDIM: fresh noise at each step (η = 1), on a grid that begins below the last time.

    Its `timesteps` is `calls` + 1.
    """
    return DDIM(calls=calls, grid=released_grid, eta=1.0, behind=1)


@dataclass(frozen=True, kw_only=True)
class DPMSolver:
    """DPM-Solver++ of second order over two calls (2M): the clean embedding is followed along its last change."""

    calls: int = 10
    grid: Grid = trailing

    def __call__(self, denoise: Denoise, noise: Iterator[Tensor], alphas: Sequence[float]) -> Float[Tensor, "b r d"]:
        noisy, before, last = next(noise), None, 0.0
        for time, after in pairwise((*_times(self.grid, self.calls, alphas), -1)):
            clean = denoise(noisy, time)
            if after < 0:
                break
            step = _log_snr(alphas[after]) - _log_snr(alphas[time])
            aim = clean if before is None else clean + step / (2 * last) * (clean - before)
            shrink = ((1 - alphas[after]) / (1 - alphas[time])) ** 0.5
            noisy = shrink * noisy - alphas[after] ** 0.5 * math.expm1(-step) * aim
            before, last = clean, step
        return clean


def _log_snr(alpha: float) -> float:
    return 0.5 * math.log(alpha / (1 - alpha))


def _times(grid: Grid, calls: int, alphas: Sequence[float]) -> Sequence[int]:
    if not 1 <= calls <= len(alphas):
        raise Problem(f"A sampler makes from 1 to {len(alphas)} calls, not {calls}. Choose another number.")
    return grid(calls, len(alphas))
