"""Writes the golden streams of format version 1 without any code of the project.

    golden_stream.py DIR          DIR/{tiny,two-frames,layers}.{mi,jsonl}
    golden_stream.py --dump       the worked example of mi-stream(5) as a hex dump

Needs zstandard, msgpack, xxhash and numpy. The .jsonl is what mi-view prints of the .mi.
A stream that was released is never made again: versions to come must read these bytes.
"""
import base64
import json
import struct
import sys

import msgpack
import numpy as np
import xxhash
import zstandard

DTYPES = {"f32": "<f4", "f16": "<f2", "f64": "<f8", "i32": "<i4", "i64": "<i8", "u8": "u1"}


def magic(has_table):
    body = b"mi-stream" + bytes([1, 0, int(has_table)])
    return struct.pack("<II", 0x184D2A53, len(body)) + body


def tensor_bytes(t):
    if t["dtype"] == "bf16":
        x = np.array(t["data"], "<f4").view("<u4")
        return (x >> 16).astype("<u2").tobytes()
    data = [float(v) if isinstance(v, str) else v for v in t["data"]]
    return np.array(data, DTYPES[t["dtype"]]).tobytes()


def wire(v, shuffle):
    """A value of the text form as msgpack takes it."""
    if isinstance(v, dict) and list(v) == ["b64"]:
        return base64.b64decode(v["b64"])
    if isinstance(v, dict) and list(v) == ["dtype", "shape", "data"]:
        raw = tensor_bytes(v)
        out = {"dtype": v["dtype"], "shape": v["shape"], "data": raw}
        size = 2 if v["dtype"] == "bf16" else np.dtype(DTYPES[v["dtype"]]).itemsize
        if shuffle and size > 1 and len(raw) >= 64:
            planes = np.frombuffer(raw, np.uint8).reshape(-1, size).T
            out |= {"data": planes.tobytes(), "shuffle": True}
        return out
    if isinstance(v, dict):
        return {k: wire(x, shuffle) for k, x in v.items()}
    if isinstance(v, list):
        return [wire(x, shuffle) for x in v]
    return v


def record(number, line, shuffle):
    body = {k: v for k, v in line.items() if k != "kind"}
    return msgpack.packb([number, line["kind"], wire(body, shuffle)], use_bin_type=True)


def compress(block):
    c = zstandard.ZstdCompressor(level=3, write_checksum=True, write_content_size=True)
    return c.compress(block)


def raw_frame(block):
    """A zstd frame of one block that is not compressed, so that its bytes can be read."""
    assert 256 <= len(block) < 65536 + 256
    head = struct.pack("<IBH", 0xFD2FB528, 0x64, len(block) - 256)
    last_raw = struct.pack("<I", len(block) << 3 | 1)[:3]
    check = struct.pack("<I", xxhash.xxh64_intdigest(block) & 0xFFFFFFFF)
    return head + last_raw + block + check


def stream(blocks, has_table, frame=compress):
    """Lines in blocks -> (bytes, end line). The last block gets the end record behind it."""
    digest, count, size = xxhash.xxh3_128(), 0, 0
    out, table = magic(has_table), [(20, 0)]
    for block in blocks:
        raw = b""
        for line in block:
            canonical = record(count, line, False)
            digest.update(canonical)
            size += len(canonical)
            raw += record(count, line, has_table)
            count += 1
        if block is blocks[-1]:
            end = {"kind": "end", "records": count, "bytes": size,
                   "digest": digest.digest().hex(), "inputs": [], "status": "complete"}
            raw += record(count, end, False)
        table.append((len(frame(raw)), len(raw)))
        out += frame(raw)
    if has_table:
        entries = b"".join(struct.pack("<II", *e) for e in table)
        body = entries + struct.pack("<IBI", len(table), 0, 0x8F92EAB1)
        out += struct.pack("<II", 0x184D2A5E, len(body)) + body
    return out, end


def header(content, **more):
    h = {"kind": "header", "format": "mi-stream", "version": [1, 0], "content": content,
         "model": None, "tokenizer": None, "template": None, "sites": [], "dtype": None,
         "shard": None, "provenance": []}
    return h | more


def tensor(dtype, shape, seed):
    n = int(np.prod(shape, dtype=int))
    if dtype in ("i32", "i64", "u8"):
        return {"dtype": dtype, "shape": shape, "data": [(seed + 37 * i) % 251 for i in range(n)]}
    return {"dtype": dtype, "shape": shape,
            "data": [((seed * 31 + i * 37) % 401 - 200) / 32 for i in range(n)]}


