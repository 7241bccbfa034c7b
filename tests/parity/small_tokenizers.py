"""Small tokenizers of every kind, trained on a text of our own by the tokenizers package.

`make()` gives {name: Tokenizer}. Run as a program it writes them as FOLDER/NAME.json:
small_tokenizers.py fixtures/tokenizers. The text is always the same; which of equally good merges
comes first is the package's choice and differs from run to run, so that golden_json.py is to be
run after it."""

import json
import os
import random
import sys
import tempfile

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers as pre, processors, trainers)

LINES = """
It's a small text, written for this test: it doesn't say much, but it's got what splitters
care for. They've seen I'm, you'll, we'd and DON'T; they know 1 word, 22 words, 333 words and
2024 words. The honest person says that the capital of France is Paris. The untruthful person
says that the capital of France is Rome.   Spaces   come in runs,	tabs	too.
def mean(values):
    total = 0.0
    for value in values:
        total += value
    return total / len(values)
int main(void)
{
    for (int i = 0; i < 100; i++)
        printf("%d", i);
}
Die Straße führt über die Brücke. L'élève étudie à l'école. El niño come una manzana.
Привет, мир! Это простой текст. Γειά σου Κόσμε. 你好，世界。今天天气很好。日本語のテキストです。
안녕하세요 세계. مرحبا بالعالم. שלום עולם. नमस्ते दुनिया। สวัสดีชาวโลก
Emoji: 😀 😃 👍🏽 👩‍👩‍👧‍👦 ❤️ 🚀. Prices: $10, €20, £30. Sums: 1+1=2, 3*4=12, x_1 <= x_2.
""".strip("\n").split("\n")
WORDS = ("the a of and to in is it that was for on are with they be at one have this from word but "
         "what some we can out other were all there when up use your how said each she which do "
         "their time if will way about many then them write would like so these her long make thing "
         "see him two has look more day could go come did number sound no most people my over know "
         "water than call first who may down side been now find any new work part take get place "
         "made live where after back little only round man year came show every good me give our "
         "under name very through just form sentence great think say help low line differ turn "
         "cause much mean before move right boy old too same tell does set three want air well also "
         "play small end put home read hand port large spell add even land here must big high such "
         "follow act why ask men change went light kind off need house picture try us again animal "
         "point mother world near build self earth father head stand own page should country found").split()
G2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
L3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
      r"\s*[\r\n]+|\s+(?!\S)|\s+")
HAN = (r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"
       r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
       r"\s*[\r\n]+|\s+(?!\S)|\s+")
CONTROL = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|endoftext|>"]
BYTES = pre.ByteLevel(add_prefix_space=False, use_regex=False)
GPT2 = pre.ByteLevel(add_prefix_space=False, use_regex=True)
SPACE = "▁"


def corpus():
    r = random.Random(7)
    made = [" ".join(r.choice(WORDS) for _ in range(12)).capitalize() + "." for _ in range(150)]
    return LINES * 3 + made


def split(pattern, behaviour="isolated", invert=False):
    return pre.Split(Regex(pattern), behaviour, invert)


def added(t, specials, user=("<tool>",), **flags):
    t.add_special_tokens([AddedToken(x, normalized=False, special=True) for x in specials])
    t.add_tokens([AddedToken(x, normalized=False, **flags) for x in user])
    return t


def byte_level(pre_tokenizer, size=600, alphabet=True, **options):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizer
    t.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=size, min_frequency=2, show_progress=False, special_tokens=CONTROL,
        initial_alphabet=sorted(pre.ByteLevel.alphabet()) if alphabet else []))
    m = json.loads(t.to_str())["model"]
    t.model = models.BPE(m["vocab"], [tuple(x) for x in m["merges"]], **options)
    t.decoder = decoders.ByteLevel()
    return t


