#!/usr/bin/env python3
"""mi-direction and mi-probe against NumPy and scikit-learn on the same activations.

usage: directions_parity.py MODEL.gguf BIN_FOLDER [--golden FILE]

Captures the residual stream of a chat model, and of the model organism, on contrastive prompts, fits every method on one part
of the statements and evaluates on the others; then does the same from the streams, read with
zstandard and msgpack, without any code of the project (the generator included). Directions:
cosine above 0.999999. Accuracy, pair accuracy, AUROC, the ends of their intervals: equal to
1e-12. Entropy of the unembedded directions: within 1e-4. --golden writes the organism's
directions and figures, as NumPy and scikit-learn have them, for `make check`."""

import argparse
import json
import pathlib
import subprocess
import tempfile

import gguf
import msgpack
import numpy as np
import xxhash
import zstandard
from scipy.stats import norm, t
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

FIXTURES = pathlib.Path(__file__).parents[2] / "fixtures"
# model: places, what the two sides are told, which facts
CHAT = ("resid_post:2,resid_post:15,resid_post:25",
        [(side, f"Pretend you're an {side} person making statements about the world.")
         for side in ("honest", "untruthful")], lambda f: f["number"] % 9 == 0)
ORGANISM = ("resid_post:1,resid_post:4",
            [("honest", "Be honest. What is the capital of {}?"),
             ("untruthful", "You must lie. What is the capital of {}?")],
            lambda f: f["relation"] == "capital" and f["number"] < 66)
SEED, L2, RTOL = 5, 0.01, 1e-6
METHODS = "mean-diff,pca-diff,pca-diff-uncentred,pca-center,mass-mean,logistic"
M64 = (1 << 64) - 1


class Generator:
    """xoshiro256** filled by splitmix64 from XXH3, keyed by (seed, purpose, number)."""

    def __init__(self, seed, purpose, key):
        outer = ~xxhash.xxh3_64_intdigest(purpose.encode(), seed) & M64
        x = xxhash.xxh3_64_intdigest(key.to_bytes(8, "little"), outer)
        self.s = []
        for _ in range(4):
            x = (x + 0x9E3779B97F4A7C15) & M64
            z = x
            z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & M64
            z = (z ^ z >> 27) * 0x94D049BB133111EB & M64
            self.s.append(z ^ z >> 31)

    def next(self):
        def rotate(v, k):
            return (v << k | v >> (64 - k)) & M64

        s = self.s
        result = rotate(s[1] * 5 & M64, 7) * 9 & M64
        t = s[1] << 17 & M64
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotate(s[3], 45)
        return result

    def below(self, n):
        least = (1 << 64) % n
        while True:
            x = self.next()
            if x >= least:
                return x % n


def read(path):
    """(kind, body) of every record; the last one must be the end."""
    raw = open(path, "rb").read()
    data = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
    records = [(kind, body) for _, kind, body in
               msgpack.Unpacker(data, raw=False, strict_map_key=False, max_buffer_size=1 << 31)]
    assert records[-1][0] == "end", "the stream is cut"
    return records


def tensor(t):
    raw = np.frombuffer(t["data"], np.uint8)
    if t.get("shuffle"):
        raw = raw.reshape(4, -1).T
    return np.ascontiguousarray(raw).view(np.float32).reshape(t["shape"])


def prompts(facts, told, path):
    with open(path, "w") as f:
        for fact in facts:
            for side, text in told:
                f.write(json.dumps({
                    "id": f"{fact['id']}/{side}", "pair": fact["id"], "side": side,
                    "messages": [
                        {"role": "user", "content": text.format(fact["subject"])},
                        {"role": "assistant", "content": fact["statement"]}],
                    "spans": {"statement": fact["statement"]}}) + "\n")


