"""Makes tests/golden/stats.h, method.h and split.h, the expected values of the unit tests
of common/stats and common/method, with NumPy, SciPy and scikit-learn.

usage: golden_stats.py [FOLDER]      (default: tests/golden beside this file)
"""

import pathlib
import sys

import numpy as np
import scipy.linalg
from scipy.stats import norm, t
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

L2 = 0.02
RTOL = 1e-6


def array(kind, name, values, digits=17):
    flat = np.asarray(values).ravel()
    if kind in ("double", "float"):
        text = [repr(float(v)) if kind == "double" else f"{float(v):.9g}" for v in flat]
        text = [w if "." in w or "e" in w or "n" in w else w + ".0" for w in text]
        text = [w + "f" if kind == "float" else w for w in text]
    else:
        text = [str(int(v)) for v in flat]
    lines, line = [], "   "
    for t in text:
        if len(line) + len(t) + 2 > 98:
            lines.append(line)
            line = "   "
        line += " " + t + ","
    lines.append(line)
    return f"static const {kind} {name}[{len(flat)}] = {{\n" + "\n".join(lines) + "\n};\n"


def scalar(name, value):
    return f"static const double {name} = {float(value)!r};\n"


def unit(v):
    return v / np.linalg.norm(v)


def ends(n_groups, level):
    """The expanded percentile interval's quantiles (Hesterberg 2015)."""
    z = np.sqrt(n_groups / (n_groups - 1)) * t.ppf((1 + level) / 2, n_groups - 1)
    return [norm.sf(z), norm.cdf(z)]


def stats(rng):
    out = []
    n = 60
    score = np.round(rng.normal(size=n) * 4) / 4  # many ties
    side = np.where(rng.random(n) < 0.45, 1, -1)
    group = rng.integers(0, 9, n)
    count = rng.multinomial(9, [1 / 9] * 9, size=40)
    weight = count[0]
    out += [array("double", "auc_score", score), array("int8_t", "auc_side", side)]
    out += [array("int32_t", "auc_group", group), array("int32_t", "auc_count", count)]
    out.append(scalar("auc_plain", roc_auc_score(side > 0, score)))
    kept = weight[group] > 0
    out.append(scalar("auc_weighted", roc_auc_score(side[kept] > 0, score[kept],
                                                    sample_weight=weight[group][kept])))
    accuracy = [np.average((score > 0.1) == (side > 0), weights=w[group]) for w in count]
    out.append(array("double", "accuracy_interval", np.quantile(accuracy, ends(9, 0.95))))
    auc = [roc_auc_score(side > 0, score, sample_weight=w[group]) for w in count]
    out.append(array("double", "auc_interval", np.quantile(auc, ends(9, 0.9))))
    grid = [(df, level) for df in (1, 2, 3, 7, 8, 30, 199, 200, 201, 1000) for level in (0.5, 0.9, 0.95, 0.99)]
    out.append(array("double", "student_df", [df for df, _ in grid]))
    out.append(array("double", "student_level", [level for _, level in grid]))
    out.append(array("double", "student_t", [t.ppf((1 + level) / 2, df) for df, level in grid]))
    out.append(array("double", "student_tail", [ends(df + 1, level)[0] for df, level in grid]))
    x = rng.normal(size=11)
    p = np.array([0, 0.025, 0.31, 0.5, 0.975, 1])
    out += [array("double", "quantile_x", x), array("double", "quantile_p", p)]
    out.append(array("double", "quantile_q", np.quantile(x, p)))
    out += [scalar("mean_x", x.mean()), scalar("sd_x", x.std(ddof=1))]
    return "".join(out)


def pairs(rng, n, D, lift):
    common = rng.normal(size=(n, 1, D)) * np.linspace(3, 0.3, D)
    d = unit(rng.normal(size=D))
    x = common + rng.normal(size=(n, 2, D)) * 0.7
    x[:, 0] += lift * (1 + 0.3 * rng.normal(size=(n, 1))) * d
    return x.astype(np.float32)


