"""Directories of models that lie, each refused in one line, soon, and in little memory.

usage: folder_lies.py MI_RUN DIRECTORY

Changes one file of a good directory at a time and runs a conversation through it. What must
hold is as in model_lies.py. Prints TAP."""

import json
import os
import shutil
import struct
import sys
import tempfile

from model_lies import check, run

CONFIG, GENERATION, TOKENIZER = "config.json", "generation_config.json", "tokenizer.json"
SETTINGS, TEMPLATE, SHARD = "tokenizer_config.json", "chat_template.jinja", "model-00002-of-00002.safetensors"

# What no JSON file may be, whatever it is for.
NOT_JSON = {
    "empty": b"", "a NUL": b'{"a": 1\0}', "not UTF-8": b'{"a": "\xff"}', "not closed": b'{"a": [1, 2',
    "trailing text": b"{} {}", "a comma too many": b'{"a": 1,}', "no object": b"[1]", "a NaN": b'{"a": NaN}',
    "half a surrogate": b'{"a": "\\ud800"}', "100,000 brackets": b'{"a": ' + b"[" * 100_000,
    "a number of 1e999": b'{"a": 1e999}', "UTF-16": '{"a": 1}'.encode("utf-16"),
}


def lies():
    """Name, file, a change of its bytes, a word of the message."""
    def of_json(change):
        def fn(data):
            value = json.loads(data)
            change(value)
            return json.dumps(value).encode()
        return fn

    def put(**members):
        return of_json(lambda v: v.update(members))

    def header(change):
        def fn(data):
            n = struct.unpack("<Q", data[:8])[0]
            v = json.loads(data[8:8 + n])
            made = change(v)
            text = made if isinstance(made, bytes) else json.dumps(v).encode()
            return struct.pack("<Q", len(text)) + text + data[8 + n:]
        return fn

    def first(**members):
        return header(lambda v: next(x for k, x in v.items() if k != "__metadata__").update(members))

    def bytes_of(data):
        return lambda _: data

    rows = [(f"{file}: {what}", file, bytes_of(data), file) for what, data in NOT_JSON.items()
            for file in (CONFIG, GENERATION, TOKENIZER, SETTINGS)
            if (file, what) not in {(SETTINGS, "a NaN"), (SETTINGS, "a number of 1e999")}]
    # config.json: what its own table (directories.bats) has not
    for name, value in (("vocab_size", 301), ("vocab_size", "300"), ("hidden_act", "nonesuch"), ("head_dim", 1 << 40),
                        ("max_position_embeddings", 0), ("max_position_embeddings", "512"),
                        ("max_position_embeddings", 1 << 40), ("tie_word_embeddings", "yes"), ("hidden_size", 32.5),
                        ("rms_norm_eps", "1e-5"), ("num_attention_heads", [4, 4]), ("quantization_config", 4)):
        rows.append((f"{CONFIG}: {name} {value!r}", CONFIG, put(**{name: value}), ""))
    for value in ("2", -1, 300, [2, 300], 1 << 31, 2.5, [2, "2"], {"a": 2}, list(range(33))):
        rows.append((f"{GENERATION}: eos_token_id {str(value)[:20]}", GENERATION, put(eos_token_id=value), "eos"))
    rows += [
        (f"{TOKENIZER}: a token twice", TOKENIZER, lambda d: d.replace(b'"model":', b'"model":{},"model":', 1), ""),
        (f"{TOKENIZER}: no model", TOKENIZER, of_json(lambda v: v.pop("model")), "model"),
        (f"{TOKENIZER}: another model", TOKENIZER, of_json(lambda v: v["model"].update(type="Magic")), "Magic"),
        (f"{TOKENIZER}: an id of 2^22", TOKENIZER, of_json(lambda v: v["model"]["vocab"].update(new=1 << 22)), ""),
        (f"{TOKENIZER}: a token beyond the embedding", TOKENIZER,
         of_json(lambda v: v["model"]["vocab"].update(new=300)), ""),
        (f"{TOKENIZER}: 1,000,000 of them", TOKENIZER,
         of_json(lambda v: v["model"]["vocab"].update({f"t{i}": 300 + i for i in range(1_000_000)})), ""),
        (f"{TOKENIZER}: a merge of nothing", TOKENIZER, of_json(lambda v: v["model"]["merges"].append(["qqq", "z"])), ""),
        (f"{TOKENIZER}: a merge of one", TOKENIZER, of_json(lambda v: v["model"]["merges"].append(["q"])), ""),
        (f"{TOKENIZER}: an added token of another's id", TOKENIZER,
         of_json(lambda v: v["added_tokens"].append({"id": 5, "content": "<new>", "special": True})), ""),
        (f"{TOKENIZER}: an added token of no id", TOKENIZER,
         of_json(lambda v: v["added_tokens"].append({"content": "<new>"})), ""),
        (f"{TOKENIZER}: an expression of 64 KiB", TOKENIZER, put(pre_tokenizer={
            "type": "Split", "pattern": {"Regex": "a" * 65536}, "behavior": "Isolated", "invert": False}), ""),
        (f"{TOKENIZER}: a broken expression", TOKENIZER, put(pre_tokenizer={
            "type": "Split", "pattern": {"Regex": "(?<a"}, "behavior": "Isolated", "invert": False}), "expression"),
        (f"{TOKENIZER}: an expression that never ends", TOKENIZER, put(pre_tokenizer={
            "type": "Split", "pattern": {"Regex": "^(?:(?:[a-z ]+)+)+$(?<=never)"}, "behavior": "Isolated",
            "invert": False}), ""),
        (f"{TOKENIZER}: an unknown step", TOKENIZER, put(normalizer={"type": "Nonesuch"}), "Nonesuch"),
        (f"{TOKENIZER}: a decoder that makes a GiB of a token", TOKENIZER, put(pre_tokenizer=None, decoder={
            "type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 64}] * 5}),
         "longer"),
        (f"{TOKENIZER}: a normalizer that makes a GiB of a letter", TOKENIZER, put(normalizer={
            "type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"String": "t"}, "content": "t" * 64}] * 5}),
         "more than"),
        (f"{TOKENIZER}: steps within steps", TOKENIZER, bytes_of(
            b'{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"normalizer":' +
            b'{"type":"Sequence","normalizers":[' * 40 + b"]}" * 40 + b"}"), ""),
        (f"{SETTINGS}: a BOS that is a number", SETTINGS, put(bos_token=5), SETTINGS),
        (f"{TEMPLATE}: empty", TEMPLATE, bytes_of(b""), ""),
        (f"{TEMPLATE}: 2 MiB", TEMPLATE, bytes_of(b"x" * (2 << 20)), "bytes"),
        (f"{TEMPLATE}: a NUL", TEMPLATE, lambda d: d + b"\0{{ more }}", "NUL"),
        (f"{TEMPLATE}: not UTF-8", TEMPLATE, lambda d: d + b"\xff", "UTF-8"),
    ]
    for what, text, word in (
            ("not closed", "{% for m in messages %}{{ m.content }}", ""), ("an unknown tag", "{% load x %}", "load"),
            ("an unknown filter", "{{ messages | nonesuch }}", "nonesuch"), ("no expression", "{{ 1 + }}", ""),
            ("another file", "{% include 'x' %}", "include"), ("it raises", "{{ raise_exception('no\x1b[2J') }}", "no"),
            ("division by zero", "{{ 1 // 0 }}", ""), ("an attribute of a type", "{{ ''.__class__.__mro__ }}", ""),
            ("a text of 2^40", "{{ 'x' * 1099511627776 }}", ""),
            ("a text that doubles", "{% set n = namespace(s='x') %}{% for i in range(60) %}"
             "{% set n.s = n.s + n.s %}{% endfor %}{{ n.s }}", ""),
            ("loops in loops", "".join(f"{{% for a{i} in range(1000) %}}" for i in range(6)) + "x" +
             "{% endfor %}" * 6, ""),
            ("a macro that calls itself", "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", ""),
            ("100,000 brackets", "{{ " + "(" * 100_000 + "1" + ")" * 100_000 + " }}", ""),
            ("2^62 numbers", "{{ range(4611686018427387904) | list | length }}", "")):
        rows.append((f"{TEMPLATE}: {what}", TEMPLATE, bytes_of(text.encode()), word))
    for what, change, word in (
            ("an unknown dtype", first(dtype="F33"), "F33"), ("another dtype", first(dtype="F64"), "ask for"),
            ("a shape of 2^62", first(shape=[1 << 62, 4]), ""), ("a shape of -1", first(shape=[-1]), "whole"),
            ("nine dimensions", first(shape=[1] * 9), "dimensions"), ("bytes beyond the end", first(
                data_offsets=[0, 1 << 40]), ""), ("bytes from behind", first(data_offsets=[8, 0]), ""),
            ("a header of 2^63", lambda d: b"\0" * 7 + b"\x80" + d[8:], ""), ("a header of 2^64 - 1", lambda d:
             b"\xff" * 8 + d[8:], ""), ("no header", lambda d: struct.pack("<Q", 0) + d[8:], ""),
            ("a cut", lambda d: d[:-1], ""), ("a byte more", lambda d: d + b"\0", ""), ("empty", bytes_of(b""), ""),
            ("a pickle", bytes_of(b"PK\3\4" + bytes(100)), ""), ("a list", header(lambda v: b"[]"), "object")):
        rows.append((f"{SHARD}: {what}", SHARD, change, word or SHARD))
    return rows


def write(path, change):
    """In a process of its own, as model_lies.write; how large all files are."""
    child = os.fork()
    if child == 0:
        with open(path, "rb") as f:
            data = change(f.read())
        with open(path, "wb") as f:
            f.write(data)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    return sum(e.stat().st_size for e in os.scandir(os.path.dirname(path)))


def main():
    program, model = sys.argv[1:]
    rows = lies()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        d, talk, good_file = f"{folder}/d", f"{folder}/talk.jsonl", f"{folder}/good"
        shutil.copytree(model, d, copy_function=shutil.copyfile)
        with open(talk, "w") as f:
            f.write('{"messages": [{"role": "user", "content": "the truth of the matter"}]}\n')
        command = [program, "-m", d, talk]
        good = run(command)
        assert good[0] == 0, f"the directory without a lie: {good}"
        for i, (name, file, change, word) in enumerate(rows, 1):
            path = f"{d}/{file}"
            shutil.copyfile(path, good_file)
            size = write(path, change)
            failed += not check(i, name, command, size, word)
            shutil.copyfile(good_file, path)
    print(f"1..{len(rows)}")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