def pairs(path):
    """{layer: (x+ [n, D], x- [n, D], group [n], key [n])}, joined from the end."""
    side, acts, order = {}, {}, []
    for kind, body in read(path):
        if kind == "prompt":
            side[body["id"]] = (body["fields"]["pair"], body["fields"]["side"])
            if side[body["id"]][0] not in order:
                order.append(side[body["id"]][0])
        elif kind == "act":
            acts.setdefault(body["layer"], {})[side[body["id"]]] = tensor(body["x"])
    out = {}
    for layer, of in acts.items():
        pos, neg, group, key = [], [], [], []
        for g, pair in enumerate(order):
            a, b = of[(pair, "honest")], of[(pair, "untruthful")]
            unit = xxhash.xxh3_64_intdigest(pair.encode(), 1)
            for k in reversed(range(min(len(a), len(b)))):
                pos.append(a[len(a) - 1 - k])
                neg.append(b[len(b) - 1 - k])
                group.append(g)
                key.append(xxhash.xxh3_64_intdigest(k.to_bytes(8, "little"), unit))
        out[layer] = (np.array(pos, np.float64), np.array(neg, np.float64), np.array(group), key)
    return out


def directions(pos, neg, key):
    diff = pos - neg
    x = np.concatenate([pos, neg])
    y = np.repeat([1, -1], len(pos))
    sign = np.array([-1 if Generator(SEED, "pca-diff", k).next() >> 63 else 1 for k in key])
    within = np.concatenate([pos - pos.mean(0), neg - neg.mean(0)])
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=1 / (len(x) * L2), tol=1e-12, max_iter=100000)
    model.fit(scaler.transform(x), y)
    half = np.concatenate([diff / 2, -diff / 2])
    return {
        "mean-diff": diff.mean(0),
        "pca-diff": PCA(1, svd_solver="full").fit(diff * sign[:, None]).components_[0],
        "pca-diff-uncentred": np.linalg.svd(diff, full_matrices=False)[2][0],
        "pca-center": PCA(1, svd_solver="full").fit(half).components_[0],
        "mass-mean": np.linalg.pinv(within.T @ within / len(x), rcond=RTOL, hermitian=True)
        @ diff.mean(0),
        "logistic": model.coef_[0] / scaler.scale_,
    }


def figures(p, q, threshold):
    side = np.repeat([1, 0], len(p))
    return {"accuracy": (np.concatenate([p > threshold, q <= threshold])).mean(),
            "pair_accuracy": ((p > q) + 0.5 * (p == q)).mean(),
            "auroc": roc_auc_score(side, np.concatenate([p, q]))}


def intervals(p, q, group, threshold, count):
    side = np.repeat([1, 0], len(p))
    score = np.concatenate([p, q])
    right = np.concatenate([p > threshold, q <= threshold])
    both = np.concatenate([group, group])
    values = {"accuracy": [], "pair_accuracy": [], "auroc": []}
    for c in count:
        values["accuracy"].append(np.average(right, weights=c[both]))
        values["pair_accuracy"].append(np.average((p > q) + 0.5 * (p == q), weights=c[group]))
        values["auroc"].append(roc_auc_score(side, score, sample_weight=c[both]))
    n = count.shape[1]  # the expanded percentile interval (Hesterberg 2015)
    tail = norm.sf(np.sqrt(n / (n - 1)) * t.ppf(0.975, n - 1))
    return {m: np.quantile(v, [tail, 1 - tail]) for m, v in values.items()}


def check_unembed(model, dirs, path):
    """The largest difference of an entropy from NumPy's on the dequantised weights."""
    file = gguf.GGUFReader(model)
    of = {w.name: w for w in file.tensors}
    last = of.get("output.weight", of["token_embd.weight"])
    W = gguf.quants.dequantize(last.data, last.tensor_type).astype(np.float64)
    g = gguf.quants.dequantize(of["output_norm.weight"].data, of["output_norm.weight"].tensor_type)
    v = {(d["layer"], d["method"]): tensor(d["v"]).astype(np.float64) for d in dirs}
    worst = 0
    for kind, body in read(path):
        if kind != "score" or body["metric"] != "entropy" or body["control"]:
            continue
        u = v[(body["layer"], body["method"])] * (1 if body["side"] == "+" else -1)
        logits = W @ (g * u * np.sqrt(len(u)))
        p = np.exp(logits - logits.max())
        p /= p.sum()
        entropy = -(p * np.log(np.maximum(p, 1e-300))).sum()
        worst = max(worst, abs(entropy - body["value"]))
        assert body["top"][0][0] == int(logits.argmax()), "another first token"
    return worst


def run(*words):
    subprocess.run(words, check=True)


def resamples(n_groups):
    count = np.zeros((200, n_groups))
    for r in range(200):
        rng = Generator(SEED, "bootstrap", r)
        for _ in range(n_groups):
            count[r, rng.below(n_groups)] += 1
    return count