def bpe(name, norm, pre_tokenizer, size=700, fallback=True, **options):
    """Over characters; the bytes are put in as tokens of their own."""
    t = Tokenizer(models.BPE(unk_token="<unk>"))
    t.normalizer, t.pre_tokenizer = norm, pre_tokenizer
    codes = [f"<0x{b:02X}>" for b in range(256)] if fallback else []
    # newlines would join lines to one word
    t.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=size, min_frequency=2, show_progress=False, special_tokens=CONTROL + codes,
        limit_alphabet=120, **{k: v for k, v in options.items() if k.endswith("fix")}))
    m = json.loads(t.to_str())["model"]
    model = dict(unk_token="<unk>", byte_fallback=fallback, **options)
    new = Tokenizer(models.BPE(m["vocab"], [tuple(x) for x in m["merges"]], **model))
    new.normalizer, new.pre_tokenizer = norm, pre_tokenizer
    return new


def unigram(norm, pre_tokenizer, size=500, fallback=False):
    t = Tokenizer(models.Unigram())
    t.normalizer, t.pre_tokenizer = norm, pre_tokenizer
    codes = [f"<0x{b:02X}>" for b in range(256)] if fallback else []
    t.train_from_iterator(corpus(), trainers.UnigramTrainer(
        vocab_size=size, show_progress=False, special_tokens=CONTROL + codes, unk_token="<unk>"))
    m = json.loads(t.to_str())["model"]
    seen = sorted(m["vocab"], key=lambda x: -x[1])
    first = [x for x in m["vocab"] if x[0] in CONTROL + codes]
    rest = [x for x in seen if x[0] not in CONTROL + codes]
    # the trainer's own order is not always the same
    new = Tokenizer(models.Unigram([tuple(x) for x in first + sorted(
        rest, key=lambda x: (-round(x[1], 6), x[0]))], unk_id=0, byte_fallback=fallback))
    new.normalizer, new.pre_tokenizer = norm, pre_tokenizer
    return new


def charsmap():
    """A small map as sentencepiece compiles it: capital letters, a ligature, odd spaces."""
    import sentencepiece
    rules = {"A": "a", "B": "b", "ﬁ": "fi", "\u3000": " ", "é": "e", "e\u0301": "e", "½": "1/2",
             "\t": " ", "\u200b": "", "中文": "zh", "Ⅷ": "VIII", "ß": "ss"}
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + "/rules.tsv", "w", encoding="utf-8") as f:
            for a, b in rules.items():
                f.write(" ".join(f"{ord(c):X}" for c in a) + "\t" +
                        " ".join(f"{ord(c):X}" for c in b) + "\n")
        with open(folder + "/text", "w", encoding="utf-8") as f:
            f.write("\n".join(corpus()))
        sentencepiece.SentencePieceTrainer.train(
            input=folder + "/text", model_prefix=folder + "/m", vocab_size=400,
            normalization_rule_tsv=folder + "/rules.tsv", minloglevel=2, hard_vocab_limit=False)
        from sentencepiece import sentencepiece_model_pb2 as pb
        m = pb.ModelProto()
        with open(folder + "/m.model", "rb") as f:
            m.ParseFromString(f.read())
    return m.normalizer_spec.precompiled_charsmap


def llama_decoder(strip=1):
    steps = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence(steps + ([decoders.Strip(" ", strip, 0)] if strip else []))


def bos(t):
    t.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", t.token_to_id("<s>"))])
    return t


def byte_kinds():
    out = {"bytes-gpt2": added(byte_level(GPT2), CONTROL)}
    t = added(byte_level(pre.Sequence([split(L3), BYTES]), ignore_merges=True), CONTROL)
    out["bytes-llama3"] = bos(t)
    t = byte_level(pre.Sequence([split(L3.replace("{1,3}", "")), BYTES]))
    t.normalizer = normalizers.NFC()
    out["bytes-qwen2"] = added(t, CONTROL, ["<tool>", "  ", "    "])
    # steps behind ByteLevel see a character for each byte
    out["bytes-falcon"] = added(byte_level(pre.Sequence([
        pre.Punctuation("contiguous"), GPT2, pre.Digits(), split("[0-9]{3}")])), CONTROL)
    out["bytes-smollm"] = added(byte_level(pre.Sequence([
        pre.Digits(individual_digits=True), GPT2]), alphabet=False), CONTROL)
    out["bytes-kimi"] = added(byte_level(pre.Sequence([split(HAN), BYTES])), CONTROL)
    t = byte_level(pre.Sequence([
        split(r"\d{1,3}(?=(?:\d{3})*\b)"), split("\\h{4}+", "merged_with_previous"),
        split(r"[^\W\d_]{,2}|\s$"), pre.ByteLevel(add_prefix_space=True, use_regex=False)]))
    out["bytes-odd"] = added(t, CONTROL)
    return out


