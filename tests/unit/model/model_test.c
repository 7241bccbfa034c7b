/* Opening a model: the configuration, and each way in which a file and it may disagree. */
#include "../tap.h"
#include "fixture.h"
#include "model/model.h"

static unsigned char *bytes;
static size_t len;

/* Where `text` stands first in the file's head. */
static unsigned char *find(const char *text)
{
    size_t n = strlen(text);

    for (size_t i = 0; i + n < len; i++)
        if (memcmp(bytes + i, text, n) == 0)
            return bytes + i;
    printf("Bail out! no %s in the fixture\n", text);
    exit(1);
}

static void refused(const char *why, const char *what)
{
    struct mi_model m;
    struct mi_error err = {0};
    int rc = mi_model_open_bytes(&m, bytes, len, &err);

    ok(rc == -MI_EXIT_DATA && strstr(err.text, why), "%s: %s", what, rc < 0 ? err.text : "read");
    mi_model_close(&m);
}

/* With other bytes at `at` the file is refused for `why`. */
static void with(unsigned char *at, const void *to, size_t n, const char *why, const char *what)
{
    unsigned char was[64];

    memcpy(was, at, n);
    memcpy(at, to, n);
    refused(why, what);
    memcpy(at, was, n);
}

/* The value of a scalar key lies behind its name and type. */
static void with_u32(const char *key, uint32_t to, const char *why)
{
    with(find(key) + strlen(key) + 4, &to, 4, why, key);
}

static void with_f32(const char *key, float to, const char *why)
{
    with(find(key) + strlen(key) + 4, &to, 4, why, key);
}

static void with_name(const char *from, const char *to, const char *why)
{
    with(find(from), to, strlen(to), why, from);
}

static void test_config(void)
{
    struct mi_model m;

    open_fixture(&m, fixture_path[0]);
    ok(strcmp(m.config.architecture, "llama") == 0 && m.config.dims.n_layers == 2 &&
           m.config.dims.d_model == 32 && m.config.dims.n_heads == 4 &&
           m.config.dims.n_kv_heads == 2 && m.config.dims.d_head == 8 &&
           m.config.dims.d_mlp == 64 && m.config.dims.d_vocab == 300 &&
           m.config.dims.n_ctx == 512 && m.config.is_tied && !m.block[0].q_bias &&
           m.config.is_permuted && m.config.rotary[0].base == 10000 && m.config.window == 0,
       "llama-f32: sizes");
    near((double)m.config.attention_scale, 1 / sqrt(8.0), 1e-7, "attention scale");
    near(mi_model_flops_per_token(&m, 0, 2), 2.0 * 2 * (32 * 32 * 2 + 2 * 32 * 16 + 3 * 32 * 64), 0,
         "operations a token");
    ok(mi_model_head_row(&m, 0) == 0 && mi_model_head_row(&m, 1) == 2 &&
           mi_model_head_row(&m, 4) == 1 && mi_model_head_row(&m, 7) == 7,
       "rows of coordinates");
    mi_model_close(&m);
    open_fixture(&m, fixture_path[1]);
    ok(!m.config.is_tied && m.rope_factor && m.block[0].q.row_bytes == m.block[0].v.row_bytes &&
           (const char *)m.block[0].k.data ==
               (const char *)m.block[0].q.data + 64 * m.block[0].q.row_bytes,
       "llama-mixed: fused q, k, v; untied; rotation factors");
    mi_model_close(&m);
    open_fixture(&m, fixture_path[2]);
    ok(m.config.window == 7 && m.config.rotary[0].factor == 2 && m.config.dims.d_head == 32 &&
           m.block[0].q.type == MI_Q_Q4_K,
       "llama-k: window, linear scaling, head size");
    mi_model_close(&m);
    open_fixture(&m, fixture_path[3]);
    ok(m.block[0].q_bias && !m.config.is_permuted && m.block[1].k_bias && !m.block[1].o_bias &&
           mi_model_head_row(&m, 5) == 5,
       "qwen2-f16: biases");
    mi_model_close(&m);
}

static void test_digest(void)
{
    struct mi_model m;
    struct mi_digest a, b, whole = mi_hash_bytes(bytes, len);
    struct mi_error err = {0};

    open_fixture(&m, fixture_path[0]);
    ok(mi_model_digest(&m, &a, &err) == 0 && mi_model_digest(&m, &b, &err) == 0 &&
           memcmp(&a, &b, sizeof(a)) == 0 && memcmp(&a, &whole, sizeof(a)) == 0,
       "the digest is the file's");
    ok(mi_model_unchanged(&m, &err) == 0, "the file is what it was");
    mi_model_close(&m);
}