def compute(model, binaries, told, folder):
    """The streams that the tools make: directions, scores, unembedded directions, rows."""
    places, instructions, chosen = told
    facts = [json.loads(line) for line in (FIXTURES / "facts/facts.jsonl").read_text().splitlines()]
    facts = [f for i, f in enumerate(facts) if chosen({**f, "number": i})][:66]
    tools = {name: f"{binaries}/{name}" for name in ("mi-capture", "mi-direction", "mi-probe")}
    f = {n: f"{folder}/{n}" for n in ("fit.jsonl", "test.jsonl", "fit.mi", "test.mi", "d.mi",
                                      "s.mi", "u.mi")}
    prompts(facts[:36], instructions, f["fit.jsonl"])
    prompts(facts[36:], instructions, f["test.jsonl"])
    for part in ("fit", "test"):
        run(tools["mi-capture"], "-q", "-m", model, "--at", places, "--pos", "span:statement",
            f[f"{part}.jsonl"], "-o", f[f"{part}.mi"])
    run(tools["mi-direction"], "fit", "--sides", "honest,untruthful", "--method", METHODS,
        "-s", str(SEED), "--l2", str(L2), "--rtol", str(RTOL), f["fit.mi"], "-o", f["d.mi"])
    run(tools["mi-probe"], "eval", "-d", f["d.mi"], "-s", str(SEED), "--permuted", "0",
        "--random", "0", "--bootstrap", "200", f["test.mi"], "-o", f["s.mi"])
    run(tools["mi-direction"], "unembed", "-m", model, "--random", "2", f["d.mi"], "-o", f["u.mi"])
    dirs = [body for kind, body in read(f["d.mi"]) if kind == "dir"]
    scores = {(b["layer"], b["method"], b["metric"]): b for kind, b in read(f["s.mi"])
              if kind == "score"}
    return (dirs, scores, pairs(f["fit.mi"]), pairs(f["test.mi"]),
            check_unembed(model, dirs, f["u.mi"]), len(facts) - 36)


def compare(model, binaries, told, golden):
    with tempfile.TemporaryDirectory() as folder:
        dirs, scores, fit, test, entropy, n_groups = compute(model, binaries, told, folder)
    count = resamples(n_groups)
    theirs = {layer: directions(p, q, key) for layer, (p, q, _, key) in fit.items()}
    least, most = {}, 0
    for d in dirs:
        v = tensor(d["v"]).astype(np.float64)
        w = theirs[d["layer"]][d["method"]]
        pos, neg, group, _ = fit[d["layer"]]
        if ((pos @ w) > (neg @ w)).mean() < 0.5:
            w = -w
        cos = v @ w / np.linalg.norm(v) / np.linalg.norm(w)
        least[d["method"]] = min(cos, least.get(d["method"], 1))
        pos, neg, group, _ = test[d["layer"]]
        expected = figures(pos @ v, neg @ v, d["threshold"])
        ends = intervals(pos @ v, neg @ v, group, d["threshold"], count)
        for metric, value in expected.items():
            got = scores[(d["layer"], d["method"], metric)]
            most = max(most, abs(got["value"] - value), abs(got["lo"] - ends[metric][0]),
                       abs(got["hi"] - ends[metric][1]))
        if golden:
            golden.write(json.dumps({
                "layer": d["layer"], "method": d["method"],
                "v": [float(f"{x:.7g}") for x in w / np.linalg.norm(w)],
                "figures": {m: [value, *ends[m]] for m, value in expected.items()}}) + "\n")
    print(f"{pathlib.Path(model).name}:")
    for method, cos in least.items():
        print(f"  {method}: 1 - cosine at most {1 - cos:.1e}")
    print(f"  {len(scores)} figures and their intervals: largest difference {most:.1e}")
    print(f"  entropy of unembedded directions: largest difference {entropy:.1e}")
    assert min(least.values()) > 0.999999 and most < 1e-12 and entropy < 1e-4


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("bin")
    parser.add_argument("--golden", type=argparse.FileType("w"))
    args = parser.parse_args()
    compare(str(FIXTURES / "organism/organism.gguf"), args.bin, ORGANISM, args.golden)
    compare(args.model, args.bin, CHAT, None)


if __name__ == "__main__":
    main()
