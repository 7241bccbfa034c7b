#!/usr/bin/env python3
"""mi-capture against transformers: every site of every layer of a real model file.

usage: sites_parity.py MODEL.gguf BIN_FOLDER

For each site and layer: |ours - theirs| / |theirs| over all positions and numbers of a prompt,
in f32 on the dequantised weights; at most 1e-4. Streams are read with zstandard and msgpack,
without any code of the project. Prints the worst layer of each site and exits 1 when one is
beyond the limit."""

import argparse
import json
import subprocess

import msgpack
import numpy as np
import reference
import zstandard

LIMIT = 1e-4
SITES = ("embed", "resid_pre", "ln1_scale", "ln1_normalized", "q", "k", "v", "rot_q", "rot_k",
         "attn_scores", "pattern", "z", "result", "attn_out", "resid_mid", "ln2_scale",
         "ln2_normalized", "mlp_pre", "mlp_pre_linear", "mlp_post", "mlp_out", "resid_post",
         "ln_final_scale", "ln_final_normalized", "logits")
GLOBAL = ("embed", "ln_final_scale", "ln_final_normalized", "logits")


def make_prompts(n_vocab):
    """Ids: short, past one tile of keys, and long; random ids reach every corner."""
    rng = np.random.default_rng(3)
    return [[int(t) for t in rng.integers(0, n_vocab, n)] for n in (1, 19, 150)]


def capture(args, prompts):
    """{(prompt, site, layer): [positions, ...]} from the stream that mi-capture writes."""
    lines = "".join(json.dumps({"id": str(i), "tokens": t}) + "\n" for i, t in enumerate(prompts))
    at = ",".join(s if s in GLOBAL else s + ":*" for s in SITES)
    run = subprocess.run([f"{args.bin}/mi-capture", "-m", args.model, "--at", at, "--pos", "all",
                          "-q"], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    data = zstandard.ZstdDecompressor().stream_reader(run.stdout, read_across_frames=True)
    out, kind = {}, None
    for _, kind, body in msgpack.Unpacker(data, raw=False, strict_map_key=False,
                                          max_buffer_size=1 << 31):
        if kind != "act":
            continue
        t = body["x"]
        raw = np.frombuffer(t["data"], np.uint8)
        if t.get("shuffle"):  # the first bytes of all numbers, then the second ...
            raw = raw.reshape(4, -1).T
        x = np.ascontiguousarray(raw).view(np.float32).reshape(t["shape"])
        layer = -1 if body["layer"] is None else body["layer"]
        out[(int(body["id"]), body["site"], layer)] = x.astype(np.float64)
    assert kind == "end", "the stream is cut"
    return out


def difference(ours, theirs):
    assert (np.isneginf(ours) == np.isneginf(theirs)).all(), "other keys are masked"
    ours, theirs = (np.where(np.isneginf(x), 0, x) for x in (ours, theirs))
    return np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument("model")
    parse.add_argument("bin")
    args = parse.parse_args()
    model = reference.load(args.model)
    n_layers, n_bad = model.config.num_hidden_layers, 0
    prompts = make_prompts(model.config.vocab_size)
    worst = {}
    for prompt in prompts:
        ours = capture(args, [prompt])
        theirs = reference.run(model, prompt)
        for site in SITES:
            for layer in (-1,) if site in GLOBAL else range(n_layers):
                x = ours[(0, site, layer)]
                d = difference(x, theirs[(site, layer)].reshape(x.shape))
                worst[site] = max(worst.get(site, (0, 0, 0)), (d, layer, len(prompt)))
    for site in SITES:
        d, layer, n = worst[site]
        n_bad += not d <= LIMIT
        print(f"{'ok' if d <= LIMIT else 'not ok'} - {site}: {d:.1e} at layer {layer}, "
              f"{n} tokens")
    print(f"# {len(SITES)} sites, {n_layers} layers, {len(prompts)} prompts: the largest "
          f"difference is {max(worst.values())[0]:.1e}")
    return n_bad > 0


raise SystemExit(main())
