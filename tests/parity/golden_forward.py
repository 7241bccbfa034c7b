#!/usr/bin/env python3
"""Writes tests/golden/forward/*.txt: what transformers computes on the tiny models.

usage: golden_forward.py MODELS_FOLDER GOLDEN_FOLDER     (needs torch, transformers, gguf)

A line `tokens T t0 t1 ...`, then a line `SITE LAYER ROW NUMBERS x0 x1 ...` for each site of
each kept row (layer -1: global; heads x width, row-major; scores: the keys up to the row).
`logp` are the log-probabilities of the row's next token."""

import sys

import numpy as np
import reference

ROWS = {"llama-f32": [3, 39], "llama-mixed": [39], "llama-k": [39], "qwen2-f16": [39]}
N_TOKENS = 40


def numbers(x):
    return " ".join("-inf" if np.isneginf(v) else "%.8g" % v for v in x)


def main(models, folder):
    for name, rows in ROWS.items():
        model = reference.load(f"{models}/{name}.gguf")
        rng = np.random.default_rng(7)
        tokens = [int(t) for t in rng.integers(3, model.config.vocab_size, N_TOKENS)]
        sites = reference.run(model, tokens)
        logits = sites.pop(("logits", -1))
        sites[("logp", -1)] = reference.log_probs(logits)
        last = model.config.num_hidden_layers - 1
        with open(f"{folder}/{name}.txt", "w") as out:
            print("tokens", len(tokens), *tokens, file=out)
            for (site, layer), x in sorted(sites.items(), key=lambda kv: (kv[0][1], kv[0][0])):
                if layer not in (-1, last) and name != "llama-f32":
                    continue
                for row in rows:
                    y = x[row]
                    if site in ("attn_scores", "pattern"):
                        y = y[:, :row + 1]
                    y = y.reshape(-1)
                    print(site, layer, row, len(y), numbers(y), file=out)


main(*sys.argv[1:])
