"""Directions and probes of every layer: the tools on a stream, others on rows in memory."""
import time

import common
from common import interleaved, median, spread, tokens_of, tool, write_lines

L2 = 0.01


def records(path):
    import msgpack
    import zstandard
    with open(path, "rb") as file:
        data = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        yield from msgpack.Unpacker(data, raw=False, strict_map_key=False, max_buffer_size=1 << 30)


def read_rows(path, n_layers):
    """A float32 array [n, D] of each layer."""
    import numpy as np
    rows = [[] for _ in range(n_layers)]
    for _, kind, body in records(path):
        if kind == "act":
            raw = np.frombuffer(body["x"]["data"], np.uint8)
            if body["x"].get("shuffle"):  # the first bytes of all numbers, then the second ...
                raw = raw.reshape(4, -1).T
            rows[body["layer"]].append(np.frombuffer(raw.tobytes(), "<f4"))
    return [np.stack(r) for r in rows]


class Peers:
    """scikit-learn and NumPy at their fastest settings for this work; seconds over all layers."""

    def __init__(self, x, y):
        import numpy as np
        self.np, self.x, self.y, self.losses = np, x, y, []
        self.cpu = 0.0  # seconds of the processors, of the last that was timed

    def timed(self, fit):
        start, cpu = time.perf_counter(), time.process_time()
        for x in self.x:
            fit(x)
        self.cpu = time.process_time() - cpu
        return time.perf_counter() - start

    def lbfgs(self):
        """The default solver, on every fifth layer: seconds of all of them, and how far above the other its objective is."""
        start = time.perf_counter()
        fits = [self.fit_logistic(x, "lbfgs") for x in self.x[::5]]
        seconds = (time.perf_counter() - start) * len(self.x) / len(fits)
        losses = self.losses_of(fits, self.x[::5])
        return seconds, max(a - c for a, c in zip(losses, self.losses[::5]))

    def logistic(self):
        """newton-cholesky on float32: faster than lbfgs, newton-cg and float64 at this objective."""
        fits = []
        seconds = self.timed(lambda x: fits.append(self.fit_logistic(x, "newton-cholesky")))
        self.losses = self.losses_of(fits, self.x)
        return seconds

    def fit_logistic(self, x, solver):
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler
        z = StandardScaler().fit_transform(x)
        return LogisticRegression(C=1 / (len(x) * L2), tol=1e-4, max_iter=5000, solver=solver).fit(z, self.y)

    def losses_of(self, fits, rows):
        from sklearn.preprocessing import StandardScaler
        losses = []
        for x, f in zip(rows, fits):
            z = StandardScaler().fit_transform(x.astype(self.np.float64))
            w = f.coef_[0].astype(self.np.float64)
            margin = (2 * self.y - 1) * (z @ w + float(f.intercept_[0]))
            losses.append(self.np.logaddexp(0, -margin).mean() + L2 / 2 * (w ** 2).sum())
        return losses

    def mean_diff(self):
        double = self.np.float64
        return self.timed(lambda x: x[self.y == 1].mean(0, dtype=double) - x[self.y == 0].mean(0, dtype=double))

    def mass_mean(self):
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
        return self.timed(lambda x: LinearDiscriminantAnalysis(solver="lsqr").fit(x, self.y))

    def pca(self):
        from sklearn.decomposition import PCA
        sign = self.np.where(self.np.arange(len(self.y) // 2) % 2, 1, -1).astype("f4")[:, None]
        return self.timed(lambda x: PCA(1, svd_solver="randomized").fit(sign * (x[self.y == 1] - x[self.y == 0])))


def run(b):
    n = 8000
    prompts = tokens_of(11, n, 4, 4, b.model.d_vocab)
    lines = ({"id": str(i), "tokens": p, "label": i % 2, "pair": i // 2} for i, p in enumerate(prompts))
    acts, out = b.path("acts.mi"), b.path("fit.mi")
    tool("mi-capture", "-q", "-m", b.model.path, "--no-bos", "--at", "resid_post:*", write_lines(b.path("p.jsonl"), lines), "-o", acts)
    size = n * b.model.n_layers * b.model.d_model * 4
    b.report.section("Directions and probes", f"Every layer, {n} prompts of random tokens, sides that nothing predicts, {size / 1e6:.0f} MB "
                     "of rows. `mi-direction fit --method NAME`, reading the stream included. The fit alone: less what mean-diff takes, "
                     "which is reading and two sums. Others have their rows in memory, at the settings that were fastest here: "
                     f"StandardScaler and LogisticRegression(solver='newton-cholesky') on float32, penalty {L2}; "
                     "LinearDiscriminantAnalysis(solver='lsqr'); PCA(svd_solver='randomized') of the differences; NumPy's means."
                     " Blocks are decompressed and taken apart on all threads; one thread takes the file from the system, hashes "
                     "the records and copies the rows.")
    names = ("mean-diff", "pca-diff", "mass-mean", "logistic")
    what = {m: (lambda m=m: tool("mi-direction", "fit", "--method", m, acts, "-o", out, threads=b.threads)) for m in names}
    what.update({"B": b.read, "P": lambda: b.peak(b.isas[0])})
    try:
        import numpy as np
        import sklearn  # noqa: F401
        peers = Peers(read_rows(acts, b.model.n_layers), np.arange(n) % 2)
        theirs = {"mean-diff": peers.mean_diff, "pca-diff": peers.pca, "mass-mean": peers.mass_mean, "logistic": peers.logistic}
        what.update({f"{m}, others": lambda call=call: (call(), peers.cpu) for m, call in theirs.items()})
    except ImportError as error:
        peers = None
        b.report.row("scikit-learn", "not measured", note=str(error))
    found = interleaved(min(b.rounds, 2), **what)
    wall = {m: [r.wall for r in found[m]] for m in names}
    base = median(wall["mean-diff"])
    base_cpu = median([r.cpu for r in found["mean-diff"]])
    for m in names:
        cpu = median([r.cpu for r in found[m]])
        alone = median(wall[m]) - base
        note = f"{size / median(wall[m]) / 1e9:.2f} GB/s, B is {median(found['B']) / 1e9:.1f}" if m == "mean-diff" else f"the fit alone {alone:.3g} s"
        b.report.row(m, f"{spread(wall[m])} s", note=f"{note}; {cpu:.3g} s of the processors")
        if peers:
            seconds = [x[0] for x in found[f"{m}, others"]]
            other, other_cpu = median(seconds), median([x[1] for x in found[f"{m}, others"]])
            ratio = other / alone if m != "mean-diff" else other / base
            goal = 15 if m == "logistic" else 0
            b.report.row(f"{m}, others", f"{spread(seconds)} s", f"ours {goal} times" if goal else "",
                         ratio >= goal if goal else None,
                         f"ours {ratio:.1f} times" + ("" if m == "mean-diff" else (
                             f", {other / median(wall[m]):.1f} with reading; {other_cpu:.3g} s of the processors, "
                             f"ours {other_cpu / (cpu - base_cpu):.1f} times by them")))
    if peers:
        passes = sum(body["iterations"] + 1 for _, kind, body in records(out) if kind == "dir") / b.model.n_layers
        flops = n * b.model.d_model ** 2 * b.model.n_layers
        seconds = flops / median(found["P"]), size * (passes + 2) / median(found["B"])
        b.report.row("logistic, the fit alone at P and B", f"{sum(seconds):.3g} s",
                     note=f"{flops / 1e9:.0f} GFLOP of the Gram matrices at P {seconds[0]:.2g} s; {passes + 2:.1f} readings of the rows at "
                          f"B {seconds[1]:.2g} s (2 for the scale, {passes:.1f} values and gradients)")
        seconds, above = peers.lbfgs()
        b.report.row("logistic, scikit-learn's default solver", f"{seconds:.3g} s",
                     note=f"lbfgs, from every fifth layer; its objective is at most {above:.1e} higher; "
                          f"ours {seconds / (median(wall['logistic']) - base):.1f} times")
        own = [body["loss"] for _, kind, body in records(out) if kind == "dir"]
        b.report.row("objective, mean over the layers", f"{sum(own) / len(own):.9f}",
                     note=f"scikit-learn {sum(peers.losses) / len(own):.9f}")
        b.report.check("logistic: no layer's objective is above scikit-learn's",
                       all(a <= c * (1 + 1e-6) for a, c in zip(own, peers.losses)))
