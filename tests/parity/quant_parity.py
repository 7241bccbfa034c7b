#!/usr/bin/env python3
"""Every type of weights that llama.cpp's quantiser offers, on a real model.

usage: quant_parity.py MODEL.gguf BIN_FOLDER [--types A,B] [--keep FOLDER] [--model-only] [--no-transformers]

The model is requantised to each type (with an importance matrix made on the spot) and scored on
windows of this project's documents. llama.cpp makes an F32 file of each: log-probabilities must
be the same on both files, and the most probable token the one that llama.cpp finds on the F32
file. What llama.cpp makes of the file itself stands beside: there it rounds activations to 8
bits, so its first token is another one where two are about as probable; how often it agrees with
itself on the two files says how much of the difference that is. Files that hold a type
for the first time are compared with transformers on the weights that gguf dequantises, too.
Tensors whose rows do not suit a type get another: each line says which types were there.
--keep (or QUANTISED) keeps the requantised files. --model-only: the given file as it is. Needs LLAMA_CPP (llama_cpp.py)."""

import argparse
import collections
import glob
import os
import sys
import tempfile

import gguf
import llama_cpp
import numpy as np
import reference
import torch
from run_parity import Report, mi_run

LOGP, SAME_TOP = 1e-3, 0.98
CONTEXT, CHUNKS = 256, 4
N_REFERENCE = 2  # windows that transformers runs, too
TYPES = ("F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q2_K_S Q3_K_S Q3_K_M Q3_K_L Q4_K_S Q4_K_M Q5_K_S "
         "Q5_K_M Q6_K IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ2_M IQ3_XXS IQ3_XS IQ3_S IQ3_M IQ4_NL IQ4_XS "
         "TQ1_0 TQ2_0 MXFP4").split()
# What the quantiser gives to mixtures of experts only is asked for by name.
BY_NAME = {"MXFP4": ("Q8_0", ["--tensor-type", "ffn_down=mxfp4"])}


def kinds_of(path):
    """"Q4_0 x 180, Q3_K x 30": types of the matrices."""
    n = collections.Counter(t.tensor_type.name for t in gguf.GGUFReader(path).tensors
                            if len(t.shape) > 1)
    return ", ".join(f"{name} x {count}" for name, count in n.most_common())


def write_text(path):
    top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    with open(path, "w") as out:
        for name in ["README.md", *sorted(glob.glob(f"{top}/docs/*.md"))]:
            with open(os.path.join(top, name)) as f:
                out.write(f.read())


def first_tokens(path, text, folder):
    """(tokens [chunks, CONTEXT], what may be called the first token [chunks, rows, vocabulary])"""
    ids, logp = llama_cpp.windows(path, text, f"{folder}/logits", CONTEXT, CHUNKS)
    step = (logp.max(-1, keepdims=True) - logp.min(-1, keepdims=True)) / 65535
    return ids, logp >= logp.max(-1, keepdims=True) - step


def log_probs(model, row):
    with torch.no_grad():
        logits = model(torch.tensor(row[None].astype(np.int64)), use_cache=False).logits[0]
    return torch.log_softmax(logits.double(), -1).numpy()


def compare_with_transformers(path, ids, runs, report, name):
    """Log-probabilities within LOGP; where weights are so bad that f32 itself is further from f64,
    no further than twice what transformers' own f32 is."""
    def largest(want, have):
        return max(abs(h[t] - w[t - 1, row[t]]) for row, w, h in zip(ids, want, have)
                   for t in range(1, len(row)))

    model = reference.load(path)
    f32 = [log_probs(model, row) for row in ids]
    ours = [run["logp"] for run in runs]
    worst, n_tokens = largest(f32, ours), ids.size - len(ids)
    if worst <= LOGP:
        report(True, f"{name}: log-probabilities of {n_tokens} tokens within {worst:.1e} of transformers")
        return
    model = model.double()
    f64 = [log_probs(model, row) for row in ids]
    own = largest(f64, [[None] + [w[t - 1, row[t]] for t in range(1, len(row))] for row, w in zip(ids, f32)])
    worst = largest(f64, ours)
    report(worst <= 2 * own, f"{name}: log-probabilities of {n_tokens} tokens within {worst:.1e} of "
                             f"transformers in f64, whose f32 is within {own:.1e}")


