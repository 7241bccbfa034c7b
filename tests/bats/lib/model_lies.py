"""Model files that lie, each refused in one line, soon, and in little memory.

usage: model_lies.py MI_RUN MODEL.gguf

Takes a good file apart, changes one thing at a time, and lets mi-run --info look at the result.
A lie is told well when the exit status is 3, stderr is one line that names what is wrong, two
seconds are enough, and the memory is the file's size and 64 MiB. Prints TAP."""

import os
import signal
import struct
import subprocess
import sys
import tempfile

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
FORMAT = dict(zip(range(13), "B b H h I i f ? s a Q q d".split()))
Q4_1 = 3


class File:
    """keys: {name: (type, value)}, an array's value is (element type, list); tensors: {name:
    [ne, type, offset, bytes]}. What is written can be overridden in `claims`."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.data, self.at = f.read(), 0
        self.magic, self.version, n_tensors, n_keys = b"GGUF", 3, *struct.unpack("<QQ", self.data[8:24])
        self.at, self.keys, self.tensors, self.claims = 24, [], [], {}
        for _ in range(n_keys):
            self.keys.append([self.string(), *self.value(self.number("I"))])
        for _ in range(n_tensors):
            name, rank = self.string(), self.number("I")
            ne = [self.number("Q") for _ in range(rank)]
            self.tensors.append([name, ne, self.number("I"), self.number("Q")])
        start = (self.at + 31) // 32 * 32
        ends = sorted([t[3] for t in self.tensors] + [len(self.data) - start])
        for t in self.tensors:
            end = ends[ends.index(t[3]) + 1]
            t.append(self.data[start + t[3]:start + end])

    def number(self, kind):
        size = struct.calcsize("<" + kind)
        self.at += size
        return struct.unpack("<" + kind, self.data[self.at - size:self.at])[0]

    def string(self):
        n = self.number("Q")
        self.at += n
        return self.data[self.at - n:self.at]

    def value(self, kind):
        if kind == STRING:
            return kind, self.string()
        if kind == ARRAY:
            element, n = self.number("I"), self.number("Q")
            return kind, (element, [self.value(element)[1] for _ in range(n)])
        return kind, self.number(FORMAT[kind])

    def key(self, name):
        return next(k for k in self.keys if k[0] == name.encode())

    def tensor(self, name):
        return next(t for t in self.tensors if t[0] == name.encode())

    def put(self, kind, value):
        if kind == STRING:
            return struct.pack("<Q", len(value)) + value
        if kind == ARRAY:
            element, items = value
            return (struct.pack("<IQ", element, self.claims.get("array", len(items))) +
                    b"".join(self.put(element, x) for x in items))
        return struct.pack("<" + FORMAT[kind], value)

    def bytes(self):
        out = self.magic + struct.pack("<IQQ", self.version, self.claims.get("tensors", len(self.tensors)),
                                       self.claims.get("keys", len(self.keys)))
        out += b"".join(self.put(STRING, k[0]) + struct.pack("<I", k[1]) +
                        (k[2] if isinstance(k[2], bytes) and k[1] != STRING else self.put(k[1], k[2]))
                        for k in self.keys)
        for name, ne, kind, offset, _ in self.tensors:
            out += self.put(STRING, name) + struct.pack("<I", self.claims.get("rank", len(ne)))
            out += struct.pack(f"<{len(ne)}QIQ", *ne, kind, offset)
        out += bytes(-len(out) % 32)
        for t in self.tensors:
            out += t[4] + bytes(-len(t[4]) % 32)
        return out


def lies():
    """name -> a change of a File (or what it makes of the bytes), a word of the message, and
    whether it takes a conversation to see it."""
    def head(**claims):
        return lambda f: f.claims.update(claims)

    def attribute(name, value):
        return lambda f: setattr(f, name, value)

    def key(name, kind, value):
        return lambda f: f.key(name).__setitem__(slice(1, 3), [kind, value])

    def setting(name, kind, value):
        """Of a key that may be there."""
        def fn(f):
            f.keys = [k for k in f.keys if k[0] != name.encode()] + [[name.encode(), kind, value]]
        return fn

    def no_key(name):
        return lambda f: f.keys.remove(f.key(name))

    def more(name, kind, value):
        return lambda f: f.keys.append([name.encode(), kind, value])

    def tensor(at, value, name="blk.0.ffn_up.weight"):
        return lambda f: f.tensor(name).__setitem__(at, value)

    def tokens(change):
        def fn(f):
            element, items = f.key("tokenizer.ggml.tokens")[2]
            f.key("tokenizer.ggml.tokens")[2] = (element, change(list(items)))
        return fn

    def scaling(factor):
        return lambda f: f.keys.extend([[b"llama.rope.scaling.type", STRING, b"linear"],
                                        [b"llama.rope.scaling.factor", F32, factor]])

    def spm(change=lambda x: x, scores=None, kind=F32, types=()):
        """The same tokens as a vocabulary with scores."""
        def fn(f):
            tokens(change)(f)
            n = len(f.key("tokenizer.ggml.tokens")[2][1])
            f.keys.remove(f.key("tokenizer.ggml.merges"))
            f.key("tokenizer.ggml.model")[2] = b"llama"
            f.keys.append([b"tokenizer.ggml.scores", ARRAY, (kind, scores or [0.0] * n)])
            f.key("tokenizer.ggml.token_type")[2] = (I32, [*types, *[1] * (n - len(types))])
        return fn

    def raw(fn):
        return lambda f: fn(f.bytes())

    def chat(change, word):
        """A lie that only a conversation finds."""
        return change, word, True

    rows = {
        "magic": (attribute("magic", b"GGUX"), "not a GGUF"),
        "version 0": (attribute("version", 0), "version 0"),
        "version 4": (attribute("version", 4), "version 4"),
        "big endian": (attribute("version", 3 << 24), "big-endian"),
        "an empty file": (raw(lambda b: b""), ""),
        "a head alone": (raw(lambda b: b[:24]), ""),
        "cut in the keys": (raw(lambda b: b[:1000]), "ends at byte 1000"),
        "cut in the last tensor": (raw(lambda b: b[:-33]), "beyond the end"),
        "cut to half": (raw(lambda b: b[:len(b) // 2]), "beyond the end"),
        "one key more": (head(keys=10_000), ""),
        "2^63 keys": (head(keys=1 << 63), "keys claimed"),
        "2^64 - 1 keys": (head(keys=(1 << 64) - 1), "keys claimed"),
        "65,537 keys": (head(keys=65537), "keys claimed"),
        "one key fewer": (lambda f: head(keys=len(f.keys) - 1)(f), ""),
        "2^63 tensors": (head(tensors=1 << 63), "tensors claimed"),
        "2^60 tensors": (head(tensors=1 << 60), "tensors claimed"),
        "one tensor more": (lambda f: head(tensors=len(f.tensors) + 1)(f), ""),
        "one tensor fewer": (lambda f: head(tensors=len(f.tensors) - 1)(f), ""),
        "2^40 elements": (head(array=1 << 40), "elements"),
        "2^64 - 1 elements": (head(array=(1 << 64) - 1), "elements"),
        "2^28 elements": (head(array=1 << 28), ""),
        "an array of arrays": (more("x", ARRAY, struct.pack("<IQIQ", ARRAY, 1, U8, 0)), "array of arrays"),
        "arrays in arrays without end": (more("x", ARRAY, struct.pack("<IQ", ARRAY, 1) * 9999),
                                         "array of arrays"),
        "an unknown value type": (more("x", 13, b"\0" * 8), "unknown value type 13"),
        "an unknown element type": (more("x", ARRAY, struct.pack("<IQ", 77, 1)), "unknown type"),
        "a key of 2^63 bytes": (raw(lambda b: b[:24] + struct.pack("<Q", 1 << 63) + b[32:]), "claims"),
        "a key of 2^64 - 1 bytes": (raw(lambda b: b[:24] + b"\xff" * 8 + b[32:]), "claims"),
        "an empty key": (more("", U8, 1), "empty"),
        "a key twice": (more("llama.block_count", U32, 2), "there twice"),
        "a tensor twice": (lambda f: f.tensor("blk.0.ffn_up.weight").__setitem__(0, b"blk.0.ffn_gate.weight"),
                           "there twice"),
        "a tensor's name of 64 bytes": (tensor(0, b"x" * 64), "claims 64 bytes"),
        "a tensor without a name": (tensor(0, b""), "no name"),
        "rank 0": (head(rank=0), ""),
        "rank 5": (head(rank=5), "5 dimensions"),
        "rank 2^32 - 1": (head(rank=(1 << 32) - 1), "dimensions"),
        "a dimension of 0": (tensor(1, [32, 0]), "dimension 1 is 0"),
        "a dimension of 2^63": (tensor(1, [32, 1 << 63]), "larger than the file"),
        "dimensions that wrap to 0": (tensor(1, [1 << 32, 1 << 32]), "larger than the file"),
        "dimensions that wrap to what is there": (tensor(1, [32, (1 << 61) + 64]), "larger than the file"),
        "rows that are no blocks": (tensor(1, [33, 64]), "whole number of blocks"),
        "transposed": (lambda f: f.tensor("blk.0.ffn_up.weight")[1].reverse(), "not ["),
        "a removed type": (tensor(2, 4), "type 4"),
        "an unknown type": (tensor(2, 99), "type 99"),
        "type 2^32 - 1": (tensor(2, (1 << 32) - 1), "type"),
        "a type of another size": (tensor(2, 0), "offset"),
        "a type for numbers that are no weights": (tensor(2, 26), ""),
        "an offset that is not aligned": (lambda f: tensor(3, f.tensor("blk.0.ffn_up.weight")[3] + 1)(f),
                                          "offset"),
        "an offset in another tensor": (tensor(3, 0), "offset"),
        "an offset beyond the end": (tensor(3, 1 << 40), "offset"),
        "an offset that wraps": (tensor(3, (1 << 64) - 32), "offset"),
        "a hole before a tensor": (lambda f: tensor(3, f.tensor("blk.0.ffn_up.weight")[3] + 32)(f), "offset"),
        "alignment 0": (more("general.alignment", U32, 0), "general.alignment is 0"),
        "alignment 3": (more("general.alignment", U32, 3), "general.alignment is 3"),
        "alignment 2^31": (more("general.alignment", U32, 1 << 31), "general.alignment"),
        "alignment as text": (more("general.alignment", STRING, b"32"), "general.alignment"),
        "alignment of 64 bits": (more("general.alignment", U64, 1 << 32), "general.alignment"),
        "no architecture": (no_key("general.architecture"), "general.architecture"),
        "an unknown architecture": (key("general.architecture", STRING, b"nonesuch"), "nonesuch"),
        "an architecture of 1 MiB": (key("general.architecture", STRING, b"x" * (1 << 20)), "xxx"),
        "one block more": (key("llama.block_count", U32, 3), "missing"),
        "one block fewer": (key("llama.block_count", U32, 1), "no place"),
        "2^31 - 1 blocks": (key("llama.block_count", U32, (1 << 31) - 1), "block_count"),
        "blocks as text": (key("llama.block_count", STRING, b"2"), "block_count"),
        "blocks as half a number": (key("llama.block_count", F32, 2.5), "block_count"),
        "a wider stream": (key("llama.embedding_length", U32, 96), ""),
        "a negative width": (key("llama.embedding_length", I32, -32), "embedding_length"),
        "a width of 2^40": (key("llama.embedding_length", U64, 1 << 40), "embedding_length"),
        "heads that do not divide": (key("llama.attention.head_count", U32, 5), ""),
        "no heads": (key("llama.attention.head_count", U32, 0), "head_count"),
        "more heads of keys": (key("llama.attention.head_count_kv", U32, 4), ""),
        "a norm that divides by nothing": (key("llama.attention.layer_norm_rms_epsilon", F32, float("nan")),
                                           "epsilon"),
        "no context": (key("llama.context_length", U32, 0), "context_length"),
        "a context of 2^40": (key("llama.context_length", U64, 1 << 40), "context_length"),
        "no vocabulary": (no_key("tokenizer.ggml.tokens"), "tokenizer.ggml.tokens"),
        "a vocabulary of numbers": (key("tokenizer.ggml.tokens", ARRAY, (U32, [1, 2, 3])), "tokens"),
        "one token fewer": (tokens(lambda x: x[:-1]), ""),
        "one token more": (tokens(lambda x: x + [b"more"]), ""),
        "a token twice": (tokens(lambda x: [*x[:-1], x[-2]]), ""),
        "two million empty tokens": (tokens(lambda x: [b""] * 2_000_000), "limit"),
        "a million tokens": (tokens(lambda x: [str(i).encode() for i in range(1_000_000)]), ""),
        "two million merges": (key("tokenizer.ggml.merges", ARRAY, (STRING, [b"a b"] * 2_000_000)), "limit"),
        "a merge of unknown pieces": (key("tokenizer.ggml.merges", ARRAY, (STRING, [b"qqq zzz"])), ""),
        "a merge without a space": (key("tokenizer.ggml.merges", ARRAY, (STRING, [b"ab"])), ""),
        "a type for another number of tokens": (key("tokenizer.ggml.token_type", ARRAY, (I32, [1])),
                                                "token_type"),
        "a BOS outside the vocabulary": (key("tokenizer.ggml.bos_token_id", U32, 1 << 30), ""),
        "an unknown pre-tokenizer": (key("tokenizer.ggml.pre", STRING, b"nonesuch"), "nonesuch"),
        "scores of truth": (spm(kind=BOOL, scores=[True] * 300), "scores"),
        "scores for another number of tokens": (spm(scores=[0.0]), "scores"),
        "scores as text": (spm(kind=STRING, scores=[b"1"] * 300), "scores"),
        "types as halves of numbers": (key("tokenizer.ggml.token_type", ARRAY, (F32, [1.5] * 300)),
                                       "token_type"),
        "types that are none": (key("tokenizer.ggml.token_type", ARRAY, (I32, [77] * 300)), "type 77"),
        "a byte token of -1": (spm(lambda x: [b"<0x-1>", *x[1:]], types=[6]), "token 0"),
        "a byte token of 0x100": (spm(lambda x: [b"<0x100>", *x[1:]], types=[6]), "token 0"),
        "a byte token without digits": (spm(lambda x: [b"<0x>", *x[1:]], types=[6]), "token 0"),
        "an unknown kind of tokenizer": (key("tokenizer.ggml.model", STRING, b"nonesuch"), "nonesuch"),
        "a kind of tokenizer that is a number": (key("tokenizer.ggml.model", U32, 2), "tokenizer.ggml.model"),
        "a negative EOS": (key("tokenizer.ggml.eos_token_id", I32, -5), ""),
        "a rotation of more than a head": (setting("llama.rope.dimension_count", U32, 10), ""),
        "an odd rotation": (setting("llama.rope.dimension_count", U32, 3), ""),
        "a rotation of base 0": (key("llama.rope.freq_base", F32, 0.0), "freq_base"),
        "a rotation of base NaN": (key("llama.rope.freq_base", F32, float("nan")), "freq_base"),
        "a rotation of base infinity": (key("llama.rope.freq_base", F32, float("inf")), "freq_base"),
        "an unknown scaling": (setting("llama.rope.scaling.type", STRING, b"nonesuch"), "nonesuch"),
        "a scaling by 0": (scaling(0.0), "factor"),
        "a scaling by NaN": (scaling(float("nan")), "factor"),
        "a key length of 2^31": (setting("llama.attention.key_length", U32, 1 << 31), "key_length"),
        "a value length of 0": (setting("llama.attention.value_length", U32, 0), "value_length"),
        "a window of -1": (setting("llama.attention.sliding_window", I32, -1), "sliding_window"),
        "experts without tensors": (setting("llama.expert_count", U32, 4), ""),
        "more experts used than there are": (
            lambda f: [setting("llama.expert_count", U32, 2)(f), setting("llama.expert_used_count", U32, 3)(f)][0], ""),
        "2^31 experts": (setting("llama.expert_count", U32, 1 << 31), "expert_count"),
        "heads by layer, of another number of layers": (
            key("llama.attention.head_count_kv", ARRAY, (U32, [2, 2, 2])), "head_count_kv"),
        "a part of several files": (more("split.count", U32, 2), "2 files"),
        "a part of 2^16 files": (more("split.count", U32, 1 << 16), "65536 files"),
        "a template that is a number": chat(key("tokenizer.chat_template", U32, 1), "chat_template"),
        "a template of 2 MiB": chat(key("tokenizer.chat_template", STRING, b"x" * (2 << 20)), "chat template"),
        "a template that is not UTF-8": chat(key("tokenizer.chat_template", STRING, b"\xff\xfe"), "chat template"),
        "a template with a NUL": chat(key("tokenizer.chat_template", STRING, b"{{ messages[0].content }}\0"), "NUL"),
        "a template without its end": chat(key("tokenizer.chat_template", STRING, b"{% if x %}"), "chat template"),
        "a name of control characters": (key("general.architecture", STRING, b"\x1b[2J\n\x07"), ""),
    }
    return rows


def write(path, model, change):
    """In a process of its own: the peak of one that is started counts what its parent held."""
    child = os.fork()
    if child == 0:
        file = File(model)
        made = change(file)
        with open(path, "wb") as f:
            f.write(made if isinstance(made, bytes) else file.bytes())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    return os.path.getsize(path)


def run(command):
    """Exit status, stderr, seconds of processor time, peak bytes."""
    with tempfile.TemporaryFile() as err, open(os.devnull, "r+b") as null:
        signal.alarm(60)
        child = subprocess.Popen(command, stdin=null, stdout=null, stderr=err)
        _, status, use = os.wait4(child.pid, 0)
        child.returncode = status
        signal.alarm(0)
        err.seek(0)
        text = err.read().decode("utf-8", "replace")
    return os.waitstatus_to_exitcode(status), text, use.ru_utime + use.ru_stime, use.ru_maxrss * 1024


def check(number, name, command, size, word):
    """Prints a line of TAP; is it as it must be?"""
    code, text, seconds, peak = run(command)
    wrong = [why for why, is_so in [
        (f"exit {code}", code != 3), ("not one line", text.count("\n") != 1),
        (f"no '{word}'", word not in text), (f"{seconds:.1f} s", seconds > 2),
        ("control characters", any(ord(c) < 32 for c in text.rstrip("\n"))),
        (f"{peak >> 20} MiB", "asan" not in command[0] and peak > size + (64 << 20))] if is_so]
    print("not ok" if wrong else "ok", number, "-", name, "#" if wrong else "", "; ".join(wrong))
    if wrong:
        print("#", text.strip()[:300])
    return not wrong


def main():
    program, model = sys.argv[1:]
    cases = lies()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/lie.gguf"
        talk = f"{folder}/talk.jsonl"
        with open(talk, "w") as f:
            f.write('{"messages": [{"role": "user", "content": "the truth"}]}\n')
        commands = [[program, "-m", path, "--info"], [program, "-m", path, talk]]
        write(path, model, lambda f: None)
        for command in commands:
            least = run(command)
            assert least[0] == 0, f"the file without a lie: {least}"
        for i, (name, (change, word, *is_chat)) in enumerate(cases.items(), 1):
            size = write(path, model, change)
            failed += not check(i, name, commands[bool(is_chat)], size, word)
    print(f"1..{len(cases)}")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
