#!/usr/bin/env python3
"""Every architecture against transformers: architectures_parity.py MODEL BIN_FOLDER
[NAME ...].

Makes the tiny models of fixtures/architectures anew and holds what is committed to them; runs
mi-capture on each, as GGUF and as a directory, and compares log-probabilities of every token
at every position, and every residual stream, with transformers in double precision.

Where LLAMA_CPP is set and the Python package llama-cpp-python is installed (its llama.cpp is
used; LLAMA_CPP_LIB_PATH names another folder of libraries), the first choice of llama.cpp is
compared too. Without them that part is skipped. MODEL is not used."""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "..", "..", "fixtures", "architectures")
GOLDEN = os.path.join(HERE, "..", "golden", "architectures")
sys.path.insert(0, FIXTURES)
sys.dont_write_bytecode = True
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

if sys.argv[1:2] != ["--llama"]:  # which needs none of it, and starts faster so
    import make_architectures as arch  # noqa: E402


# What llama.cpp computes otherwise than transformers, whom we follow.
OTHERWISE = {"mistral": "no window", "phi3": "no window", "starcoder2": "no window",
             "exaone4": "a window only in the model of 64 layers",
             "phi3-short": "contexts are rounded up to 256, so the long factors",
             "olmo3": "YaRN's attention_factor is not read",
             "gpt-oss": "YaRN's borders are rounded"}


def numbers_of(path):
    """What a golden file holds, without the error of single precision."""
    with open(path, encoding="ascii") as f:
        return [float(x) if x.lstrip("-")[:1].isdigit() else x
                for line in f if not line.startswith("f32") for x in line.split()]


def same_golden(ours, anew):
    a, b = numbers_of(ours), numbers_of(anew)
    return len(a) == len(b) and all(
        x == y if isinstance(x, str) else abs(x - y) <= 1e-6 * max(1, abs(x))
        for x, y in zip(a, b))


def capture(tool, model, tokens, context):
    """{site: {layer: [P, T, width]}} by the tool."""
    prompts = "".join(json.dumps({"tokens": t.tolist()}) + "\n" for t in tokens)
    more = ["--context", str(context)] if context else []
    acts = subprocess.run([f"{tool}/mi-capture", "-m", model, "--at", "logits,resid_post:*",
                           "--pos", "all", *more], input=prompts.encode(), capture_output=True,
                          check=True).stdout
    text = subprocess.run([f"{tool}/mi-view"], input=acts, capture_output=True, check=True).stdout
    out = {}
    for line in text.decode().splitlines():
        r = json.loads(line)
        if r.get("kind") != "act":
            continue
        layer = -1 if r["layer"] is None else r["layer"]
        x = np.array(r["x"]["data"], dtype=np.float64).reshape(r["x"]["shape"])
        out.setdefault(r["site"], {}).setdefault(layer, []).append(x.reshape(-1, x.shape[-1]))
    return {s: {l: np.array(x).reshape(len(tokens), -1, x[0].shape[-1])
                for l, x in by.items()} for s, by in out.items()}


def log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


# Run by itself, since llama.cpp ends the process where it does not like a file.
def run_llama(path, tokens, vocab, context):
    """Log-probabilities [P, T, V] of llama.cpp by its C interface."""
    import llama_cpp.llama_cpp as c  # noqa: PLC0415
    c.llama_backend_init()
    p = c.llama_model_default_params()
    p.n_gpu_layers = 0
    model = c.llama_model_load_from_file(path.encode(), p)
    q = c.llama_context_default_params()
    q.n_ctx, q.n_batch, q.n_ubatch = context or 64, 64, 64
    q.n_threads = q.n_threads_batch = 1
    q.type_k = q.type_v = q.flash_attn_type = 0  # F32, plain attention
    out = []
    for row in tokens:
        ctx = c.llama_init_from_model(model, q)
        batch = c.llama_batch_init(len(row), 0, 1)
        batch.n_tokens = len(row)
        for i, t in enumerate(row):
            batch.token[i], batch.pos[i], batch.logits[i] = int(t), i, 1
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
        assert c.llama_decode(ctx, batch) == 0
        x = np.ctypeslib.as_array(c.llama_get_logits(ctx), (len(row), vocab))
        out.append(log_softmax(x.astype(np.float64)))
        c.llama_free(ctx)
    return np.array(out)