def method(rng, name, n, D, signs):
    x32 = pairs(rng, n, D, 1.5)
    x = x32.astype(np.float64)
    flat = x.reshape(2 * n, D)
    y = np.tile([1, -1], n)
    diff = x[:, 0] - x[:, 1]
    theta = diff.mean(0)
    out = [f"enum {{ {name}_n = {n}, {name}_D = {D} }};\n", array("float", f"{name}_x", x32)]

    def put(what, v):
        v = unit(v)
        p = flat @ v
        share = (p[0::2] > p[1::2]).mean()
        out.append(array("double", f"{name}_{what}", v * (1 if share >= 0.5 else -1)))

    put("mean_diff", theta)
    signed = diff * signs[:n, None]
    pca = PCA(n_components=2, svd_solver="full").fit(signed)
    put("pca_diff", pca.components_[0])
    out.append(array("double", f"{name}_pca_diff_share", pca.explained_variance_ratio_))
    _, s, vt = np.linalg.svd(diff, full_matrices=False)
    put("pca_uncentred", vt[0])
    out.append(array("double", f"{name}_pca_uncentred_share", (s**2 / (s**2).sum())[:2]))
    centred = (x - x.mean(1, keepdims=True)).reshape(2 * n, D)
    put("pca_center", PCA(n_components=1, svd_solver="full").fit(centred).components_[0])
    within = np.concatenate([x[:, 0] - x[:, 0].mean(0), x[:, 1] - x[:, 1].mean(0)])
    cov = within.T @ within / (2 * n)
    put("mass_mean", np.linalg.pinv(cov, rcond=RTOL, hermitian=True) @ theta)
    if 2 * n > 2 * D:
        lda = LinearDiscriminantAnalysis(solver="lsqr").fit(flat, y)
        cos = abs(unit(lda.coef_[0]) @ unit(np.linalg.pinv(cov) @ theta))
        assert cos > 1 - 1e-10, cos
    scaler = StandardScaler().fit(flat)
    model = LogisticRegression(C=1 / (2 * n * L2), tol=1e-13, solver="newton-cg", max_iter=100000)
    z = scaler.transform(flat)
    model.fit(z, y)
    w = model.coef_[0] / scaler.scale_
    b = model.intercept_[0] - w @ scaler.mean_
    put("logistic", w)
    out.append(scalar(f"{name}_logistic_threshold", -b / np.linalg.norm(w)))
    margin = y * model.decision_function(z)
    out.append(scalar(f"{name}_logistic_loss",
                      np.logaddexp(0, -margin).mean() + L2 / 2 * model.coef_[0] @ model.coef_[0]))
    p = flat @ unit(theta).astype(np.float32).astype(np.float64)
    threshold = (p[0::2].mean() + p[1::2].mean()) / 2
    out.append(scalar(f"{name}_scale", p[0::2].mean() - p[1::2].mean()))
    out.append(scalar(f"{name}_threshold", threshold))
    out.append(scalar(f"{name}_accuracy", accuracy_score(y > 0, p > threshold)))
    out.append(scalar(f"{name}_auroc", roc_auc_score(y > 0, p)))
    out.append(scalar(f"{name}_pair_accuracy", (p[0::2] > p[1::2]).mean()))
    return "".join(out)


def angles(rng):
    a = np.linalg.qr(rng.normal(size=(20, 3)))[0].T.astype(np.float32)
    b = np.linalg.qr(rng.normal(size=(20, 2)))[0].T.astype(np.float32)
    b[0] = 0.9 * a[0] + 0.43588989 * b[0]
    b = np.linalg.qr(b.T.astype(np.float64))[0].T.astype(np.float32)
    c = np.cos(scipy.linalg.subspace_angles(a.T.astype(np.float64), b.T.astype(np.float64)))
    return (array("float", "space_a", a) + array("float", "space_b", b)
            + array("double", "space_cosines", np.sort(c)[::-1]))


def splits(rng):
    """Wide with full rank, wide of rank 5, tall with full rank, tall of rank 5."""
    out = []
    for name, rows, width, rank in (("wide", 12, 20, 12), ("deficient", 12, 20, 5),
                                    ("tall", 20, 12, 12), ("thin", 20, 12, 5)):
        w = rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, width))
        u, s, vt = np.linalg.svd(w.astype(np.float32).astype(np.float64), full_matrices=False)
        # singular values that float32 left of what should be 0 are far below the tolerance
        d = unit(rng.normal(size=width)).astype(np.float32)
        row = vt[:rank].T @ (vt[:rank] @ d.astype(np.float64))
        out.append(f"enum {{ {name}_rows = {rows}, {name}_width = {width}, {name}_rank = {rank} }};\n")
        out.append(array("float", f"{name}_w", w.astype(np.float32)))
        out.append(array("float", f"{name}_d", d) + array("double", f"{name}_row", row))
    return "".join(out)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1
                          else pathlib.Path(__file__).parent.parent / "golden")
    note = "/* Made by tests/parity/golden_stats.py with NumPy, SciPy and scikit-learn. */\n"
    rng = np.random.default_rng(20240211)
    (folder / "stats.h").write_text(note + "#include <stdint.h>\n\n" + stats(rng))
    signs = np.where(np.array(SIGNS) > 0, 1, -1)
    text = note + "#include <stdint.h>\n\n" + array("int8_t", "pca_signs", signs)
    text += scalar("logistic_l2", L2) + scalar("mass_mean_rtol", RTOL)
    text += method(rng, "tall", 40, 12, signs) + method(rng, "wide", 12, 40, signs)
    (folder / "method.h").write_text(text + angles(rng))
    (folder / "split.h").write_text(note + "\n" + splits(rng))


# The signs that the generator keyed by (seed 7, "pca-diff", key i) gives, i = 0 .. 39. The unit
# test checks them against the generator before it uses what follows from them.
SIGNS = [
    -1, -1, 1, -1, 1, -1, 1, -1, -1, 1, 1, 1, -1, -1, -1, -1, -1, -1, 1, 1,
    -1, -1, 1, 1, 1, -1, 1, 1, -1, -1, 1, -1, 1, -1, -1, 1, 1, 1, -1, 1,
]

if __name__ == "__main__":
    main()
