#!/usr/bin/env python3
"""mi-patch against TransformerLens: a sweep of resid_post by position.

usage: patch_parity.py MODEL.gguf BIN_FOLDER [--base TEXT --source TEXT --target T --foil T]

TransformerLens wraps the transformers model with the file's dequantised weights, in f32 and as
they are (nothing folded or centred); its hooks put each resid_post of the source run into the
base run. The figure is logit_diff. Every value of the sweep and of the two plain runs agrees
within 1e-3. Streams are read with zstandard and
msgpack, without any code of the project. With --golden FILE the sweep is written there."""

import argparse
import json
import subprocess

import msgpack
import numpy as np
import reference
import torch
import zstandard
from transformer_lens.model_bridge.sources import build_bridge_from_module

LIMIT = 1e-3


def records(data):
    data = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True)
    out = list(msgpack.Unpacker(data, raw=False, strict_map_key=False))
    assert out[-1][1] == "end", "the stream is cut"
    return [(kind, body) for _, kind, body in out]


def sweep(args):
    """(tokens of base, of source, of target, of foil), base, source, patched [L, T]."""
    lines = [{"id": "base", "pair": 1, "side": "base", "text": args.base, "target": args.target,
              "foil": args.foil},
             {"id": "source", "pair": 1, "side": "source", "text": args.source}]
    text = "".join(json.dumps(x) + "\n" for x in lines).encode()
    run = subprocess.run([f"{args.bin}/mi-patch", "-m", args.model, "--at", "resid_post:*",
                          "--pos", "all", "--metric", "logit_diff", "-q"],
                         input=text, stdout=subprocess.PIPE, check=True)
    ids = subprocess.run([f"{args.bin}/mi-run", "-m", args.model, "--tokens"], input=text,
                         stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
    base, source = (json.loads(x) for x in ids)
    effects = [b for kind, b in records(run.stdout) if kind == "effect"]
    n_layers = 1 + max(e["layer"] for e in effects)
    patched = np.full((n_layers, len(base["tokens"])), np.nan)
    for e in effects:
        patched[e["layer"], e["position"]] = e["patched"]
    tokens = base["tokens"], source["tokens"], base["target"], base["foil"]
    return tokens, effects[0]["base"], effects[0]["source"], patched


def reference_sweep(path, tokens):
    """The same from TransformerLens."""
    base, source, target, foil = tokens
    n = next(i for i in range(len(target)) if target[i] != foil[i])
    more = target[:n]  # where target and foil begin alike the figure is read further on
    model = reference.load(path)
    bridge = build_bridge_from_module(model, "LlamaForCausalLM", hf_config=model.config)
    bridge.eval()
    base, source = (torch.tensor([x + more]) for x in (base, source))

    def metric(logits):
        return logits[:, -1, target[n]] - logits[:, -1, foil[n]]

    def patch(x, hook):  # row p of the batch takes the source's value at position p
        where = torch.arange(x.shape[0])
        x[where, where] = cache[hook.name][0, where]
        return x
    n_pos = len(tokens[0])
    with torch.no_grad():
        source_logits, cache = bridge.run_with_cache(source)
        plain = metric(bridge(base)).item(), metric(source_logits).item()
        patched = [metric(bridge.run_with_hooks(
            base.repeat(n_pos, 1), fwd_hooks=[(f"blocks.{i}.hook_resid_post", patch)])).numpy()
            for i in range(model.config.num_hidden_layers)]
    return *plain, np.array(patched)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("bin")
    p.add_argument("--base", default="The city of Paris is in the country of")
    p.add_argument("--source", default="The city of Tokyo is in the country of")
    p.add_argument("--target", default=" France")
    p.add_argument("--foil", default=" Japan")
    p.add_argument("--golden")
    args = p.parse_args()
    tokens, *ours, patched = sweep(args)
    *theirs, their_patched = reference_sweep(args.model, tokens)
    for name, a, b in zip(("base", "source"), ours, theirs):
        print(f"{name:8} ours {a:+.6f}  TransformerLens {b:+.6f}")
    worst = max(np.abs(patched - their_patched).max(), *np.abs(np.subtract(ours, theirs)))
    effect = (patched - ours[0]) / (ours[1] - ours[0])
    print(f"{patched.size} patches of {patched.shape[0]} layers x {patched.shape[1]} positions; "
          f"effects {effect.min():.3f} to {effect.max():.3f}; worst difference {worst:.2e} "
          f"(limit {LIMIT})")
    if args.golden:
        with open(args.golden, "w") as f:
            for layer, row in enumerate(their_patched):
                for position, value in enumerate(row):
                    f.write(f"{layer} {position} {theirs[0]:.6f} {theirs[1]:.6f} {value:.6f}\n")
    assert not np.isnan(patched).any() and worst <= LIMIT, "the sweeps differ"


if __name__ == "__main__":
    main()