def prompt(i):
    return {"kind": "prompt", "id": f"p{i}", "tokens": [1, 20 + i, 300, 70000],
            "pieces": ["<s>", "The", " caf\u00e9", {"b64": "ww=="}],
            "offsets": [0, 3, 6, 12], "n_prompt": 3,
            "spans": [{"name": "subject", "begin": 1, "end": 3}],
            "roles": [{"name": "user", "begin": 0, "end": 3}],
            "fields": {"label": i, "group": "g", "pair": f"q{i // 2}", "note": [None, True, -1.5]}}


def act(i, site, layer, head, dtype, shape):
    return {"kind": "act", "id": f"p{i}", "site": site, "layer": layer, "head": head,
            "positions": list(range(shape[0])), "x": tensor(dtype, shape, 7 * i + (layer or 0))}


def layers_lines():
    yield header("act", model={"digest": "00112233445566778899aabbccddeeff", "d_model": 16},
                 sites=["resid_post:0", "z:1.0", "attn_scores:0"], dtype="f32",
                 provenance=[{"tool": "mi-capture", "version": "0.1.0", "verb": None,
                              "options": {"at": "resid_post:*"}, "edits": [], "seed": 0}])
    for i in range(2):
        yield prompt(i)
        for layer in range(4):
            yield act(i, "resid_post", layer, None, "f32", [3, 16])
        yield act(i, "z", 1, 0, "f16", [3, 12])
        yield act(i, "v", 1, None, "bf16", [3, 2, 8])
        masked = act(i, "attn_scores", 0, 0, "f32", [2, 2])
        masked["x"]["data"][1] = "-Infinity"
        yield masked
    yield {"kind": "run", "id": "p0", "tokens": [1, 20], "logp": [None, -0.125], "text": "ok\n",
           "top": [None, [[20, -0.125], [3, -2.5]]], "target_logp": None, "foil_logp": None}
    yield {"kind": "dir", "site": "resid_post", "layer": 2, "head": None, "position": "last",
           "method": "mean-diff", "v": {"dtype": "f64", "shape": [4], "data": [0.5] * 4},
           "sign": 1.0, "scale": 2.25, "n": 2, "auroc": 0.75}
    yield {"kind": "x", "i": [127, 128, -32, -33, 65535, 65536, -32769, 2 ** 31, 2 ** 63 - 1,
                              -2 ** 63], "r": [0.1, 1e-07, 5e-324, 1.7976931348623157e+308],
           "t": [tensor("i32", [2, 9], 1), tensor("i64", [10], 2), tensor("u8", [80], 3),
                 tensor("f64", [0, 3], 4), {"dtype": "f32", "shape": [], "data": [0.1]}],
           "s": ["", "a" * 31, "b" * 32, "c" * 256, "\u00e9\u20ac\U0001f600"],
           "b": [{"b64": ""}, {"b64": "AP8="}], "m": {}, "a": [], "n": list(range(20))}


def score(i):
    return {"kind": "score", "site": "resid_post", "layer": i, "metric": "auroc",
            "value": 0.5 + i / 8, "lo": None, "hi": None, "n": 10, "control": None, "seed": 1}


def streams():
    tiny = [header("score"), score(0)]
    yield "tiny", [tiny], False
    many = [header("score")] + [score(i) for i in range(40)]
    yield "two-frames", [many[:20], many[20:]], False
    lines = list(layers_lines())
    yield "layers", [lines[:1], lines[1:10], lines[10:]], True


def text(line):
    """As mi-view prints it."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def main():
    if sys.argv[1:] == ["--dump"]:
        data, _ = stream([[header("score"), score(0)]], True, raw_frame)
        for at in range(0, len(data), 16):
            row = data[at:at + 16]
            shown = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
            print(f"{at:04x}  {row.hex(' '):<47}  {shown}")
        return
    for name, blocks, has_table in streams():
        data, end = stream(blocks, has_table)
        with open(f"{sys.argv[1]}/{name}.mi", "wb") as f:
            f.write(data)
        with open(f"{sys.argv[1]}/{name}.jsonl", "w") as f:
            f.writelines(text(line) + "\n" for b in blocks for line in b)
            f.write(text(end) + "\n")


main()
