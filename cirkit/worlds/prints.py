"""Prints on cloth: which of two colours each point has, from stripes to leopard spots.

Part of the product shots that stand in for FashionIQ and Fashion200k (MAAF §3.2). Lengths are in sides of the image.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

Samples = Float[np.ndarray, " k"]
Phase = Float[np.ndarray, " 4"]  # a sheet's own shift of its prints, each in 0..1


def _wave(x: Samples, period: float, share: float = 0.5) -> Bool[np.ndarray, " k"]:
    return (x / period) % 1 < share


def _striped(x: Samples, y: Samples, phase: Phase) -> Samples:
    return _wave(y + 0.08 * phase[0], 0.08, 0.45) * 1.0


def _pinstriped(x: Samples, y: Samples, phase: Phase) -> Samples:
    return _wave(x + 0.05 * phase[0], 0.055, 0.28) * 1.0


def _lattice(x: Samples, y: Samples, period: float) -> tuple[Samples, Samples, Samples]:
    """Offsets from the nearest point of a staggered lattice, and a number in [0, 1) for that point."""
    row = np.floor(y / period)
    shifted = x / period + 0.5 * (row % 2)
    number = np.floor(shifted) * 12.9898 + row * 78.233
    return (shifted % 1 - 0.5) * period, (y / period % 1 - 0.5) * period, np.sin(number) * 43758.5453 % 1


def _dotted(x: Samples, y: Samples, phase: Phase) -> Samples:
    dx, dy, _ = _lattice(x + phase[0], y + phase[1], 0.072)
    return (dx * dx + dy * dy < 0.021**2) * 1.0


def _floral(x: Samples, y: Samples, phase: Phase) -> Samples:
    dx, dy, turn = _lattice(x + phase[0], y + phase[1], 0.115)
    radius, angle = np.hypot(dx, dy), np.arctan2(dy, dx) + 6.28 * turn
    return ((radius < 0.034 + 0.016 * np.cos(5 * angle)) & (radius > 0.011)) * 1.0


def _plaid(x: Samples, y: Samples, phase: Phase) -> Samples:
    across, down = _wave(x + phase[0], 0.09, 0.42), _wave(y + phase[1], 0.09, 0.42)
    return 0.5 * across + 0.5 * down


def _leopard(x: Samples, y: Samples, phase: Phase) -> Samples:
    dx, dy, turn = _lattice(x + phase[0] + 0.012 * np.sin(40 * y), y + phase[1] + 0.012 * np.sin(37 * x), 0.078)
    radius, angle = np.hypot(dx, 1.25 * dy), np.arctan2(dy, dx) + 6.28 * turn
    return ((radius > 0.013) & (radius < 0.029) & (np.cos(angle) < 0.75)) * 1.0


def _zigzag(x: Samples, y: Samples, phase: Phase) -> Samples:
    return _wave(y + np.abs((x + phase[0]) / 0.1 % 1 - 0.5) * 0.09, 0.085, 0.45) * 1.0


def _ombre(x: Samples, y: Samples, phase: Phase) -> Samples:
    return np.clip((y - y.min() - 0.1) / max(float(np.ptp(y)) - 0.2, 0.1), 0, 1)


def _blocked(x: Samples, y: Samples, phase: Phase) -> Samples:
    return (y > y.min() + (0.52 + 0.08 * (phase[0] - 0.5)) * np.ptp(y)) * 1.0


PRINTS: dict[str, Callable[[Samples, Samples, Samples], Samples]] = {
    "striped": _striped, "pinstriped": _pinstriped, "dotted": _dotted, "floral": _floral, "plaid": _plaid,
    "leopard": _leopard, "zigzag": _zigzag, "ombre": _ombre, "blocked": _blocked,
}  # fmt: skip
