"""Reference activations from transformers, on the very weights of a GGUF file.

load(path) dequantises every tensor with gguf-py, undoes what converters do to the rows of q
and k, and fills a LlamaForCausalLM, MistralForCausalLM or Qwen2ForCausalLM with them.
run(model, tokens) returns every site under the names of the project, recorded by hooks in
transformers' own code.
"""

import contextlib

import gguf
import numpy as np
import torch
from transformers import (LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM,
                          Qwen2Config, Qwen2ForCausalLM)
from transformers.models.llama import modeling_llama
from transformers.models.mistral import modeling_mistral
from transformers.models.qwen2 import modeling_qwen2

BLOCK = {
    "attn_norm.weight": "input_layernorm.weight",
    "ffn_norm.weight": "post_attention_layernorm.weight",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate.weight": "mlp.gate_proj.weight",
    "ffn_up.weight": "mlp.up_proj.weight",
    "ffn_down.weight": "mlp.down_proj.weight",
}


def keys_of(reader):
    return {k: f.contents() for k, f in reader.fields.items()
            if not k.startswith("tokenizer.ggml.")}


def tensors_of(reader):
    out = {}
    for t in reader.tensors:
        x = gguf.quants.dequantize(t.data, t.tensor_type)
        out[t.name] = torch.from_numpy(
            np.array(x, dtype=np.float32).reshape([int(n) for n in t.shape[::-1]]))
    return out