static void test_refusals(void)
{
    with_name("llama", "lamma", "architecture 'lamma' is not supported");
    with_name("llama", "gemma", "'gemma.block_count' is missing");
    with_u32("llama.block_count", 3, "'blk.2.attn_norm.weight' is missing");
    with_u32("llama.block_count", 1, "has no place");
    with_u32("llama.block_count", 0, "not in 1 to");
    with_u32("llama.block_count", 0x7fffffff, "not in 1 to");
    with_u32("llama.embedding_length", 31, "heads of 7");
    with_u32("llama.feed_forward_length", 65, "ffn_gate");
    with_u32("llama.attention.head_count", 3, "evenly");
    with_u32("llama.attention.head_count", 0, "not in 1 to");
    with_u32("llama.attention.head_count_kv", 3, "evenly");
    with_u32("llama.attention.head_count_kv", 4, "attn_k.weight");
    with_u32("llama.attention.head_count_kv", 1, "attn_k.weight");
    with_u32("llama.context_length", 0, "not in 1 to");
    with_u32("llama.rope.dimension_count", 6, "not supported");
    with_f32("llama.rope.freq_base", -1, "above 0");
    with_f32("llama.rope.freq_base", NAN, "above 0");
    with_f32("llama.attention.layer_norm_rms_epsilon", INFINITY, "above 0");
    with_name("llama.block_count", "llama.block_xount", "'llama.block_count' is missing");
    with_name("blk.1.ffn_up.weight", "blk.1.ffn_ux.weight", "'blk.1.ffn_up.weight' is missing");
    with_name("output_norm.weight", "output_norm.weighs", "'output_norm.weight' is missing");
}

/* Keys of other computations, in place of one that does not matter here. Names differ in
 * length, so the file is built anew around them. */
static void with_key(const char *key, uint32_t type, const void *value, size_t n, const char *why)
{
    unsigned char *kept = bytes;
    size_t kept_len = len, extra = 8 + strlen(key) + 4 + n, head = 24, total;
    uint64_t n_values, key_len = strlen(key);
    unsigned char *to;

    /* the data moves by a whole number of alignments: pad with one more key */
    total = (extra + 8 + 1 + 4 + 8 + 31) / 32 * 32;
    to = bytes = mi_alloc_zero(1, len + total);
    memcpy(to, kept, head);
    memcpy(&n_values, to + 16, 8);
    n_values += 2;
    memcpy(to + 16, &n_values, 8);
    to += head;
    memcpy(to, &key_len, 8);
    memcpy(to + 8, key, key_len);
    memcpy(to + 8 + key_len, &type, 4);
    memcpy(to + 12 + key_len, value, n);
    to += extra;
    key_len = 1;
    type = 8;
    memcpy(to, &key_len, 8);
    to[8] = '!';
    memcpy(to + 9, &type, 4);
    key_len = total - extra - 21;
    memcpy(to + 13, &key_len, 8);
    to += 21 + key_len;
    memcpy(to, kept + head, len - head);
    len += total;
    if (why)
        refused(why, key);
    else {
        struct mi_model m;
        struct mi_error err = {0};

        ok(mi_model_open_bytes(&m, bytes, len, &err) == 0, "%s may be there%s", key, err.text);
        mi_model_close(&m);
    }
    mi_free(bytes);
    bytes = kept;
    len = kept_len;
}

static void test_unsupported(void)
{
    const uint32_t zero = 0, two = 2;
    const float cap = 50, minus = -1;
    static const char yarn[] = "\4\0\0\0\0\0\0\0yarn", none[] = "\4\0\0\0\0\0\0\0none";

    with_key("llama.expert_count", 4, &two, 4, "'llama.expert_used_count' is missing");
    with_key("llama.expert_count", 4, &zero, 4, NULL);
    with_key("llama.attention.q_lora_rank", 4, &two, 4, "'llama.attention.q_lora_rank' asks for");
    with_key("llama.attention.causal", 7, &zero, 1, "'llama.attention.causal' asks for");
    with_key("llama.attn_logit_softcapping", 6, &cap, 4, NULL);
    with_key("llama.attn_logit_softcapping", 6, &minus, 4, "not a number from 0 on");
    with_key("llama.attn_logit_softcapping", 8, none, 12, "not a number from 0 on");
    with_key("llama.logit_scale", 6, &cap, 4, NULL);
    with_key("llama.use_parallel_residual", 7, &two, 1, NULL);
    with_key("llama.rope.scaling.type", 8, yarn, 12, NULL);
    with_key("llama.rope.scaling.type", 8, "\4\0\0\0\0\0\0\0yarm", 12, "is 'yarm': only none");
    with_key("llama.rope.scaling.type", 8, "\x8\0\0\0\0\0\0\0longrope", 16,
             "'rope_factors_long.weight' is missing");
    with_key("llama.rope.scaling.factor", 6, &zero, 4, "above 0");
    with_key("llama.rope.scaling.type", 8, none, 12, NULL);
    with_key("llama.attention.value_length", 4, &two, 4, "values 2");
    with_key("llama.attention.sliding_window", 4, &two, 4, NULL);
    with_key("split.count", 4, &two, 4, "2 files");
}

int main(void)
{
    bytes = read_whole(fixture_path[0], &len);
    test_config();
    test_digest();
    test_refusals();
    test_unsupported();
    mi_free(bytes);
    return done();
}
