"""usage: capture.py [--alone] [--prompts N] [--pos POSITIONS] [--threads N]

Tokens a second of capturing resid_post at every layer of N prompts of 8 to 64 random tokens,
no two with a common beginning. Ours: mi-capture as a whole process, start and writing of the
stream included (with --pos all, compressing what is written costs a share of its own).
Transformers: sorted by length, batches of 32, hidden states of every layer; loading is not
counted. Interleaved, medians of five. % of peak: 2 x weights of the blocks x tokens over time,
against the multiply-add peak measured beside it."""
import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
top = os.path.join(here, "..", "..")
tools = os.environ.get("MI_BIN", os.path.join(top, "build", "release", "bin"))
kernels = os.path.join(tools, "..", "bench", "kernels")


def make_prompts(n, d_vocab):
    rng = random.Random(1)
    return [[100 + (i * 131 + 7) % (d_vocab - 100)] + [rng.randrange(100, d_vocab)
            for _ in range(rng.randint(8, 64) - 1)] for i in range(n)]


def ours(model, path, threads, folder, where):
    start = time.perf_counter()
    subprocess.run([os.path.join(tools, "mi-capture"), "-q", "-j", str(threads), "-m", model, "--no-bos",
                    "--at", "resid_post:*", "--pos", where, path, "-o", os.path.join(folder, "acts.mi")], check=True)
    return time.perf_counter() - start


def peer(model, threads):
    sys.path.insert(0, os.path.join(here, "..", "parity"))
    import reference
    import torch
    torch.set_num_threads(threads)
    network = reference.load(model)
    network = network[0] if isinstance(network, tuple) else network
    network.eval()

    def run(prompts):
        start = time.perf_counter()
        ordered = sorted(prompts, key=len)
        with torch.no_grad():
            for at in range(0, len(ordered), 32):
                batch = ordered[at:at + 32]
                width = max(map(len, batch))
                ids = torch.tensor([p + [0] * (width - len(p)) for p in batch])
                mask = torch.tensor([[1] * len(p) + [0] * (width - len(p)) for p in batch])
                network.model(ids, attention_mask=mask, output_hidden_states=True, use_cache=False)
        return time.perf_counter() - start
    return run


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--pos", default="last", help="which positions are written; all are computed")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    model = os.path.join(top, "models", "smollm2.gguf")
    info = dict(line.split(": ", 1) for line in subprocess.run(
        [os.path.join(tools, "mi-run"), "-m", model, "--info"], check=True, capture_output=True,
        text=True).stdout.splitlines() if ": " in line)
    size = {k: int(info[k]) for k in ("n_layers", "n_heads", "n_kv_heads", "d_model", "d_head", "d_mlp", "d_vocab")}
    weights = size["n_layers"] * size["d_model"] * (
        2 * size["d_head"] * (size["n_heads"] + size["n_kv_heads"]) + 3 * size["d_mlp"])
    prompts = make_prompts(arguments.prompts, size["d_vocab"])
    n_tokens = sum(map(len, prompts))
    run_peer = None if arguments.alone else peer(model, arguments.threads)
    rates = {"mi-capture": [], "transformers": []}
    shares = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "prompts.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps({"tokens": p}) + "\n" for p in prompts)
        for i in range(6):
            peak = float(subprocess.run([kernels, "-j", str(arguments.threads), "peak"], check=True,
                                        capture_output=True, text=True).stdout)
            rate = n_tokens / ours(model, path, arguments.threads, folder, arguments.pos)
            theirs = n_tokens / run_peer(prompts) if run_peer else 0
            if i:  # the first round warms the caches
                rates["mi-capture"].append(rate)
                rates["transformers"].append(theirs)
                shares.append(2e-9 * weights * rate / peak)
    def said(x):
        return f"{statistics.median(x):.0f} ({min(x):.0f} to {max(x):.0f})"
    print(f"capture of resid_post:*, --pos {arguments.pos}, {len(prompts)} prompts of 8 to 64 tokens, {n_tokens} tokens, "
          f"{arguments.threads} threads")
    print(f"  mi-capture    {said(rates['mi-capture'])} tokens/s, {100 * statistics.median(shares):.0f} % of peak")
    if run_peer:
        ratio = statistics.median(a / b for a, b in zip(rates["mi-capture"], rates["transformers"]))
        print(f"  transformers  {said(rates['transformers'])} tokens/s; ratio {ratio:.2f}")
    else:
        print("  transformers  not measured: no Python with transformers (PYTHON=...)")


if __name__ == "__main__":
    main()
