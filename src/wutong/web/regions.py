"""The province-level divisions of China, placed on a map of tiles. Codes and names are those of GB/T 2260, letters those of ISO 3166-2. Pure.

A unified social credit code carries the division of its registry in characters 3 to 8 (GB 32100-2015); the first two of those are the province.
"""

from collections.abc import Mapping
from dataclasses import dataclass

FEW = 3
"""Fewer than this are told as fewer than this: one organisation in a province is easily guessed."""
STEPS = (1, 3, 10, 30)
"""From how many on a tile takes the next shade."""


@dataclass(frozen=True, slots=True)
class Region:
    """A division; `x` and `y` are its tile's place, from the north-west."""

    code: str
    letters: str
    zh: str
    en: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Tile:
    """A division on the map: how many organisations are from there, as it may be told, and the shade of that."""

    region: Region
    shown: str
    shade: int


REGIONS = (
    Region("11", "BJ", "北京", "Beijing", 5, 2),
    Region("12", "TJ", "天津", "Tianjin", 6, 2),
    Region("13", "HE", "河北", "Hebei", 5, 3),
    Region("14", "SX", "山西", "Shanxi", 4, 3),
    Region("15", "NM", "内蒙古", "Inner Mongolia", 5, 1),
    Region("21", "LN", "辽宁", "Liaoning", 7, 2),
    Region("22", "JL", "吉林", "Jilin", 7, 1),
    Region("23", "HL", "黑龙江", "Heilongjiang", 7, 0),
    Region("31", "SH", "上海", "Shanghai", 7, 4),
    Region("32", "JS", "江苏", "Jiangsu", 6, 4),
    Region("33", "ZJ", "浙江", "Zhejiang", 6, 5),
    Region("34", "AH", "安徽", "Anhui", 5, 4),
    Region("35", "FJ", "福建", "Fujian", 5, 6),
    Region("36", "JX", "江西", "Jiangxi", 5, 5),
    Region("37", "SD", "山东", "Shandong", 6, 3),
    Region("41", "HA", "河南", "Henan", 4, 4),
    Region("42", "HB", "湖北", "Hubei", 4, 5),
    Region("43", "HN", "湖南", "Hunan", 4, 6),
    Region("44", "GD", "广东", "Guangdong", 4, 7),
    Region("45", "GX", "广西", "Guangxi", 3, 7),
    Region("46", "HI", "海南", "Hainan", 3, 8),
    Region("50", "CQ", "重庆", "Chongqing", 3, 5),
    Region("51", "SC", "四川", "Sichuan", 2, 5),
    Region("52", "GZ", "贵州", "Guizhou", 3, 6),
    Region("53", "YN", "云南", "Yunnan", 2, 6),
    Region("54", "XZ", "西藏", "Tibet", 1, 5),
    Region("61", "SN", "陕西", "Shaanxi", 3, 4),
    Region("62", "GS", "甘肃", "Gansu", 2, 3),
    Region("63", "QH", "青海", "Qinghai", 1, 4),
    Region("64", "NX", "宁夏", "Ningxia", 3, 3),
    Region("65", "XJ", "新疆", "Xinjiang", 0, 2),
    Region("71", "TW", "台湾", "Taiwan", 7, 6),
    Region("81", "HK", "香港", "Hong Kong", 5, 7),
    Region("82", "MO", "澳门", "Macao", 4, 8),
)
WIDE = max(region.x for region in REGIONS) + 1
TALL = max(region.y for region in REGIONS) + 1


def tiles(counts: Mapping[str, int]) -> list[Tile]:
    """Return every division with what may be told of it; `counts` are by the first two digits of the code."""
    found = []
    for region in REGIONS:
        count = counts.get(region.code, 0)
        found.append(Tile(region, shown(count), sum(count >= step for step in STEPS)))
    return found


def elsewhere(counts: Mapping[str, int]) -> str:
    """Return how many are registered with no division's registry, but with the country's, as it may be told."""
    known = {region.code for region in REGIONS}
    return shown(sum(count for code, count in counts.items() if code not in known))


def shown(count: int) -> str:
    """Write a count as strangers may read it: nothing for none, and no small ones."""
    return "" if count <= 0 else f"<{FEW}" if count < FEW else f"{count:,}"
