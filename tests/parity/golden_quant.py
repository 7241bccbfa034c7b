"""Makes tests/golden/quant/*.bin: blocks of each weight type and the floats that the gguf
package makes of them. Little-endian: u32 number of blocks, the blocks, the floats.

    python tests/parity/golden_quant.py [folder]
"""

import os
import sys

import gguf
import numpy as np

RANDOM_BLOCKS = {32: 24, 256: 5, 1: 500}
SPECIAL_HALVES = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x3C00]
# Where the float16 scales of a block stand.
SCALES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
          "Q4_K": [0, 2], "Q6_K": [208]}


def put_half(block, at, half):
    block[at], block[at + 1] = half & 255, half >> 8


def quantised(name, elements, size, rng):
    """Random blocks, then blocks with each special scale and extreme quants."""
    blocks = []
    for _ in range(RANDOM_BLOCKS[elements]):
        block = rng.integers(0, 256, size, dtype=np.uint8)
        for at in SCALES[name]:  # finite: an exponent of 31 would be infinite
            put_half(block, at, int(rng.integers(0, 0x7C00)) | int(rng.integers(0, 2)) << 15)
        blocks.append(block)
    for i, half in enumerate(SPECIAL_HALVES):
        fill = [0x00, 0xFF, 0x80, 0x7F][i % 4]
        block = np.full(size, fill, dtype=np.uint8)
        for j, at in enumerate(SCALES[name]):
            put_half(block, at, SPECIAL_HALVES[(i + 3 * j) % len(SPECIAL_HALVES)])
        blocks.append(block)
    return np.concatenate(blocks)


def plain(name, rng):
    if name == "F32":
        bits = rng.integers(0, 1 << 32, 500, dtype=np.uint32)
        bits[(bits >> 23 & 255) == 255] = 0x80000001
        return bits.view(np.uint8)
    halves = rng.integers(0, 1 << 16, 500, dtype=np.uint16)
    if name == "F16":
        halves[: len(SPECIAL_HALVES)] = SPECIAL_HALVES
        halves[(halves >> 10 & 31) == 31] = 0x7C00  # infinity stays, no NaN payloads
    else:
        halves[(halves >> 7 & 255) == 255] = 0xFF80
    return halves.view(np.uint8)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "tests/golden/quant"
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(20240215)
    np.seterr(over="ignore", under="ignore")
    for name in ["F32", "F16", "BF16", *SCALES]:
        kind = gguf.GGMLQuantizationType[name]
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        data = quantised(name, elements, size, rng) if name in SCALES else plain(name, rng)
        if name == "F32":
            floats = data.view(np.float32)
        elif name == "F16":
            floats = data.view(np.float16).astype(np.float32)
        else:
            floats = gguf.quants.dequantize(data.reshape(1, -1), kind).reshape(-1)
        assert floats.dtype == np.float32 and floats.size == data.size // size * elements
        with open(os.path.join(folder, name + ".bin"), "wb") as f:
            f.write(np.uint32(data.size // size).tobytes() + data.tobytes() + floats.tobytes())


main()