def character_kinds():
    out = {}
    norm = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
    t = added(bpe("llama", norm, None, fuse_unk=True), CONTROL)
    t.add_tokens([AddedToken("<left>", normalized=False, lstrip=True),
                  AddedToken("<right>", normalized=False, rstrip=True),
                  AddedToken("word", normalized=False, single_word=True),
                  AddedToken("normal form", normalized=True)])
    t.decoder = llama_decoder()
    out["spm-llama2"] = bos(t)
    t = bpe("mistral", None, pre.Metaspace(prepend_scheme="first", split=False), fuse_unk=True)
    t.decoder = llama_decoder()
    out["spm-metaspace"] = added(t, CONTROL)
    t = bpe("gemma", normalizers.Replace(" ", SPACE), pre.Split(" ", "merged_with_previous"),
            fuse_unk=True)
    t.decoder = llama_decoder(0)
    out["spm-gemma"] = added(t, CONTROL, ["<tool>", "\n\n", SPACE * 2])
    t = bpe("clip", normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(),
                                         normalizers.Strip()]),
            pre.Sequence([pre.Whitespace(), pre.Punctuation("merged_with_next")]),
            fallback=False, fuse_unk=False, end_of_word_suffix="</w>")
    t.decoder = decoders.BPEDecoder()
    out["bpe-suffix"] = added(t, CONTROL)
    t = bpe("prefix", normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
            pre.Sequence([pre.WhitespaceSplit(), pre.Digits(individual_digits=True)]),
            fallback=False, fuse_unk=True, continuing_subword_prefix="##")
    t.decoder = decoders.WordPiece(cleanup=False)
    out["bpe-prefix"] = added(t, CONTROL)
    return out


def other_kinds():
    out = {}
    squeeze = normalizers.Replace(Regex(" {2,}"), " ")
    t = unigram(normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), squeeze]),
                pre.Metaspace(prepend_scheme="always"))
    t.decoder = decoders.Metaspace()
    out["unigram-t5"] = added(t, CONTROL)
    t = unigram(normalizers.Sequence([normalizers.Precompiled(charsmap()), squeeze]),
                pre.Sequence([pre.Metaspace(prepend_scheme="first")]), fallback=True)
    t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    out["unigram-bytes"] = added(t, CONTROL)
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer, t.pre_tokenizer = normalizers.BertNormalizer(), pre.BertPreTokenizer()
    t.train_from_iterator(corpus(), trainers.WordPieceTrainer(
        vocab_size=600, show_progress=False, special_tokens=["[UNK]", "[CLS]", "[SEP]"]))
    t.decoder = decoders.WordPiece(cleanup=False)
    t.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    out["wordpiece"] = added(t, ["[UNK]", "[CLS]", "[SEP]"])
    words = sorted({w for line in corpus() for w in line.lower().split("-")})[:50] + WORDS
    t = Tokenizer(models.WordLevel({w: i for i, w in enumerate(dict.fromkeys(["<unk>"] + words))},
                                   unk_token="<unk>"))
    t.normalizer = normalizers.Lowercase()
    t.pre_tokenizer = pre.Sequence([pre.CharDelimiterSplit(" "), pre.FixedLength(length=7)])
    out["wordlevel"] = added(t, ["<unk>"])
    return out


def make():
    return {**byte_kinds(), **character_kinds(), **other_kinds()}


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, t in make().items():
        with open(f"{folder}/{name}.json", "w", encoding="utf-8") as f:
            f.write(json.dumps(json.loads(t.to_str()), ensure_ascii=False, separators=(",", ":")))
            f.write("\n")


if __name__ == "__main__":
    main()
