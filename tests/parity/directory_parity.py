#!/usr/bin/env python3
"""Hugging Face directories against transformers, and against llama.cpp's converter.

usage: directory_parity.py MODEL.gguf BIN_FOLDER

1. The weights of MODEL, dequantised into a directory of three shards: transformers reads it,
   and log-probabilities of mi-run are compared with its own in f32. The GGUF file itself must
   give the same bits.
2. Every directory of fixtures/architectures with all fields left out of config.json that
   transformers would assume anyway: the same bits as with them.
3. With LLAMA_CPP=folder (its source, or a folder below it), the same directories as its
   converter writes them: the same bits, but where LOSES says what is lost on the way.

Streams are read with zstandard and msgpack, without any code of the project. Prints one line a
check and exits 1 when one fails."""

import json
import logging
import os
import pathlib
import runpy
import shutil
import subprocess
import sys
import tempfile

import llama_cpp
import msgpack
import torch
import zstandard
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

LOGP = 1e-3
TOP = pathlib.Path(__file__).resolve().parents[2]
TEXTS = ["The capital of France is Paris, and the capital of Italy is Rome.",
         "def add(a, b):\n    return a + b\n", "It was a dark night. Rain fell on the roof.",
         "1 2 3 4 5 6 7 8 9 10", "{\"key\": [1, 2, {\"x\": null}]}"]
LONG = "ab ba cab " * 4  # beyond the windows, within the contexts
ROOM = ["--context", "64"]
# What llama.cpp's converter drops or fixes, so that its file is another model.
LOSES = {
    "mistral": "the window", "starcoder2": "the window", "qwen2-window": "the window",
    "gemma2": "query_pre_attn_scalar", "gemma3": "query_pre_attn_scalar",
    "chatglm": "rms_norm_eps", "phi2": "intermediate_size", "cohere2": "layer_types",
    "bloom": "intermediate_size", "gpt2": "n_inner", "falcon": "ffn_hidden_size",
    "falcon-40b": "ffn_hidden_size", "mpt": "expansion_ratio", "starcoder": "n_inner",
    "llama-dynamic": "dynamic scaling",
    "gemma": "1 is added to norms in F16", "nemotron": "1 is added to norms in F16",
}


class Tally:
    def __init__(self):
        self.failed = 0

    def check(self, good, text):
        print(("ok   " if good else "FAIL ") + text, flush=True)
        self.failed += not good


def score(tools, model, texts, tmp, *more):
    """(tokens, logp) of every text; None with what was said when the tool refuses."""
    prompts = f"{tmp}/prompts.jsonl"
    with open(prompts, "w", encoding="utf-8") as f:
        for i, t in enumerate(texts):
            f.write(json.dumps({"id": str(i), "text": t}) + "\n")
    r = subprocess.run([f"{tools}/mi-run", "-m", model, "--score", prompts, "-o", f"{tmp}/out.mi",
                        *more], capture_output=True, text=True)
    if r.returncode:
        return None, r.stderr.strip()
    with open(f"{tmp}/out.mi", "rb") as f:
        raw = zstandard.ZstdDecompressor().stream_reader(f, read_across_frames=True).read()
    unpacker = msgpack.Unpacker(raw=False)
    unpacker.feed(raw)
    runs = [r[2] for r in unpacker if r[1] == "run"]
    return [(list(r["tokens"]), list(r["logp"])) for r in runs], ""


def check_model(tally, model, tools, tmp):
    folder = f"{tmp}/directory"
    make = TOP / "fixtures/tiny/make_directory.py"
    r = subprocess.run([sys.executable, make, model, folder, "--shards", "3"], capture_output=True,
                       text=True)
    if r.returncode:
        print(f"skip {model}: make_directory.py does not know this kind of file")
        return
    ours, why = score(tools, folder, TEXTS, tmp)
    same, _ = score(tools, model, TEXTS, tmp)
    tally.check(ours is not None and ours == same, f"the bits of the GGUF file {why}")
    if not ours:
        return
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    worst = 0
    for tokens, logp in ours:
        with torch.no_grad():
            x = torch.log_softmax(theirs(torch.tensor([tokens])).logits[0].double(), -1)
        for i in range(1, len(tokens)):
            worst = max(worst, abs(float(x[i - 1, tokens[i]]) - logp[i]))
    tally.check(worst <= LOGP, f"log-probabilities against transformers: {worst:.2e} (limit {LOGP})")
    shutil.rmtree(folder)