def score(args, path, ids):
    args.model = path
    prompts = [dict(id=str(i), tokens=[int(x) for x in row]) for i, row in enumerate(ids)]
    return mi_run(args, prompts, "--score", "--top", "1")[1]


def check_file(path, args, text, folder, report, name):
    f32 = f"{folder}/f32.gguf"
    ids, first = first_tokens(path, text, folder)
    why = llama_cpp.quantise(path, f32, "F32")
    assert not why, why
    _, first_f32 = first_tokens(f32, text, folder)
    fields = gguf.GGUFReader(path).fields
    if "tokenizer.ggml.add_bos_token" in fields and fields["tokenizer.ggml.add_bos_token"].contents():
        ids[:, 0] = fields["tokenizer.ggml.bos_token_id"].contents()
    runs, runs_f32 = score(args, path, ids), score(args, f32, ids)
    apart = max(abs(x - y) for a, b in zip(runs, runs_f32) for x, y in zip(a["logp"][1:], b["logp"][1:]))
    ours = np.array([[top[0][0] for top in run["top"][CONTEXT // 2 + 1:]] for run in runs])
    same, same_f32 = (int(np.take_along_axis(x, ours[..., None], -1).sum()) for x in (first, first_f32))
    n, kinds, n_tokens = ours.size, kinds_of(path), ids.size - len(ids)
    itself = int((first & first_f32).any(-1).sum())
    report(apart == 0, f"{name}: log-probabilities of {n_tokens} tokens differ by {apart:.2g} from those "
                       f"on llama.cpp's F32 weights ({kinds})")
    report(same_f32 >= SAME_TOP * n, f"{name}: first token of {n} positions: {same_f32} ({same_f32 / n:.1%}) "
                                     f"as llama.cpp on the weights in F32; llama.cpp on the file: {same} "
                                     f"({same / n:.1%}) as we, {itself} ({itself / n:.1%}) as itself in F32")
    new = {part.split(" ")[0] for part in kinds.split(", ")} - args.seen
    args.seen |= new
    if new and not args.no_transformers:
        compare_with_transformers(path, ids[:N_REFERENCE], runs[:N_REFERENCE], report, name)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("bin")
    parser.add_argument("--types", default=",".join(TYPES))
    parser.add_argument("--keep", default=os.environ.get("QUANTISED"),
                        help="a folder for the requantised files, which are used again")
    parser.add_argument("--model-only", action="store_true")
    parser.add_argument("--no-transformers", action="store_true")
    args = parser.parse_args()
    args.seen = set()
    llama_cpp.folder()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    report, source = Report(), args.model
    with tempfile.TemporaryDirectory() as folder:
        write_text(f"{folder}/text")
        if args.model_only:
            check_file(source, args, f"{folder}/text", folder, report, os.path.basename(source))
            return report.failed
        matrix = f"{args.keep or folder}/imatrix.gguf"
        if not os.path.exists(matrix):
            llama_cpp.importance(source, f"{folder}/text", matrix)
        for name in args.types.split(","):
            path = f"{args.keep or folder}/{name}.gguf"
            kind, options = BY_NAME.get(name, (name, []))
            why = None
            if not os.path.exists(path):
                why = llama_cpp.quantise(source, path, kind, matrix, options)
            if why:
                print("skipped -", f"{name}: the quantiser refuses: {why}")
            else:
                check_file(path, args, f"{folder}/text", folder, report, name)
            if not args.keep and os.path.exists(path):
                os.remove(path)
    return report.failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
