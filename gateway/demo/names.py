"""Invented names: common surnames and given characters put together at random.

Takes a random source; gives names of two to fifty characters, and ways to write one character of a name
differently (traditional form, homophone, pinyin) that still name the same person. Refuses nothing.
"""

from random import Random

#: Surnames of western Guangxi, about as frequent as they stand here (repeated where they are common).
SURNAMES = (
    "黄黄黄黄黄黄韦韦韦韦李李李陆陆陆农农农罗罗王王岑岑梁梁覃覃"
    "莫卢杨陈谭张吴廖周邓何唐班苏刘潘林闭蓝郭蒙曾欧许凌零马赵劳隆"
)

#: Two-character surnames.
DOUBLE_SURNAMES = ("欧阳", "上官", "司徒", "诸葛")

#: Given characters by syllable, tone ignored; characters of one group are homophones.
SYLLABLES: dict[str, str] = {
    "wei": "伟卫维玮", "guo": "国", "fang": "芳", "bo": "博", "zhi": "志智", "de": "德", "an": "安",
    "feng": "凤峰锋", "zhen": "珍贞", "yan": "燕艳", "bin": "斌", "hai": "海", "li": "丽", "yu": "宇玉雨",
    "fu": "福", "yi": "怡", "hui": "慧辉", "peng": "鹏", "shui": "水", "xiang": "香祥", "wen": "文雯",
    "gui": "贵桂", "min": "敏", "xuan": "轩", "ren": "人仁", "chun": "春", "jia": "嘉佳", "mei": "梅美",
    "kang": "康", "jun": "军君", "yong": "勇永", "yun": "云芸", "xiu": "秀", "qi": "琪", "tao": "涛",
    "jing": "静晶", "xue": "雪", "chen": "晨辰", "ting": "婷", "lan": "兰", "ju": "菊", "zhong": "忠",
    "jian": "建健", "long": "龙", "rong": "荣蓉", "hong": "宏", "su": "素", "tian": "天田", "xiao": "小晓",
    "hu": "虎", "lian": "莲", "zi": "子梓", "hua": "华花", "xing": "兴星", "cai": "彩", "mu": "木",
    "huo": "火",
    "jin": "金锦", "juan": "娟", "xin": "欣新", "han": "涵", "kai": "凯", "ling": "玲", "liang": "亮",
    "guang": "光", "cheng": "成", "lin": "林琳", "shan": "山",
}  # fmt: skip

GIVEN = "".join(SYLLABLES.values())
SYLLABLE_OF = {char: syllable for syllable, chars in SYLLABLES.items() for char in chars}

#: Simplified to traditional, only where the way back is unambiguous.
TRADITIONAL = dict(
    zip(
        "伟卫维玮国凤锋贞艳丽辉鹏贵轩军云涛静兰龙荣晓莲华兴锦凯黄韦陆农罗卢杨陈谭张吴邓苏刘闭蓝欧许马赵劳",
        "偉衛維瑋國鳳鋒貞豔麗輝鵬貴軒軍雲濤靜蘭龍榮曉蓮華興錦凱黃韋陸農羅盧楊陳譚張吳鄧蘇劉閉藍歐許馬趙勞",
        strict=True,
    )
)

#: Characters that old systems lose: Ext-B and later, and those whose GB18030 code moved out of the private
#: use area.
RARE = "𠮷䶮𬱖㛃𪻐𣲗𫖯龴龵龻𠂇𠃌𡗗𢦏𤇾"

_MINORITY_GIVEN = (
    "阿依古丽",
    "买买提",
    "古丽娜尔",
    "艾尔肯",
    "木合塔尔",
    "格桑",
    "扎西",
    "迪丽努尔",
    "阿卜杜热合曼",
)
_MINORITY_FAMILY = ("买买提", "吐尔逊", "阿不都", "司马义", "艾力", "央金", "多吉", "阿卜杜拉", "穆罕默德")

RARE_SHARE = 0.004
MINORITY_SHARE = 0.011
LONG_SHARE = 0.0005
DOUBLE_SURNAME_SHARE = 0.004
ONE_CHARACTER_SHARE = 0.22


def surname(rng: Random) -> str:
    """One surname, sometimes of two characters."""
    if rng.random() < DOUBLE_SURNAME_SHARE:
        return rng.choice(DOUBLE_SURNAMES)
    return SURNAMES[int(rng.random() * len(SURNAMES))]


def given(rng: Random) -> str:
    """One given name of one or two characters, rarely with a character that old systems lose."""
    first = GIVEN[int(rng.random() * len(GIVEN))]
    draw = rng.random()
    if draw < RARE_SHARE:
        return first + rng.choice(RARE) if draw < RARE_SHARE / 2 else rng.choice(RARE)
    if draw < RARE_SHARE + ONE_CHARACTER_SHARE:
        return first
    return first + GIVEN[int(rng.random() * len(GIVEN))]


def full_name(rng: Random, family: str) -> str:
    """A whole name for somebody of `family`; a few get a name of a minority, with the separator `·`
    (U+00B7).
    """
    draw = rng.random()
    if draw < LONG_SHARE:
        return "·".join(rng.choice(_MINORITY_GIVEN + _MINORITY_FAMILY) for _ in range(7))
    if draw < MINORITY_SHARE:
        return f"{rng.choice(_MINORITY_GIVEN)}·{rng.choice(_MINORITY_FAMILY)}"
    return family + given(rng)


def alike(rng: Random, name: str) -> str:
    """A sibling's name: the same but for its last character."""
    others = [char for char in GIVEN if char != name[-1] and SYLLABLE_OF[char] != SYLLABLE_OF.get(name[-1])]
    return name[:-1] + rng.choice(others)


def homophones(char: str) -> str:
    """The other characters of the same syllable, tone ignored; empty where there is none."""
    return SYLLABLES.get(SYLLABLE_OF.get(char, ""), "").replace(char, "")
