"""Text for the tokenizer goldens: a corpus to train vocabularies on and strings to encode.

Everything is made from the lists below and a seed, so two runs give the same text. The random code points are those
whose general category has not changed since Unicode 3.2: the answer does not depend on how new a library's tables are.
Standard library only.
"""

import random
import unicodedata

ENGLISH = """the quick brown fox jumps over lazy dog and then sleeps under warm sun while children play around old
garden because everybody knows that time waits for nobody when a server answers each request within its deadline before
queue grows beyond capacity so operators watch latency memory throughput tokens cache errors alerts dashboards metrics
model weights attention layers rotary embedding softmax gradient descent training inference engine scheduler batch decode
prefill sampling temperature probability distribution language understanding translation summary question answer writing
city river mountain ocean winter summer spring autumn bread butter coffee music painting theatre science history
mathematics physics chemistry biology philosophy literature law medicine economy government election people country
international organisation development environment technology computer software hardware network security information
don't can't won't I'm you're they've we'll she'd it's that's isn't wasn't haven't""".split()

CHINESE = """今天天气很好我们一起去公园散步吧。 人工智能正在改变世界，模型越来越大。 请问这个问题应该怎么回答？ 深度学习需要大量的数据和计算资源。
北京是中华人民共和国的首都。 他说他明天会来，但是我不相信他。 学习语言最好的方法是每天练习。 服务器的延迟很低，吞吐量很高。
长城是世界上最伟大的建筑之一。 我喜欢喝茶，也喜欢喝咖啡。 用户可以在配置文件中设置参数。 时间就是金钱，效率就是生命。""".split()

JAPANESE = "今日はいい天気ですね。 私は日本語を勉強しています。 カタカナとひらがな、漢字。 東京タワーに行きました！".split()

OTHER = """Привет, как дела? Сегодня хорошая погода. Ελληνικά γράμματα και λέξεις. مرحبا بالعالم السلام عليكم שלום עולם
한국어 문장입니다 안녕하세요 สวัสดีครับ नमस्ते दुनिया Přílišžluťoučký kůň úpěl ďábelské ódy naïve café résumé Übergröße
straße Ångström señor façade œuvre ИНФОРМАЦИЯ ტექსტი Հայերեն አማርኛ ខ្មែរ မြန်မာ తెలుగు தமிழ்""".split()

EMOJI = ["😀", "🚀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "❤️", "🇩🇪", "🇨🇳", "✅", "🤖", "👩🏻‍💻", "☃", "🌍", "🧑‍🚀", "1️⃣"]

CODE = [
    "def add(a, b):\n    return a + b\n",
    "for (int i = 0; i < n; ++i) {\n\tsum += x[i] * w[i];\n}\n",
    "#include <vector>\nstd::vector<int> v{1, 2, 3};\n",
    "SELECT name, count(*) FROM users WHERE age >= 18 GROUP BY name;\n",
    "curl -s http://127.0.0.1:8080/v1/chat/completions -d '{\"model\":\"demo\"}'\n",
    "if err != nil {\n\treturn fmt.Errorf(\"open %s: %w\", path, err)\n}\n",
    "<div class=\"a\">&nbsp;text</div>\n",
    "x = [i**2 for i in range(10) if i % 2 == 0]  # squares\n",
    "\\frac{a_1}{b^2} = \\sum_{i=0}^{n} e^{-x_i}\n",
    "public static void main(String[] args) throws IOException { }\n",
]

SPACES = [" ", "  ", "   ", "        ", "\t", "\t\t", "\n", "\n\n", "\n\n\n", "\r\n", "\r\n\r\n", "\r", " \n", "\n ", " \t ",
          "\u00a0", "\u3000", "\u2003", "\u2028", "\u0085", "\u200b", "\v", "\f"]

CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'T", "'RE", "'Ve", "'M", "'LL", "'lL", "'D", "’s",
                "’t", "'x", "'", "''", "'ſ"]


def training_lines(seed=1):
    """A mixed corpus of about 400 kB."""
    rng = random.Random(seed)
    lines = []
    for _ in range(2500):
        words = rng.choices(ENGLISH, k=rng.randint(4, 16))
        if rng.random() < 0.5:
            words[0] = words[0].capitalize()
        if rng.random() < 0.2:
            words.insert(rng.randrange(len(words)), number(rng))
        lines.append(" ".join(words) + rng.choice([".", "!", "?", "", ":", ", and so on."]))
    for _ in range(700):
        lines.append("".join(rng.choices(CHINESE, k=rng.randint(1, 4))))
        lines.append("".join(rng.choices(JAPANESE, k=rng.randint(1, 2))))
    for _ in range(300):
        lines.append(" ".join(rng.choices(OTHER + EMOJI, k=rng.randint(2, 7))))
        lines.append("".join(rng.choices(CODE, k=2)))
        lines.append(" ".join(number(rng) for _ in range(rng.randint(1, 6))))
        lines.append("    " * rng.randint(1, 4) + rng.choice(ENGLISH) + "\n\n" + "\t" * rng.randint(1, 3) + "x")
    rng.shuffle(lines)
    return lines


