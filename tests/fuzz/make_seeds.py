#!/usr/bin/env python3
"""Writes the seeds of the targets for Hugging Face directories: make_seeds.py [FOLDER].

    safetensors/  files of every element type, shape and order that the reader tells apart
    hub/          config.json, NUL, weights: one for each way in which tensors are changed

Only the standard library is needed; the same bytes each time. Run a target on them with
build/fuzz/fuzz/NAME_fuzz -max_len=65536 CORPUS tests/fuzz/seeds/NAME
"""

import json
import os
import struct
import sys

SIZE = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I8": 1, "I16": 2, "I32": 4, "I64": 8, "U8": 1,
        "U16": 2, "U32": 4, "U64": 8, "BOOL": 1, "C64": 8, "F8_E4M3": 1, "F8_E5M2": 1,
        "F8_E8M0": 1}


def count(shape):
    n = 1
    for s in shape:
        n *= s
    return n


def safetensors(tensors, metadata=None, before="", after=""):
    header, at, order = {}, 0, list(tensors.items())
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, (dtype, shape) in order:
        n = count(shape) * SIZE[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + n]}
        at += n
    text = before.encode() + json.dumps(header, separators=(",", ":")).encode() + after.encode()
    return struct.pack("<Q", len(text)) + text + bytes(i * 37 % 61 for i in range(at))


def linear(prefix, out, wide, bias=False):
    t = {f"{prefix}.weight": ("F16", [out, wide])}
    if bias:
        t[f"{prefix}.bias"] = ("F16", [out])
    return t


def norm(prefix, n, bias=False):
    return {f"{prefix}.{kind}": ("F32", [n]) for kind in (["weight", "bias"] if bias else ["weight"])}


BASE = {"hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2,
        "num_key_value_heads": 1, "max_position_embeddings": 16, "vocab_size": 10}


def llama(**more):
    p = "model.layers.0."
    t = {"model.embed_tokens.weight": ("F16", [10, 8]), **norm("model.norm", 8),
         **norm(p + "input_layernorm", 8), **norm(p + "post_attention_layernorm", 8)}
    for name, out, wide in (("self_attn.q_proj", 8, 8), ("self_attn.k_proj", 4, 8),
                            ("self_attn.v_proj", 4, 8), ("self_attn.o_proj", 8, 8),
                            ("mlp.gate_proj", 12, 8), ("mlp.up_proj", 12, 8),
                            ("mlp.down_proj", 8, 12)):
        t.update(linear(p + name, out, wide))
    return {**BASE, "model_type": "llama", "tie_word_embeddings": True, "rms_norm_eps": 1e-5,
            **more}, t


def without(t, *parts):
    return {k: v for k, v in t.items() if not any(p in k for p in parts)}


def gemma2():
    c, t = llama(model_type="gemma2", head_dim=4, layer_types=["sliding_attention"],
                 sliding_window=5, query_pre_attn_scalar=9)
    for name in ("pre_feedforward_layernorm", "post_feedforward_layernorm"):
        t.update(norm(f"model.layers.0.{name}", 8))
    return c, t


def mixtral(fused):
    c, t = llama(model_type="mixtral", num_local_experts=2, num_experts_per_tok=1)
    t = without(t, "mlp.")
    p = "model.layers.0.block_sparse_moe."
    t.update(linear(p + "gate", 2, 8))
    if fused:
        t["model.layers.0.mlp.experts.gate_up_proj"] = ("F16", [2, 24, 8])
        t["model.layers.0.mlp.experts.down_proj"] = ("F16", [2, 8, 12])
    else:
        for e in range(2):
            for w, out, wide in (("w1", 12, 8), ("w2", 8, 12), ("w3", 12, 8)):
                t.update(linear(f"{p}experts.{e}.{w}", out, wide))
    return c, t


