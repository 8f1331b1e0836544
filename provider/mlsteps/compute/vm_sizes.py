"""Cores, memory and GPUs of Azure's VM sizes, by the names that ``vm_size=`` takes.

Figures are those of Azure's published size tables. Newer general families follow a rule (so many GiB a core), older
ones and those with GPUs are listed.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Resources(NamedTuple):
    """What one node has: ``cores``, ``memory`` in GiB, and ``gpus``."""

    cores: int
    memory: float
    gpus: int = 0


#: Sizes without a rule. Names are in lower case, without ``standard_``, and without the ``s`` that only says that
#: premium disks can be attached (``ds3_v2`` is ``d3_v2``).
_LISTED = {
    "a1": (1, 1.75), "a2": (2, 3.5), "a3": (4, 7), "a4": (8, 14), "a5": (2, 14), "a6": (4, 28), "a7": (8, 56),
    "a1_v2": (1, 2), "a2_v2": (2, 4), "a4_v2": (4, 8), "a8_v2": (8, 16),
    "a2m_v2": (2, 16), "a4m_v2": (4, 32), "a8m_v2": (8, 64),
    "d1": (1, 3.5), "d2": (2, 7), "d3": (4, 14), "d4": (8, 28),
    "d11": (2, 14), "d12": (4, 28), "d13": (8, 56), "d14": (16, 112),
    "d1_v2": (1, 3.5), "d2_v2": (2, 7), "d3_v2": (4, 14), "d4_v2": (8, 28), "d5_v2": (16, 56),
    "d11_v2": (2, 14), "d12_v2": (4, 28), "d13_v2": (8, 56), "d14_v2": (16, 112), "d15_v2": (20, 140),
    "b1": (1, 1), "b1ls": (1, 0.5), "b1ms": (1, 2), "b2": (2, 4), "b2ms": (2, 8), "b4ms": (4, 16), "b8ms": (8, 32),
    "b12ms": (12, 48), "b16ms": (16, 64), "b20ms": (20, 80),
    "e20_v3": (20, 160), "e64_v3": (64, 432), "e64i_v3": (64, 432), "e96_v4": (96, 672), "e96_v5": (96, 672),
    "f1": (1, 2), "f2": (2, 4), "f4": (4, 8), "f8": (8, 16), "f16": (16, 32),
    "g1": (2, 28), "g2": (4, 56), "g3": (8, 112), "g4": (16, 224), "g5": (32, 448),
    "m64": (64, 1024), "m64m": (64, 1792), "m128": (128, 2048), "m128m": (128, 3892),
    "h8": (8, 56), "h16": (16, 112), "h8m": (8, 112), "h16m": (16, 224), "h16r": (16, 112), "h16mr": (16, 224),
    "hb60rs": (60, 228), "hc44rs": (44, 352), "hb120rs_v2": (120, 456), "hb120rs_v3": (120, 448),
    "nc6": (6, 56, 1), "nc12": (12, 112, 2), "nc24": (24, 224, 4), "nc24r": (24, 224, 4),
    "nc6_v2": (6, 112, 1), "nc12_v2": (12, 224, 2), "nc24_v2": (24, 448, 4), "nc24rs_v2": (24, 448, 4),
    "nc6_v3": (6, 112, 1), "nc12_v3": (12, 224, 2), "nc24_v3": (24, 448, 4), "nc24rs_v3": (24, 448, 4),
    "nc4as_t4_v3": (4, 28, 1), "nc8as_t4_v3": (8, 56, 1), "nc16as_t4_v3": (16, 110, 1), "nc64as_t4_v3": (64, 440, 4),
    "nc24ads_a100_v4": (24, 220, 1), "nc48ads_a100_v4": (48, 440, 2), "nc96ads_a100_v4": (96, 880, 4),
    "nc40ads_h100_v5": (40, 320, 1), "nc80adis_h100_v5": (80, 640, 2),
    "nd6": (6, 112, 1), "nd12": (12, 224, 2), "nd24": (24, 448, 4), "nd24rs": (24, 448, 4),
    "nd40rs_v2": (40, 672, 8), "nd96asr_v4": (96, 900, 8), "nd96amsr_a100_v4": (96, 1900, 8),
    "nd96isr_h100_v5": (96, 1900, 8),
    "nv6": (6, 56, 1), "nv12": (12, 112, 2), "nv24": (24, 224, 4),
    "nv12_v3": (12, 112, 1), "nv24_v3": (24, 224, 2), "nv48_v3": (48, 448, 4),
    "nv36ads_a10_v5": (36, 440, 1), "nv72ads_a10_v5": (72, 880, 2),
}  # fmt: skip

#: GiB a core in the families that keep to a rule, by family letter and the generations they have it in.
_RULES = (
    (re.compile(r"d(\d+)[adp]*l[ds]*_v[5-6]"), 2.0),
    (re.compile(r"d(\d+)[adls]*_v[3-6]"), 4.0),
    (re.compile(r"e(\d+)[abdis]*_v[3-6]"), 8.0),
    (re.compile(r"f(\d+)s?_v2"), 2.0),
    (re.compile(r"l(\d+)[as]*(?:_v[23])?"), 8.0),
)


def resources(vm_size: str | None) -> Resources | None:
    """What a node of this size has; None for a size that is not known, and for none.

    :param vm_size: as Azure writes it, in any case: ``STANDARD_D2_V2``, ``Standard_NC6s_v3``.
    """
    name = re.sub(r"^(standard|basic)_", "", (vm_size or "").strip().lower())
    for known in (name, _without_premium(name)):
        if known in _LISTED:
            return Resources(*_LISTED[known])  # type: ignore[arg-type]
    for rule, each in _RULES:
        match = rule.fullmatch(name)
        if match:
            cores = int(match.group(1))
            return Resources(cores, cores * each)
    return None


def _without_premium(name: str) -> str:
    """``ds3_v2`` and ``nc6s_v3`` without the ``s``."""
    return re.sub(r"^([a-z]+?)s?(\d+)(m?)s?(_v\d)?$", r"\1\2\3\4", name)
