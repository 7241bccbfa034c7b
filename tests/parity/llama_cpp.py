"""The programs of llama.cpp, as one more implementation to compare with.

LLAMA_CPP names the folder where it was built (or its bin/). Without it the scripts that need it
say so and exit 77. Its own multiplication rounds activations to 8 bits on quantised weights, so
log-probabilities are not compared with it, only which token comes first."""

import os
import subprocess
import sys

import numpy as np

SKIPPED = 77
# A thread more than there are free cores costs it five times the time: they wait spinning.
THREADS = os.environ.get("OMP_NUM_THREADS", "2")


def folder():
    """Where the programs are; ends the script when there are none."""
    top = os.environ.get("LLAMA_CPP", "")
    for sub in ("", "bin", "build/bin"):
        if os.path.exists(os.path.join(top, sub, "llama-quantize")):
            return os.path.abspath(os.path.join(top, sub))
    print("skipped - LLAMA_CPP names no folder with a built llama.cpp (llama-quantize is looked for)")
    sys.exit(SKIPPED)


def source():
    """Where its converter is, of which the folder of programs may be a part; None: nowhere."""
    top = os.environ.get("LLAMA_CPP", "")
    for up in ("", "..", "../.."):
        if top and os.path.exists(os.path.join(top, up, "convert_hf_to_gguf.py")):
            return os.path.abspath(os.path.join(top, up))
    return None


def call(name, *args, **more):
    return subprocess.run([os.path.join(folder(), name), *args], capture_output=True, **more)


def tokens(model, text):
    """Ids, special tokens recognised and BOS added where the model says so."""
    out = call("llama-tokenize", "-m", model, "--ids", "--log-disable", "-p", text, check=True)
    return [int(x) for x in out.stdout.decode().strip().strip("[]").split(",") if x.strip()]


def continued(model, text, n):
    """Greedy text after the text; control tokens are spelt."""
    out = call("llama-simple", "-m", model, "-n", str(n), text, check=True).stdout.decode()
    at = out.index(text) + len(text)
    return out[at:]


def quantise(source, to, kind, imatrix=None, options=()):
    """None, or why it refuses."""
    more = ["--imatrix", imatrix] if imatrix else []
    out = call("llama-quantize", "--allow-requantize", *more, *options, source, to, kind, THREADS)
    return None if out.returncode == 0 else out.stderr.decode().strip().splitlines()[-1]


def importance(model, text, to, n_chunks=4):
    call("llama-imatrix", "-m", model, "-f", text, "-o", to, "--chunks", str(n_chunks), "-c", "512",
         "-t", THREADS, check=True)


def windows(model, text, to, n_context, n_chunks):
    """(tokens [chunks, n_context], log-probabilities [chunks, rows, vocabulary]) where row r
    follows token n_context / 2 + r. In steps of a 65,535th of their range, which is at most 16."""
    call("llama-perplexity", "-m", model, "-f", text, "-c", str(n_context), "-b", str(n_context),
         "--chunks", str(n_chunks), "--kl-divergence-base", to, "-t", THREADS, "-ctk", "f32",
         "-ctv", "f32", "-fa", "off", check=True)
    with open(to, "rb") as f:
        assert f.read(8) == b"_logits_"
        n_context, n_vocab, n_chunks = (int(x) for x in np.fromfile(f, np.int32, 3))
        ids = np.fromfile(f, np.int32, n_context * n_chunks).reshape(n_chunks, n_context)
        rows, width = n_context - 1 - n_context // 2, 2 * ((n_vocab + 1) // 2) + 4
        packed = np.fromfile(f, np.uint16, n_chunks * rows * width).reshape(-1, width)
    scale = packed[:, :4].copy().view(np.float32)
    logp = packed[:, 4:4 + n_vocab] * scale[:, :1] + scale[:, 1:2]
    return ids, logp.reshape(n_chunks, rows, n_vocab)
