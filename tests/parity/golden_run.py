#!/usr/bin/env python3
"""Writes tests/golden/run/*: prompts, and what transformers makes of them on the tiny models.

usage: golden_run.py MODELS_FOLDER GOLDEN_FOLDER     (needs torch, transformers, gguf, tokenizers)

NAME.jsonl are prompts as mi-run reads them, NAME.expect.jsonl one line each: the ids of the
prompt and of the greedy continuation, and of all of them log-probability, rank, entropy and
the three most probable tokens, from logits in double precision. Steps whose best two logits are
closer than 1e-3 end a continuation: there the order is nobody's fault."""

import json
import sys

import gguf
import numpy as np
import reference
import tokenizers
import torch

N_NEW, TOP = 24, 3
TEXTS = [
    dict(id="truth", text="the truth of the matter", target=" is", foil=" of the city"),
    dict(id="city", text="Paris is in", target=" France", foil=" Italy ."),
    dict(id="one", text="t"),
    dict(id="bytes", text="caf\u00e9 \U0001f600\n\tx  y"),
    dict(id="long", text="the city of Rome is in Italy . that is true . this is not true . " * 3,
         target=" the answer is the answer"),
]


def tokenizer(path):
    f = gguf.GGUFReader(path).fields
    tokens, merges = (f[f"tokenizer.ggml.{k}"].contents() for k in ("tokens", "merges"))
    t = tokenizers.Tokenizer(tokenizers.models.BPE(
        {s: i for i, s in enumerate(tokens)}, [tuple(m.split(" ")) for m in merges]))
    t.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return lambda text: t.encode(text).ids


def encoded(prompt, encode):
    if "tokens" in prompt:
        return prompt["tokens"], {}
    ids, more = encode(prompt["text"]), {}
    for side in ("target", "foil"):
        if side in prompt:
            both = encode(prompt["text"] + prompt[side])
            assert both[:len(ids)] == ids
            more[side] = both[len(ids):]
    return ids, more


def logits_of(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids]), use_cache=False).logits[0].numpy()


def figures(model, ids, n_prompt):
    rows = reference.log_probs(logits_of(model, ids))
    out = dict(logp=[None], rank=[None], entropy=[None], top=[None])
    for row, token in zip(rows, ids[1:]):
        best = np.lexsort((np.arange(len(row)), -row))[:TOP]
        out["logp"].append(row[token])
        out["rank"].append(int((row > row[token]).sum()))
        out["entropy"].append(float(-(np.exp(row) * row).sum()))
        out["top"].append([[int(i), row[i]] for i in best])
    return out


def go_on(model, ids):
    ids = list(ids)
    for _ in range(N_NEW):
        row = logits_of(model, ids)[-1]
        first, second = np.argsort(-row)[:2]
        if row[first] - row[second] < 1e-3:
            break
        ids.append(int(first))
        if first in (0, 2):  # <|endoftext|>, <|im_end|>
            break
    return ids


def rounded(x):
    if isinstance(x, list):
        return [rounded(y) for y in x]
    return float("%.9g" % x) if isinstance(x, float) else x


def main(models, folder):
    rng = np.random.default_rng(11)
    for name in ("llama-f32", "llama-mixed", "qwen2-f16"):
        path = f"{models}/{name}.gguf"
        model = reference.load(path).double()
        encode = tokenizer(path)
        prompts = TEXTS if name == "llama-f32" else [
            dict(id=str(n), tokens=[int(t) for t in rng.integers(3, 300, n)]) for n in (1, 9, 70)]
        with open(f"{folder}/{name}.jsonl", "w") as p, \
                open(f"{folder}/{name}.expect.jsonl", "w") as out:
            for prompt in prompts:
                ids, more = encoded(prompt, encode)
                every = go_on(model, ids)
                e = dict(id=prompt["id"], n_prompt=len(ids), tokens=every,
                         **figures(model, every, len(ids)))
                for side, tail in more.items():
                    f = figures(model, ids + tail, len(ids))
                    e[f"{side}_logp"] = sum(f["logp"][len(ids):])
                print(json.dumps(prompt), file=p)
                print(json.dumps({k: rounded(v) for k, v in e.items()}), file=out)


main(*sys.argv[1:])
