"""Writes common/math/iq_grids.c: the grids of the IQ1, IQ2 and IQ3 weight types, as numbers.

A grid is a list of groups of levels, fixed by the file format. Here each group is one number:
the indices of its levels, two bits each for groups of eight, three for groups of four.

    python tests/parity/iq_grids.py [file]
"""

import sys

import numpy as np
from gguf import quants

HEAD = """/* math/iq_grids.c: the grids of the IQ weight types; see math/quant_types.h.
 *
 * Written by tests/parity/iq_grids.py: facts of the file format, not code. */
#include "math/quant_types.h"
"""
GRIDS = [("mi_iq1_grid", quants.IQ1_S), ("mi_iq2_xxs_grid", quants.IQ2_XXS),
         ("mi_iq2_xs_grid", quants.IQ2_XS), ("mi_iq2_s_grid", quants.IQ2_S),
         ("mi_iq3_xxs_grid", quants.IQ3_XXS), ("mi_iq3_s_grid", quants.IQ3_S)]


def codes(kind):
    kind.init_grid()
    grid = kind.grid.reshape(kind.grid_shape)
    levels = list(kind.grid_map)
    bits = 2 if len(levels) < 4 else 3
    index = np.array([[levels.index(int(x)) for x in row] for row in grid])
    return (index << bits * np.arange(index.shape[1])).sum(axis=1)


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else "common/math/iq_grids.c"
    with open(path, "w") as f:
        f.write(HEAD)
        for name, kind in GRIDS:
            numbers = codes(kind)
            assert numbers.max() < 1 << 16
            f.write(f"\n/* clang-format off */\nconst uint16_t {name}[{len(numbers)}] = {{\n")
            for i in range(0, len(numbers), 13):
                f.write("    " + ", ".join(f"{x:5d}" for x in numbers[i:i + 13]) + ",\n")
            f.write("};\n/* clang-format on */\n")


main()
