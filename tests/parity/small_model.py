"""GGUF files of a few weights around a vocabulary, so that the tools open it."""

import gguf
import numpy as np

D, N_CONTEXT = 32, 8192
MATRICES = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]


def vocabulary(path):
    """{pre, tokens, types, merges, template, bos} of a GGUF file."""
    f = gguf.GGUFReader(path).fields

    def get(key, default=None):
        return f[key].contents() if key in f else default
    return dict(pre=get("tokenizer.ggml.pre"), tokens=get("tokenizer.ggml.tokens"),
                types=[int(t) for t in get("tokenizer.ggml.token_type")],
                merges=get("tokenizer.ggml.merges"), template=get("tokenizer.chat_template"),
                bos=get("tokenizer.ggml.bos_token_id"))


def bytes_only(extra, pre="gpt-2", template=None, bos=None, eos=None):
    """A vocabulary of the 256 bytes behind the control tokens `extra`."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [chr(b) for b in plain] + [chr(256 + i) for i in range(68)]
    return dict(pre=pre, tokens=extra + symbols, types=[3] * len(extra) + [1] * 256, merges=[],
                template=template, bos=bos, eos=eos)


def write(path, v):
    w = gguf.GGUFWriter(path, "llama")
    w.add_context_length(N_CONTEXT)
    w.add_block_count(1)
    w.add_embedding_length(D)
    w.add_feed_forward_length(D)
    w.add_head_count(1)
    w.add_head_count_kv(1)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(len(v["tokens"]))
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(v["pre"])
    w.add_token_list(v["tokens"])
    w.add_token_types(v["types"])
    if v["merges"]:
        w.add_token_merges(v["merges"])
    if v.get("bos") is not None:
        w.add_bos_token_id(v["bos"])
    if v.get("eos") is not None:
        w.add_eos_token_id(v["eos"])
    if v.get("template"):
        w.add_chat_template(v["template"])
    w.add_add_bos_token(False)
    w.add_tensor("token_embd.weight", np.zeros((len(v["tokens"]), D), np.float16))
    for name in MATRICES:
        w.add_tensor(f"blk.0.{name}.weight", np.zeros((D, D), np.float32))
    for name in ["blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"]:
        w.add_tensor(name + ".weight", np.ones(D, np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
