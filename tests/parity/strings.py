"""Strings that tokenizers disagree about, for tests: fixed ones and random ones."""

import random

FIXED = [
    "", " ", "  ", "\n", "\n\n", "\t", " \n", "\r\n", "a", "Hello", "Hello world", " Hello",
    "  Hello", "Hello  ",
    "Hello, y'all! How are you? I'm fine; they've gone, we'll see, he'd know, it's 'tis.",
    "DON'T I'LL WE'VE", "'s't're've'm'll'd", "'S'T'RE'VE'M'LL'D", "'\u017f '\u017ft", "x's  y'S",
    "'", "''", " '", "' s", "I 've", "3", "33", "333", "3333", "33333", "1234567890", "3.14159",
    "1,000,000", "x=1;y=22;z=333", "2024-01-31T12:00:00Z", "٣٤٥", "२०२४", "Ⅷ½²₃①", "１２３",
    "1st 2nd 3rd", "0x1F 0b1010 1e-9", "def f(x):\n    return x ** 2\n\n\nprint(f(3))\n",
    "for (int i = 0; i < n; i++) {\n\tsum += a[i];\n}\n",
    "if x:\n        pass\n    else:\n        y()", "<div class=\"a\">&nbsp;</div>",
    "{\"a\": [1, 2, null]}", "a_b-c.d/e\\f", "http://example.org/path?q=1&r=%20#top",
    "user@example.org", "$100 €200 £300 ¥400", "C++ C# .NET", "#!/bin/sh\n", "trailing space ",
    "trailing newline\n", "two  spaces", "three   spaces", "tab\tand\t\ttabs", "a \n b",
    "a\n \nb", "a\n\n\nb", "line\r\nline\r\n", "\r\r", "\x0b\x0c", "\u0085x", "\u00a0x\u00a0",
    "\u3000x", "\u2028\u2029", "a\u180eb", "\u200b\u200c\u200d", "\ufeffstart", "\u00ad",
    "\u202eabc\u202c", "café", "cafe\u0301", "e\u0301\u0327", "e\u0327\u0301", "\u0301",
    "a\u0308\u0323", "\u1e9b\u0323", "Å\u212b", "ﬁ ﬀ ﬆ", "Ω Ω ℵ ℃", "ß ẞ İ ı ŉ", "Straße",
    "naïve façade", "Zażółć gęślą jaźń", "Příliš žluťoučký kůň", "Ελληνικά", "Русский язык",
    "العربية مرحبا", "עברית שלום", "فارسی\u200cها", "हिन्दी", "বাংলা", "தமிழ்", "ไทยภาษา", "ລາວ",
    "မြန်မာ", "ខ្មែរ", "ქართული", "Հայերեն", "አማርኛ", "中文字符", "日本語のテキスト", "カタカナ", "한국어 텍스트",
    "\u1112\u1161\u11ab\u1100\u1173\u11af", "粵語", "😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪🇫🇷", "❤️", "☃",
    "🧑🏿‍🚀 🚀", "🫠🪿", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "𝟘𝟙𝟚", "𐍈𐌰", "𒀀", "𓀀", "𠀀𪜀", "\U00030000\U000323af", "\U0001e030",
    "\U000e0041\U000e007f", "\ue000\uf8ff", "\U000f0000", "\U0010fffd", "\U0010ffff",
    "\U00040000", "\ufffd\ufffe\uffff", "\x00", "a\x00b", "\x01\x02\x1b[0m", "\x7f",
    "<|endoftext|>", "<|im_start|>user\nHi<|im_end|>\n", "a<|im_start|>b", "<|im_start|",
    "|im_end|>", "<|im_start|><|im_end|>", "<<|im_end|>>", "<|im_en<|im_end|>", "<|IM_END|>",
    "<s>[INST] x [/INST]</s>", "<repo_name>x<file_sep>", "<pad>", "<tool>x</tool>", "<tool",
    "<tool><tool>", " <|im_end|> ", "\n<|im_end|>\n", "12<|im_end|>34", "<|im_end|>'s", "Ġ", "Ċ",
    "ĠĠhello", "Â", "\u0120\u010a", "a" * 40, " " * 40, "\n" * 20, "ab" * 20, "." * 30, "1" * 20,
    "\u0301" * 12, "e\u0301" * 10, "é" * 20, "中" * 20, " a" * 20, "!?" * 10, "'s" * 10, "-" * 33,
    "=" * 17, "\t" * 9, " \t" * 6, "the the the", "The quick brown fox jumps over the lazy dog.",
]

WORDS = [
    "'s", "'S", "'\u017f", "'ll", "'LL", "'Re", "'", "Hello", " world", " the", "12345", "٣४",
    "é", "e\u0301", "ﬁ", "ß", "İ", "中文", "日本語", "한국어", "שלום", "مرحبا", "हिन्दी", "👩‍👩‍👧‍👦",
    "🏳️‍🌈", "def f(x):\n    return x\n", "½", "Ⅷ", "²", "a", " ", "  ", "\n\n", "...", "!?",
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im_", "|>", "$", "€", "_", "\u0300",
    "\u0327\u0301", "<tool>", "i'm", " I", "\r\n", "\t", "9", "10.5", " -", "—", "“", "”", "x",
]
SPACES = " \t\n\r\x0b\x0c\x85\xa0\u1680\u2003\u2028\u3000\u180e\u200b\u200d\ufeffax1.'"
MARKS = "ae\u0300\u0301\u0327\u0323\u0345\u1100\u1161\u11a8\uac00\u09c7\u09be\u0f71\u0f72\u0f74"


def character(r, kind):
    if kind == "any":
        plane = r.choice([0, 0, 0, 1, 1, 2, 3, 14, 15, 16, r.randrange(17)])
        c = plane << 16 | r.randrange(0x10000)
        return "\u4e00" if 0xd800 <= c <= 0xdfff else chr(c)
    if kind == "ascii":
        return chr(r.randrange(128))
    return r.choice({"space": SPACES, "word": WORDS, "mark": MARKS}[kind])


def one(r, longest):
    kinds = ["any", "ascii", "space", "word", "mark"]
    kind = r.choice(kinds + ["mix", "mix"])
    n = r.choice([k for k in (1, 2, 3, 5, 8, 13, 30, 60) if k <= longest])
    return "".join(character(r, r.choice(kinds) if kind == "mix" else kind) for _ in range(n))


def strings(n, seed=1, longest=60):
    """The fixed strings and random ones, n in all, none twice."""
    r = random.Random(seed)
    out = dict.fromkeys(FIXED[:n])
    while len(out) < n:
        out[one(r, longest)] = None
    return list(out)