def unpermute(x, n_heads):
    """Rows 2i + b of each head back to b * K/2 + i (weights and biases alike)."""
    k = x.shape[0] // n_heads
    return x.reshape(n_heads, k // 2, 2, *x.shape[1:]).transpose(1, 2).reshape(x.shape)


def split_qkv(tensors, n_layers, heads, kv, k):
    for i in range(n_layers):
        for kind in ("weight", "bias"):
            x = tensors.pop(f"blk.{i}.attn_qkv.{kind}", None)
            if x is not None:
                parts = torch.split(x, [heads * k, kv * k, kv * k])
                for name, part in zip("qkv", parts):
                    tensors[f"blk.{i}.attn_{name}.{kind}"] = part


def rope_of(keys, a, factors):
    base = keys.get(f"{a}.rope.freq_base", 10000.0)
    rope = {"rope_type": "default", "rope_theta": base}
    if keys.get(f"{a}.rope.scaling.type") == "linear":
        rope = {"rope_type": "linear", "rope_theta": base,
                "factor": keys[f"{a}.rope.scaling.factor"]}
    if factors is not None:  # an extra key of the fixtures names the rule behind the factors
        rope = {"rope_type": "llama3", "rope_theta": base,
                "factor": keys["test.llama3.factor"],
                "low_freq_factor": keys["test.llama3.low"],
                "high_freq_factor": keys["test.llama3.high"],
                "original_max_position_embeddings": keys["test.llama3.original"]}
    return rope


def load(path):
    reader = gguf.GGUFReader(path)
    keys, tensors = keys_of(reader), tensors_of(reader)
    a = keys["general.architecture"]
    heads = keys[f"{a}.attention.head_count"]
    kv = keys.get(f"{a}.attention.head_count_kv", heads)
    width, n_layers = keys[f"{a}.embedding_length"], keys[f"{a}.block_count"]
    k = keys.get(f"{a}.attention.key_length", width // heads)
    window = keys.get(f"{a}.attention.sliding_window")
    split_qkv(tensors, n_layers, heads, kv, k)
    common = dict(
        vocab_size=tensors["token_embd.weight"].shape[0], hidden_size=width,
        intermediate_size=keys[f"{a}.feed_forward_length"], num_hidden_layers=n_layers,
        num_attention_heads=heads, num_key_value_heads=kv, head_dim=k,
        rms_norm_eps=keys[f"{a}.attention.layer_norm_rms_epsilon"],
        max_position_embeddings=keys[f"{a}.context_length"],
        rope_parameters=rope_of(keys, a, tensors.pop("rope_freqs.weight", None)),
        tie_word_embeddings="output.weight" not in tensors, attn_implementation="eager")
    if a == "qwen2":
        model = Qwen2ForCausalLM(Qwen2Config(**common))
    elif window:
        model = MistralForCausalLM(MistralConfig(sliding_window=window, **common))
    else:
        model = LlamaForCausalLM(LlamaConfig(attention_bias="blk.0.attn_q.bias" in tensors,
                                             **common))
    state = {"model.embed_tokens.weight": tensors.pop("token_embd.weight"),
             "model.norm.weight": tensors.pop("output_norm.weight")}
    state["lm_head.weight"] = tensors.pop("output.weight", state["model.embed_tokens.weight"])
    for name, x in tensors.items():
        _, i, rest = name.split(".", 2)
        if a == "llama" and rest.startswith(("attn_q.", "attn_k.")):
            x = unpermute(x, heads if "attn_q" in rest else kv)
        stem, kind = rest.rsplit(".", 1)
        to = BLOCK.get(rest) or f"{BLOCK[stem]}.{kind}"
        state[f"model.layers.{i}.{to}"] = x
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not missing and not unexpected, (missing, unexpected)
    return model.eval()


@contextlib.contextmanager
def recording(model, seen):
    """Hooks into transformers' modules and functions; seen[(site, layer)] = tensor."""
    handles, undo, now = [], [], {"layer": -1}

    def keep(site, layer, x):
        seen[(site, layer)] = x.detach().squeeze(0)

    def watch(module, fn):
        handles.append(module.register_forward_hook(fn))

    def norm(scale, layer):
        def fn(mod, args, out):
            x = args[0]
            keep(scale + "_scale", layer,
                 torch.sqrt(x.pow(2).mean(-1, keepdim=True) + mod.variance_epsilon))
            keep(scale + "_normalized", layer, out / mod.weight)
        return fn

    core, c = model.model, model.config
    watch(core.embed_tokens, lambda m, a, o: keep("embed", -1, o))
    watch(core.norm, norm("ln_final", -1))
    watch(model.lm_head, lambda m, a, o: keep("logits", -1, o))
    for i, layer in enumerate(core.layers):
        def start(m, a, kw=None, i=i):
            now["layer"] = i
            keep("resid_pre", i, a[0])
        handles.append(layer.register_forward_pre_hook(start))
        watch(layer.input_layernorm, norm("ln1", i))
        watch(layer.post_attention_layernorm, norm("ln2", i))
        watch(layer.post_attention_layernorm,
              lambda m, a, o, i=i: keep("resid_mid", i, a[0]))
        at = layer.self_attn
        for site in "qkv":
            watch(getattr(at, site + "_proj"), lambda m, a, o, i=i, s=site: keep(
                s, i, o.unflatten(-1, (-1, c.head_dim))))

        def heads_out(m, a, o, i=i):
            z = a[0].unflatten(-1, (-1, c.head_dim))
            w = m.weight.unflatten(-1, (-1, c.head_dim))
            keep("z", i, z)
            keep("result", i, torch.einsum("bthk,dhk->bthd", z, w))
            keep("attn_out", i, o)
        watch(at.o_proj, heads_out)
        watch(layer.mlp.gate_proj, lambda m, a, o, i=i: keep("mlp_pre", i, o))
        watch(layer.mlp.up_proj, lambda m, a, o, i=i: keep("mlp_pre_linear", i, o))
        watch(layer.mlp.down_proj, lambda m, a, o, i=i: keep("mlp_post", i, a[0]))
        watch(layer.mlp, lambda m, a, o, i=i: keep("mlp_out", i, o))
        watch(layer, lambda m, a, o, i=i: keep("resid_post", i, o[0] if isinstance(o, tuple) else o))
    for mod in (modeling_llama, modeling_mistral, modeling_qwen2):
        rope = mod.apply_rotary_pos_emb

        def rotate(q, k, *args, rope=rope, **kw):
            q, k = rope(q, k, *args, **kw)
            keep("rot_q", now["layer"], q.transpose(1, 2))
            keep("rot_k", now["layer"], k.transpose(1, 2))
            return q, k
        mod.apply_rotary_pos_emb = rotate
        undo.append((mod, "apply_rotary_pos_emb", rope))
    softmax = torch.nn.functional.softmax

    def soften(x, *args, **kw):
        y = softmax(x, *args, **kw)
        if x.dim() == 4:  # [1, H, queries, keys]
            keep("attn_scores", now["layer"], x.transpose(1, 2))
            keep("pattern", now["layer"], y.transpose(1, 2))
        return y
    torch.nn.functional.softmax = soften
    undo.append((torch.nn.functional, "softmax", softmax))
    try:
        yield
    finally:
        for h in handles:
            h.remove()
        for mod, name, fn in undo:
            setattr(mod, name, fn)


def run(model, tokens):
    """{(site, layer): array [T, ...]} of one sequence; layer -1: global sites. Scores of
    masked keys are -inf."""
    seen = {}
    with torch.no_grad(), recording(model, seen):
        model(torch.tensor([list(tokens)]), use_cache=False)
    out = {place: x.to(torch.float64).numpy() for place, x in seen.items()}
    for (site, layer), x in out.items():
        if site == "attn_scores":
            x[x < -1e30] = -np.inf
    return out


def log_probs(logits):
    x = logits - logits.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))