def ask_llama(folder, name, seed, tokens, context):
    """The same in a process of its own, from a file without a vocabulary; None: it failed."""
    kind, model_type, settings = arch.MODELS[name][:3]
    model, path = arch.build(model_type, settings), f"{folder}/{name}"
    arch.fill(model, seed, model_type)
    arch.write_gguf(f"{path}.none.gguf", model.half(), kind, model_type, has_vocabulary=False)
    np.save(f"{path}.tokens.npy", tokens)
    done = subprocess.run([sys.executable, __file__, "--llama", path,
                           str(arch.VOCAB), str(context)], check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return np.load(f"{path}.logp.npy") if done.returncode == 0 else None


def has_llama_package():
    done = subprocess.run([sys.executable, __file__, "--llama"], check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode == 0


def check(name, seed, folder, tool, has_llama):
    good = True

    def say(passed, text):
        nonlocal good
        good = good and passed
        print(f"{'ok' if passed else 'not ok'}: {name}: {text}", flush=True)

    kind, model_type, settings = arch.MODELS[name][:3]
    context = arch.MODELS[name][3] if len(arch.MODELS[name]) > 3 else 0
    arch.make(folder, name, seed)
    say(same_golden(f"{GOLDEN}/{name}.txt", f"{folder}/{name}.txt"), "the golden file is as made anew")
    for end in (".gguf", "/model.safetensors", "/config.json"):
        with open(f"{FIXTURES}/{name}{end}", "rb") as a, open(f"{folder}/{name}{end}", "rb") as b:
            if a.read() != b.read():
                print(f"# {name}{end} differs from the committed one (another version?)")
    wide = arch.build(model_type, settings, double=True)
    arch.fill(wide, seed, model_type)
    tokens = arch.tokens_of(seed)
    logp, resid = arch.run(wide, tokens, True)
    for path in (f"{folder}/{name}.gguf", f"{folder}/{name}"):
        got = capture(tool, path, tokens, context)
        error = np.abs(log_softmax(got["logits"][-1]) - logp).max()
        stream = max((np.linalg.norm(got["resid_post"][l] - x, axis=-1) /
                      np.linalg.norm(x, axis=-1)).max() for l, x in resid.items())
        say(error <= 5e-5 and stream <= 1e-5, f"{os.path.basename(path)}: log-probabilities within "
            f"{error:.2g}, residual streams within {stream:.2g}")
    theirs = ask_llama(folder, name, seed, tokens, context) if has_llama else None
    if theirs is not None:
        same = (theirs.argmax(-1) == got["logits"][-1].argmax(-1)).mean()
        away = np.abs(theirs - logp).max()
        text = f"llama.cpp is {away:.2g} away, first choice the same at {same:.1%}"
        if name in OTHERWISE:
            print(f"# {name}: {text} ({OTHERWISE[name]} there)")
        else:
            say(same >= 0.98, text)
    elif has_llama:
        print(f"# {name}: llama.cpp does not run it")
    return good


def main(_model, tool, *wanted):
    has_llama = bool(os.environ.get("LLAMA_CPP")) and has_llama_package()
    arch.torch.set_num_threads(1)
    arch.transformers.logging.set_verbosity_error()
    arch.transformers.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        good = [check(name, i + 1, folder, tool, has_llama) for i, name in enumerate(arch.MODELS)
                if not wanted or name in wanted]
    if not has_llama:
        print("# LLAMA_CPP is not set, or llama-cpp-python not installed: llama.cpp is not compared")
    return 0 if all(good) else 1


if __name__ == "__main__":
    if sys.argv[1] == "--llama":  # llama_cpp.py in this folder is no part of the package
        sys.path[:] = [x for x in sys.path if os.path.abspath(x) != HERE]
        if len(sys.argv) == 2:
            import llama_cpp.llama_cpp  # noqa: F401
            sys.exit(0)
        _, _, at, size, length = sys.argv
        np.save(f"{at}.logp.npy", run_llama(f"{at}.none.gguf", np.load(f"{at}.tokens.npy"),
                                            int(size), int(length)))
    else:
        sys.exit(main(*sys.argv[1:]))
