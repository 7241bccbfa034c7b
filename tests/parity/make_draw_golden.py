#!/usr/bin/env python3
"""Writes what transformers' logits processors leave of a row of logits, as a C table.

    make_draw_golden.py > tests/unit/job/draw_golden.h

Needs torch and transformers. Each case: settings, tokens seen, and the probability of every
token after repetition penalty, temperature, top-k and top-p in the order of generate()."""

import torch
from transformers import (LogitsProcessorList, RepetitionPenaltyLogitsProcessor,
                          TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)

V = 24
CASES = [  # temperature, top_k, top_p, penalty, seen
    (1.0, 0, 1.0, 1.0, []),
    (0.7, 0, 1.0, 1.0, []),
    (1.5, 5, 1.0, 1.0, []),
    (1.0, 0, 0.8, 1.0, []),
    (1.0, 0, 0.05, 1.0, []),
    (1.3, 7, 0.6, 1.0, []),
    (1.0, 0, 1.0, 1.4, [3, 3, 7, 11, 20]),
    (0.9, 9, 0.9, 1.2, [0, 1, 2, 3, 4, 5]),
    (2.0, 30, 0.95, 0.8, [9, 10]),
]


def main():
    torch.manual_seed(1)
    logits = (2.0 * torch.randn(V)).float()
    print("/* Made by tests/parity/make_draw_golden.py: do not edit. */")
    print(f"enum {{ GOLDEN_V = {V}, GOLDEN_SEEN = 8, GOLDEN_CASES = {len(CASES)} }};\n")
    print("static const float golden_logits[GOLDEN_V] = {")
    print("    " + ", ".join(f"{x:.9g}f" for x in logits.tolist()) + "};\n")
    print("static const struct golden_case {\n    double temperature;\n    int top_k;\n"
          "    double top_p, penalty;\n    int n_seen;\n    int32_t seen[GOLDEN_SEEN];\n"
          "    double p[GOLDEN_V];\n} golden_case[GOLDEN_CASES] = {")
    for temperature, k, p, penalty, seen in CASES:
        steps = LogitsProcessorList()
        if penalty != 1:
            steps.append(RepetitionPenaltyLogitsProcessor(penalty))
        if temperature != 1:
            steps.append(TemperatureLogitsWarper(temperature))
        if k:
            steps.append(TopKLogitsWarper(k))
        if p < 1:
            steps.append(TopPLogitsWarper(p))
        ids = torch.tensor([seen or [0]])
        left = steps(ids, logits[None].clone())[0]
        prob = torch.softmax(left.double(), 0).tolist()
        print(f"    {{{temperature}, {k}, {p}, {penalty}, {len(seen)}, "
              f"{{{', '.join(map(str, seen)) or 0}}},")
        print("     {" + ", ".join(f"{x:.9g}" for x in prob) + "}},")
    print("};")


main()