def number(rng):
    digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 24)))
    return rng.choice([digits, digits[:4] + "." + digits[4:8], f"{int(digits):,}", "-" + digits, digits + "%",
                       "0x" + digits, digits[:2] + ":" + digits[2:4], "$" + digits[:5], digits[:3] + "e-" + digits[:1]])


def stable_code_points():
    """Code points whose category is the same in Unicode 3.2 and in this Python's tables; no surrogates."""
    old = unicodedata.ucd_3_2_0
    return [c for c in range(0x110000)
            if not 0xD800 <= c <= 0xDFFF and old.category(chr(c)) != "Cn"
            and old.category(chr(c)) == unicodedata.category(chr(c))]


def test_strings(special_texts, seed=2):
    """At least 2000 distinct strings, the empty one among them. special_texts: tokens to scatter in some of them.

    Returns a list of (text, holds special text).
    """
    rng = random.Random(seed)
    stable = stable_code_points()
    bmp_letters = [c for c in stable if c < 0x10000 and unicodedata.category(chr(c))[0] in "LMN"]
    marks = [c for c in stable if unicodedata.category(chr(c)) in ("Mn", "Mc")]
    punctuation = [c for c in stable if unicodedata.category(chr(c))[0] in "PSZ"]
    seen = {}

    def put(text, special=False):
        seen.setdefault(text, special)

    for text in ["", " ", "a", "\n", "\x00", "a\x00b", "\ufeff", "\ufffd", "'", "\"", "\\", "\x7f", "\x1b[31mred\x1b[0m",
                 *SPACES, *CONTRACTIONS, *EMOJI, *CODE, *CHINESE, *JAPANESE, *OTHER, *ENGLISH]:
        put(text)
    for c in range(0x20):
        put(chr(c))
        put("a" + chr(c) + "b")
    for n in range(1, 40):
        put(" " * n)
        put("x" + " " * n + "y")
        put("\n" * n)
        put("1" * n)
        put("a" + "9" * n + "b")
        put(" " * n + "\n" + " " * (n // 2) + "z")
        put("=" * n)
        put("ab" * n)
        put("\t" * n + "t")
    for n in (100, 257, 700):
        put("a" * n)
        put("supercalifragilistic" * (n // 20))
        put("好" * n)
        put("!" * n)
        put(" " * n)
        put("ab1" * n)
    for word in ("it", "IT", "They", "we", "Ünal", "我", "x1", "", "don"):
        for c in CONTRACTIONS:
            put(word + c)
            put(word + c + rng.choice(["", " ", "s", "1", "!"]))
    for text in [*OTHER, "Å", "é", "ñ", "한글", "ạ̈", "ḍ̇", "ﬁ", "ﷺ", "Ⅷ", "²", "½", "٣٤", "१२३", "一二三", "①", "ǅ", "ß", "İ", "ı"]:
        put(unicodedata.normalize("NFC", text))
        put(unicodedata.normalize("NFD", text))
        put("x " + unicodedata.normalize("NFD", text) + " y")
    for _ in range(150):
        base = "".join(chr(rng.choice(bmp_letters)) for _ in range(rng.randint(1, 3)))
        put(base + "".join(chr(rng.choice(marks)) for _ in range(rng.randint(1, 4))) + rng.choice(["", " a", "b", "\n"]))
    for _ in range(250):
        put("".join(chr(rng.choice(stable)) for _ in range(rng.randint(1, 12))))
    for _ in range(150):
        put("".join(chr(rng.choice(bmp_letters)) for _ in range(rng.randint(1, 8))))
        put(rng.choice(["", "a", " ", "1"]) + "".join(chr(rng.choice(punctuation)) for _ in range(rng.randint(1, 6))))
    pool = [*ENGLISH, *CHINESE, *JAPANESE, *OTHER, *EMOJI]
    while len(seen) < 2050:
        parts = []
        for _ in range(rng.randint(1, 9)):
            kind = rng.random()
            if kind < 0.45:
                word = rng.choice(pool)
                parts.append(rng.choice([word, word, word.upper(), word.capitalize(), word + rng.choice(CONTRACTIONS)]))
            elif kind < 0.6:
                parts.append(number(rng))
            elif kind < 0.7:
                parts.append(rng.choice(CODE)[:rng.randint(3, 60)])
            elif kind < 0.8:
                parts.append("".join(rng.choice("!?.,;:-_()[]{}<>|/\\@#$%^&*+=~`\"'") for _ in range(rng.randint(1, 5))))
            else:
                parts.append(rng.choice(SPACES))
            parts.append(rng.choice([" ", " ", " ", "", "", "\n", "  "]))
        put("".join(parts))
    for text in special_texts:
        for shape in ("{}", "a{}", "{}b", "a {} b", "{}{}", " {} ", "{}\n{}", "x{}y{}z", "{0}'s", "1{}2", "好{}好"):
            put(shape.format(text, rng.choice(special_texts)), True)
        put(text[:-1], True)
        put(text[1:], True)
        put(text.upper(), True)
        put(text[:3] + " " + text[3:], True)
    for _ in range(120):
        parts = [rng.choice([rng.choice(special_texts), rng.choice(pool), rng.choice(SPACES), number(rng)])
                 for _ in range(rng.randint(2, 8))]
        put("".join(parts), True)
    return list(seen.items())