def without_defaults(config):
    """Leaves out what transformers' class of this type assumes anyway, but sizes."""
    known = CONFIG_MAPPING[config["model_type"]]().to_dict()
    keep = {"model_type", "architectures", "vocab_size", "layer_types", "num_attention_heads",
            "hidden_size", "num_hidden_layers", "max_position_embeddings", "intermediate_size",
            "n_embd", "n_layer", "n_head", "n_positions", "num_layers", "num_heads", "d_model",
            "n_heads", "n_layers", "ffn_hidden_size", "max_seq_len", "attention_types"}
    return {k: v for k, v in config.items() if k in keep or k not in known or known[k] != v}


def check_defaults(tally, tools, tmp):
    n = left_out = 0
    for folder in sorted((TOP / "fixtures/architectures").glob("*/")):
        config = json.loads((folder / "config.json").read_text())
        small = without_defaults(config)
        copy = f"{tmp}/small"
        shutil.copytree(folder, copy)
        pathlib.Path(copy, "config.json").write_text(json.dumps(small))
        ours, why = score(tools, copy, [LONG], tmp, *ROOM)
        same, _ = score(tools, str(folder), [LONG], tmp, *ROOM)
        shutil.rmtree(copy)
        n += 1
        left_out += len(config) - len(small)
        if ours is None or ours != same:
            gone = sorted(set(config) - set(small))
            tally.check(False, f"{folder.name} without defaults {why} ({', '.join(gone)})")
    tally.check(n > 0, f"{n} directories with {left_out} fields left out")


def add_vocabulary(writer, folder):
    """The fixtures' own, which the converter does not know."""
    t = json.loads(pathlib.Path(folder, "tokenizer.json").read_text())
    vocab = {**t["model"]["vocab"], **{a["content"]: a["id"] for a in t["added_tokens"]}}
    tokens = sorted(vocab, key=vocab.get)
    special = {a["content"] for a in t["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if x in special else 1 for x in tokens])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m)
                             for m in t["model"]["merges"]])
    writer.add_add_bos_token(False)


def convert(source, folder, out):
    """llama.cpp's converter on config.json as it stands."""
    sys.path[:0] = [source, f"{source}/gguf-py"]
    import conversion.base as base
    hparams = json.loads(pathlib.Path(folder, "config.json").read_text())
    rope = hparams.get("rope_parameters") or {}
    hparams.setdefault("rotary_pct", rope.get("partial_rotary_factor", 1.0))
    hparams.setdefault("n_ctx", hparams.get("n_positions"))
    if hparams.get("multi_query") and not hparams.get("new_decoder_architecture"):
        hparams.pop("num_kv_heads", None)  # which the files that are published leave out
    base.ModelBase.load_hparams = staticmethod(lambda *a, **k: dict(hparams))
    tool = runpy.run_path(f"{source}/convert_hf_to_gguf.py", run_name="converter")
    kind = tool["get_model_class"](hparams["architectures"][0].replace("Mpt", "MPT"))
    kind.set_vocab = lambda self: add_vocabulary(self.gguf_writer, folder)
    logging.disable(logging.WARNING)
    with torch.inference_mode():
        kind(pathlib.Path(folder), base.gguf.LlamaFileType.ALL_F32, pathlib.Path(out)).write()


def check_converter(tally, source, tools, tmp):
    equal = lost = refused = 0
    for folder in sorted((TOP / "fixtures/architectures").glob("*/")):
        out = f"{tmp}/converted.gguf"
        r = subprocess.run([sys.executable, __file__, "--convert", source, str(folder), out],
                           capture_output=True, text=True)
        if r.returncode:
            print(f"skip {folder.name}: not converted: {r.stderr.strip().splitlines()[-1][:90]}",
                  flush=True)
            refused += 1
            continue
        ours, why = score(tools, str(folder), [LONG], tmp, *ROOM)
        same, why_not = score(tools, out, [LONG], tmp, *ROOM)
        os.remove(out)
        if ours is not None and ours == same:
            equal += 1
        elif folder.name in LOSES:
            print(f"lost {folder.name}: {LOSES[folder.name]}", flush=True)
            lost += 1
        else:
            tally.check(False, f"{folder.name} as converted {why}{why_not}")
    tally.check(equal > 0, f"{equal} directories give the bits of their converted files, {lost} lose "
                           f"something there, {refused} are not converted")


def main():
    if sys.argv[1] == "--convert":
        convert(*sys.argv[2:])
        return
    model, tools = sys.argv[1:3]
    torch.set_num_threads(1)
    tally = Tally()
    with tempfile.TemporaryDirectory() as tmp:
        check_model(tally, model, tools, tmp)
        check_defaults(tally, tools, tmp)
        if llama_cpp.source():
            check_converter(tally, llama_cpp.source(), tools, tmp)
        else:
            print("skip llama.cpp's converter: LLAMA_CPP does not name its source")
    sys.exit(1 if tally.failed else 0)


main()