def gpt2():
    c = {"model_type": "gpt2", "n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 16}
    p = "h.0."
    t = {"wte.weight": ("F32", [10, 8]), "wpe.weight": ("F32", [16, 8]), **norm("ln_f", 8, True),
         **norm(p + "ln_1", 8, True), **norm(p + "ln_2", 8, True),
         p + "attn.bias": ("F32", [1, 1, 4, 4])}
    for name, wide, out in (("attn.c_attn", 8, 24), ("attn.c_proj", 8, 8), ("mlp.c_fc", 8, 32),
                            ("mlp.c_proj", 32, 8)):
        t[f"{p}{name}.weight"] = ("F32", [wide, out])
        t[f"{p}{name}.bias"] = ("F32", [out])
    return c, t


def gpt_neox():
    c = {**BASE, "model_type": "gpt_neox", "rotary_pct": 0.5}
    del c["num_key_value_heads"]
    p = "gpt_neox.layers.0."
    t = {"gpt_neox.embed_in.weight": ("F16", [10, 8]), "embed_out.weight": ("F16", [10, 8]),
         **norm("gpt_neox.final_layer_norm", 8, True), **norm(p + "input_layernorm", 8, True),
         **norm(p + "post_attention_layernorm", 8, True)}
    for name, out, wide in (("attention.query_key_value", 24, 8), ("attention.dense", 8, 8),
                            ("mlp.dense_h_to_4h", 12, 8), ("mlp.dense_4h_to_h", 8, 12)):
        t.update(linear(p + name, out, wide, True))
    return c, t


def stablelm():
    c, t = llama(model_type="stablelm", qk_layernorm=True, use_parallel_residual=True,
                 partial_rotary_factor=0.5)
    p = "model.layers.0.self_attn."
    for i in range(2):
        t.update(norm(f"{p}q_layernorm.norms.{i}", 4))
    t.update(norm(f"{p}k_layernorm.norms.0", 4))
    for name in ("model.norm", "model.layers.0.input_layernorm"):
        t.update(norm(name, 8, True))
    return c, without(t, "post_attention_layernorm")


def phi3():
    factors = {"rope_type": "longrope", "short_factor": [1.0, 1.5], "long_factor": [2, 3.5]}
    c, t = llama(model_type="phi3", original_max_position_embeddings=8, rope_scaling=factors)
    t = without(t, "q_proj", "k_proj", "v_proj", "gate_proj", "up_proj")
    t.update(linear("model.layers.0.self_attn.qkv_proj", 16, 8))
    t.update(linear("model.layers.0.mlp.gate_up_proj", 24, 8))
    return c, t


def gpt_neo():
    c = {"model_type": "gpt_neo", "hidden_size": 8, "num_layers": 2, "num_heads": 2,
         "max_position_embeddings": 16, "window_size": 4,
         "attention_types": [[["global", "local"], 1]]}
    t = {"transformer.wte.weight": ("F32", [10, 8]), "transformer.wpe.weight": ("F32", [16, 8]),
         **norm("transformer.ln_f", 8, True)}
    for i in range(2):
        p = f"transformer.h.{i}."
        t.update({**norm(p + "ln_1", 8, True), **norm(p + "ln_2", 8, True)})
        for name in "qkv":
            t.update(linear(f"{p}attn.attention.{name}_proj", 8, 8))
        for name, out, wide in (("attn.attention.out_proj", 8, 8), ("mlp.c_fc", 32, 8),
                                ("mlp.c_proj", 8, 32)):
            t.update(linear(p + name, out, wide, True))
    return c, t


def main(folder):
    yarn = {"rope_theta": 1e4, "rope_type": "yarn", "factor": 4.0, "beta_fast": 32, "beta_slow": 1,
            "original_max_position_embeddings": 8, "attention_factor": 1.1}
    llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
              "high_freq_factor": 4.0, "original_max_position_embeddings": 8}
    files = {
        "safetensors/empty": safetensors({}),
        "safetensors/types": safetensors({t: (t, [2, 3]) for t in SIZE}, {"format": "pt"}),
        "safetensors/shapes": safetensors({"s": ("F32", []), "z": ("F32", [4, 0]),
                                           "m": ("U8", [1, 2, 3]), "v": ("BF16", [5])}),
        "safetensors/blanks": safetensors({"\u00e9\"\\": ("U8", [1])}, {"a": "\u2028"}, " \n", "  "),
        "safetensors/cut": safetensors({"a": ("F32", [4])})[:-3],
        "hub/llama": llama(),
        "hub/llama-nested": ({"text_config": llama()[0], "model_type": "gemma3"}, llama()[1]),
        "hub/yarn": llama(rope_parameters=yarn),
        "hub/llama3": llama(rope_theta=5e5, rope_scaling=llama3),
        "hub/gemma2": gemma2(),
        "hub/mixtral": mixtral(False),
        "hub/mixtral-fused": mixtral(True),
        "hub/gpt2": gpt2(),
        "hub/gpt_neox": gpt_neox(),
        "hub/stablelm": stablelm(),
        "hub/phi3": phi3(),
        "hub/smollm3": llama(model_type="smollm3", no_rope_layers=[0]),
        "hub/gpt_neo": gpt_neo(),
    }
    for name, x in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if isinstance(x, tuple):
            x = json.dumps(x[0], separators=(",", ":")).encode() + b"\0" + safetensors(x[1])
        with open(path, "wb") as f:
            f.write(x)


main(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "seeds"))
