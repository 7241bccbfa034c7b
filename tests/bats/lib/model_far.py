"""A model file of 6 GiB, most of it a hole.

usage: model_far.py MODEL.gguf OUT.gguf

A table that nobody needs, of 6 GiB, comes before the other tensors, so that all their offsets
have more than 32 bits. The file is sparse: it takes a few pages of the disk."""

import struct
import sys

from model_lies import File

SIZE = 6 << 30


def main():
    f = File(sys.argv[1])
    head = f.magic + struct.pack("<IQQ", 3, len(f.tensors) + 1, len(f.keys))
    head += b"".join(f.put(8, k[0]) + struct.pack("<I", k[1]) + f.put(k[1], k[2]) for k in f.keys)
    head += f.put(8, b"rotary_emb.inv_freq") + struct.pack("<IQIQ", 1, SIZE // 4, 0, 0)
    for name, ne, kind, offset, _ in f.tensors:
        head += f.put(8, name) + struct.pack(f"<I{len(ne)}QIQ", len(ne), *ne, kind, offset + SIZE)
    with open(sys.argv[2], "wb") as out:
        out.write(head + bytes(-len(head) % 32))
        out.seek(SIZE, 1)
        for t in f.tensors:
            out.write(t[4])


main()
