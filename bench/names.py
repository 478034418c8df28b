"""Invented names as columns: surnames about as frequent as in western Guangxi, given names of one or two characters.

Takes indices into the tables; gives texts, and the ways in which one character of a name is written differently and
still names the same person. Every given character here has one reading only, so that whether two names sound alike is
known from the tables. Refuses nothing.
"""

import polars as pl

#: In the order of their frequency.
SURNAMES = (
    "黄韦李陆农罗王岑梁覃莫卢杨陈谭张吴廖周邓何唐班苏刘潘林闭蓝郭蒙曾欧许凌零马赵劳隆赖徐朱胡高谢宋董萧程曹袁傅彭吕"
    "蒋蔡丁魏薛叶阎余戴钟汪田姜范方石姚邹熊金陶秦尹江史顾侯邵孟万段雷钱汤易武乔龚文庞樊兰殷施洪颜倪严牛温芦季俞章鲁"
    "葛毕聂焦向柳邢路岳齐梅左庄辛耿关纪褚玉甘阮滕骆冼巫游利宁符蒲卓柯辜盘凤龙容麻奚"
)
_BY_SYLLABLE = (
    "伟卫维玮薇 国 芳 博 志智芝 德 安 凤峰锋丰风枫 珍贞真振 燕艳妍岩 斌 海 丽力利礼理黎历俐 宇玉雨 福富 "
    "怡义艺逸依伊亦毅易益翼 慧辉惠卉晖徽 鹏 水 香祥翔湘 文雯闻 贵桂 敏民 轩萱宣 人仁 春纯 嘉佳 梅美玫 康 "
    "军君钧 勇永咏 云芸运 秀修绣 琪启琦 涛 静晶京敬 雪学 晨辰宸 成城诚 婷庭 兰岚澜 菊 忠中钟 建健剑坚 龙隆 "
    "荣蓉 宏鸿洪 素苏 天田甜恬添 小晓筱 虎湖 莲连 子梓紫 花华桦 兴星 彩财 木睦牧沐慕 火 金锦进瑾谨津 娟 "
    "欣新心 涵翰瀚寒 凯恺 玲灵凌铃 亮良梁 光 林琳霖 山珊善 颖莹迎盈 铭鸣茗 刚钢 萍 杰 磊蕾雷 飞菲斐 昊豪 "
    "阳扬 旭绪 栋东冬 生升 胤银音 伦仑 旺望 源媛远元圆 清卿庆 泽则 佩沛 霞侠 柳留琉 琼 群 悦岳 朗郎 璐鲁禄 "
    "谦芊 丝 诗世士 秋丘 根 庚 瑞睿 壮 双爽 顺舜 松颂 书树 丹 彤同通 诺 兵炳 宝保葆 蓓贝 楠男 妮霓 凡帆 "
    "芬 歌 冠观关贯 荷贺禾鹤 恒衡 厚 槐 焕欢桓 煌 吉季继纪济 娇骄 克科 坤 来莱 洛骆 曼满 茂 蒙梦孟 淼妙 谋 "
    "念 品频 琴芹秦 权泉全 然染 茹如儒 弱"
)
_SYLLABLES = _BY_SYLLABLE.split()
#: Given characters, and to which syllable each belongs; characters of one syllable are homophones.
GIVEN = [char for group in _SYLLABLES for char in group]
SYLLABLE = pl.Series([i for i, group in enumerate(_SYLLABLES) for _ in group], dtype=pl.Int32)
#: The next character of the same syllable; itself where there is no other.
HOMOPHONE = pl.Series(
    [GIVEN.index(group[(at + 1) % len(group)]) for group in _SYLLABLES for at in range(len(group))], dtype=pl.Int32
)
#: Characters whose traditional form has one way back.
_SIMPLE = (
    "伟卫维玮国凤锋丰贞艳岩丽义艺辉鹏闻贵轩纯军钧咏云运绣启涛静学诚兰岚钟剑坚龙荣鸿苏晓莲连华桦兴财锦进凯恺灵铃颖莹"
    "铭鸣刚钢杰飞阳扬绪栋东银伦仑远圆庆泽则侠琼悦岳谦丝诗壮双顺颂书树诺宝贝黄韦农罗卢杨陈谭张吴邓刘闭蓝欧许马赵劳赖"
    "谢萧吕蒋"
)
_FULL = (
    "偉衛維瑋國鳳鋒豐貞豔巖麗義藝輝鵬聞貴軒純軍鈞詠雲運繡啟濤靜學誠蘭嵐鍾劍堅龍榮鴻蘇曉蓮連華樺興財錦進凱愷靈鈴穎瑩"
    "銘鳴剛鋼傑飛陽揚緒棟東銀倫侖遠圓慶澤則俠瓊悅嶽謙絲詩壯雙順頌書樹諾寶貝黃韋農羅盧楊陳譚張吳鄧劉閉藍歐許馬趙勞賴"
    "謝蕭呂蔣"
)
#: Names of minorities: a given name and a father's name, with the separator U+00B7 between.
_OWN = [
    "阿依古丽", "买买提江", "古丽娜尔", "艾尔肯", "木合塔尔", "格桑", "扎西", "迪丽努尔",
    "热合曼", "帕提古丽", "吐尔洪", "阿不力孜", "达瓦", "卓玛", "央吉", "买合木提",
]  # fmt: skip
_FATHERS = [
    "买买提", "吐尔逊", "阿不都", "司马义", "艾力", "央金", "多吉", "阿卜杜拉",
    "穆罕默德", "肉孜", "依明", "克力木", "达娃", "次仁", "玉素甫", "热西提",
]  # fmt: skip

SURNAME_WEIGHTS = [1 / (rank + 2) for rank in range(1, len(SURNAMES) + 1)]
#: Spread over the table by a step that meets each character once, since it is sorted by sound and not by frequency.
GIVEN_WEIGHTS = [1 / (20 + rank * 101 % len(GIVEN)) for rank in range(len(GIVEN))]
MINORITY_NAMES = len(_OWN) * len(_FATHERS)

_SURNAMES = pl.Series(list(SURNAMES))
_GIVEN = pl.Series(GIVEN)
_MINORITY = pl.Series([f"{own}·{father}" for own in _OWN for father in _FATHERS])


def text(surname: pl.Expr, first: pl.Expr, second: pl.Expr, minority: pl.Expr) -> pl.Expr:
    """The names, of indices; `second` is null for given names of one character, `minority` for all others."""
    han = pl.concat_str(
        pl.lit(_SURNAMES).gather(surname),
        pl.lit(_GIVEN).gather(first),
        pl.lit(_GIVEN).gather(second).fill_null(""),
    )
    return pl.coalesce(pl.lit(_MINORITY).gather(minority), han)


def traditional(name: pl.Expr) -> pl.Expr:
    """The name in traditional characters; as it is where it has none."""
    return name.str.replace_many(list(_SIMPLE), list(_FULL))
