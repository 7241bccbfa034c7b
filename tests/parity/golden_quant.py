"""Makes tests/golden/quant/*.bin: blocks of each weight type and digests of the floats that the
gguf package makes of them. Little-endian: u32 number of units of 256 weights, their blocks,
for each unit the first eight bytes of the SHA-256 of its floats, every NaN as 0x7fc00000.

    python tests/parity/golden_quant.py [folder]
"""

import hashlib
import os
import sys

import gguf
import numpy as np

RANDOM_BLOCKS = {32: 26, 256: 40}  # and enough for all groups of a grid:
GRID_BLOCKS = 160
# Zeros, subnormals, the least and largest numbers, one; then infinities and NaNs.
FINITE = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x3C00]
SPECIAL = FINITE + [0x7C00, 0xFC00, 0x7E00, 0xFE01]
# Where the float16 scales of a block stand. IQ1_M spreads its own over four top nibbles.
SCALES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
          "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
          "IQ1_S": [0], "IQ1_M": ["spread"], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0],
          "IQ3_XXS": [0], "IQ3_S": [0], "IQ4_NL": [0], "IQ4_XS": [0],
          "TQ1_0": [52], "TQ2_0": [64], "MXFP4": []}


def put_half(block, at, half):
    if at == "spread":
        for i in range(4):
            block[49 + 2 * i] = block[49 + 2 * i] & 15 | (half >> 4 * i & 15) << 4
    else:
        block[at], block[at + 1] = half & 255, half >> 8


def quantised(name, elements, size, rng):
    """Random blocks; each special scale with extreme quants; every byte at every place."""
    blocks = []
    is_grid = name[:3] in ("IQ1", "IQ2", "IQ3")
    for _ in range(GRID_BLOCKS if is_grid else RANDOM_BLOCKS[elements]):
        block = rng.integers(0, 256, size, dtype=np.uint8)
        for at in SCALES[name]:
            put_half(block, at, int(rng.integers(0, 0x7C00)) | int(rng.integers(0, 2)) << 15)
        blocks.append(block)
    for i in range(len(SPECIAL)):
        block = np.full(size, [0x00, 0xFF, 0x80, 0x7F][i % 4], dtype=np.uint8)
        for j, at in enumerate(SCALES[name]):
            put_half(block, at, SPECIAL[(i + 3 * j) % len(SPECIAL)])
        blocks.append(block)
    # 37 is coprime to 256: over the blocks, a byte takes many of the 256 values, and with
    # blocks of 32 (where there are enough) all of them.
    for i in range(256 if elements == 32 else 8):
        block = (np.arange(size) * 37 + i * (1 if elements == 32 else 32)).astype(np.uint8)
        for at in SCALES[name]:
            put_half(block, at, 0x2C00 + 17 * i)
        blocks.append(block)
    return np.concatenate(blocks)


def plain(name, rng):
    if name.startswith("F8"):
        return np.arange(256, dtype=np.uint8)
    if name == "F32":
        bits = rng.integers(0, 1 << 32, 512, dtype=np.uint32)
        bits[(bits >> 23 & 255) == 255] = 0x80000001
        return bits.view(np.uint8)
    halves = rng.integers(0, 1 << 16, 512, dtype=np.uint16)
    if name == "F16":
        halves[: len(SPECIAL)] = SPECIAL
    else:
        halves[(halves >> 7 & 255) == 255] = 0xFF80
    return halves.view(np.uint8)


def eight_bits(data, name):
    """Numbers of eight bits by torch: the gguf package has none."""
    import torch
    kind = torch.float8_e4m3fn if name == "F8_E4M3" else torch.float8_e5m2
    return torch.from_numpy(data.copy()).view(kind).to(torch.float32).numpy()


def digests(floats):
    floats = floats.copy()
    floats.view(np.uint32)[np.isnan(floats)] = 0x7FC00000
    return b"".join(hashlib.sha256(unit.tobytes()).digest()[:8] for unit in floats.reshape(-1, 256))


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "tests/golden/quant"
    os.makedirs(folder, exist_ok=True)
    np.seterr(over="ignore", under="ignore", invalid="ignore")
    for name in ["F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", *SCALES]:
        rng = np.random.default_rng([20240215, *name.encode()])
        elements, size = 1, 1
        if not name.startswith("F8"):
            kind = gguf.GGMLQuantizationType[name]
            elements, size = gguf.GGML_QUANT_SIZES[kind]
        data = quantised(name, elements, size, rng) if name in SCALES else plain(name, rng)
        if name.startswith("F8"):
            floats = eight_bits(data, name)
        elif name == "F32":
            floats = data.view(np.float32)
        elif name == "F16":
            floats = data.view(np.float16).astype(np.float32)
        else:
            floats = gguf.quants.dequantize(data.reshape(1, -1), kind).reshape(-1)
        assert floats.dtype == np.float32 and floats.size == data.size // size * elements
        with open(os.path.join(folder, name + ".bin"), "wb") as f:
            units = np.uint32(floats.size // 256)
            f.write(units.tobytes() + data.tobytes() + digests(floats))


main()
