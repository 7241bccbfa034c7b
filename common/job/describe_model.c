/* job/describe_model.c: what a model is; see describe.h. */
#include "base/bytes.h"
#include "base/escape.h"
#include "base/mem.h"
#include "job/batch.h"
#include "job/describe.h"

#include <stdlib.h>
#include <string.h>

/* Lines "label: text" for keys of the file that hold text. */
static const struct {
    const char *label, *key;
} origin[] = {
    {"author", "general.author"},
    {"organisation", "general.organization"},
    {"version", "general.version"},
    {"fine-tune", "general.finetune"},
    {"size label", "general.size_label"},
    {"description", "general.description"},
    {"quantised by", "general.quantized_by"},
    {"source", "general.source.url"},
    {"source repository", "general.source.repo_url"},
    {"made from", "general.base_model.0.name"},
    {"made from repository", "general.base_model.0.repo_url"},
    {"licence name", "general.license.name"},
    {"licence text", "general.license.link"},
};

static void add_text(struct mi_buf *b, const struct mi_gguf *g, const char *label, const char *key)
{
    struct mi_gguf_string s;
    char text[208];

    if (mi_gguf_text(g, key, &s) && s.len > 0)
        mi_buf_addf(b, "%s: %s\n", label, mi_escape(text, sizeof text, s.at, s.len));
}

static void add_said(struct mi_buf *b, const char *label, const char *said)
{
    char text[MI_CARD_TEXT + 8];

    if (said[0])
        mi_buf_addf(b, "%s: %s\n", label, mi_escape(text, sizeof text, said, strlen(said)));
}

/* The same of a directory. */
static void add_card(struct mi_buf *b, const struct mi_card *c)
{
    add_said(b, "name", c->name);
    add_said(b, "licence", c->licence);
    add_said(b, "made from", c->made_from);
    add_said(b, "licence name", c->licence_name);
    add_said(b, "licence text", c->licence_text);
}

/* ---- weights ---------------------------------------------------------------- */

enum { MOST_TYPES = 512 }; /* numbers of types are below */

/* Tensors of one kind, all layers: "attn_q.weight". */
struct group {
    const char *name;
    uint64_t n, bytes;
    uint64_t of_type[MOST_TYPES]; /* tensors */
};

static uint64_t count_elements(const struct mi_store_tensor *t)
{
    return t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
}

/* What follows "blk.12.". */
static const char *kind_of(const char *name)
{
    const char *p = name;

    if (strncmp(p, "blk.", 4) != 0)
        return name;
    p += 4 + strspn(p + 4, "0123456789");
    return *p == '.' ? p + 1 : name;
}

static void add_group(struct mi_buf *b, const struct group *g)
{
    char text[24];

    mi_buf_addf(b, "group %s: %llu, %s", mi_quote(g->name), (unsigned long long)g->n,
                mi_bytes_text((double)g->bytes, text));
    for (int type = 0; type < MOST_TYPES; type++)
        if (g->of_type[type] == g->n)
            mi_buf_addf(b, ", %s", mi_qtype_name(type));
        else if (g->of_type[type] > 0)
            mi_buf_addf(b, ", %llu %s", (unsigned long long)g->of_type[type], mi_qtype_name(type));
    mi_buf_add_char(b, '\n');
}

static int compare_kinds(const void *a, const void *b)
{
    const struct mi_store_tensor *const *x = a, *const *y = b;

    return strcmp(kind_of((*x)->name), kind_of((*y)->name));
}

static void add_groups(struct mi_buf *b, const struct mi_store *s)
{
    const struct mi_store_tensor **t = mi_alloc_n(s->n_tensors, sizeof *t);

    for (size_t i = 0; i < s->n_tensors; i++)
        t[i] = &s->tensor[i];
    qsort(t, s->n_tensors, sizeof *t, compare_kinds);
    for (size_t i = 0; i < s->n_tensors;) {
        struct group g = {.name = kind_of(t[i]->name)};

        for (; i < s->n_tensors && strcmp(kind_of(t[i]->name), g.name) == 0; i++) {
            g.n++;
            g.bytes += mi_store_bytes(t[i]);
            g.of_type[t[i]->type & (MOST_TYPES - 1)]++; /* all are supported, so small */
        }
        add_group(b, &g);
    }
    mi_free(t);
}

static void add_types(struct mi_buf *b, const struct mi_store *s)
{
    uint64_t elements = 0, all = 0;
    char text[24];

    for (size_t i = 0; i < s->n_tensors; i++) {
        elements += count_elements(&s->tensor[i]);
        all += mi_store_bytes(&s->tensor[i]);
    }
    mi_buf_addf(b, "parameters: %llu\n", (unsigned long long)elements);
    mi_buf_addf(b, "bits per weight: %.2f\n", 8 * (double)all / (double)(elements ? elements : 1));
    for (int type = 0; type < MOST_TYPES; type++) {
        uint64_t n = 0, bytes = 0;

        for (size_t i = 0; i < s->n_tensors; i++) {
            n += s->tensor[i].type == type;
            bytes += s->tensor[i].type == type ? mi_store_bytes(&s->tensor[i]) : 0;
        }
        if (n > 0)
            mi_buf_addf(b, "tensors %s: %llu, %s\n",
                        mi_qtype_name(type) ? mi_qtype_name(type) : "of an unknown type",
                        (unsigned long long)n, mi_bytes_text((double)bytes, text));
    }
    add_groups(b, s);
}

/* ---- the rest --------------------------------------------------------------- */

static void add_rotary(struct mi_buf *b, const struct mi_config *c, int which, const char *label)
{
    static const char *const kinds[] = {
        [MI_SCALING_LINEAR] = "linear", [MI_SCALING_DYNAMIC] = "dynamic",
        [MI_SCALING_YARN] = "yarn",     [MI_SCALING_LONGROPE] = "longrope",
        [MI_SCALING_LLAMA3] = "llama3",
    };
    const struct mi_rotary *r = &c->rotary[which];

    mi_buf_addf(b, "%s: base %g, %d of %d coordinates", label, r->base, r->n_rot, c->dims.d_head);
    if (r->kind != MI_SCALING_LINEAR || (r->factor != 1 && r->factor > 0))
        mi_buf_addf(b, ", %s by %g", kinds[r->kind], r->factor);
    if (r->kind != MI_SCALING_LINEAR && r->n_original > 0)
        mi_buf_addf(b, " from %d tokens", r->n_original);
    mi_buf_add_char(b, '\n');
}

static bool has_rotary(const struct mi_config *c, int which)
{
    if (!c->layer)
        return which == 0;
    for (int i = 0; i < c->dims.n_layers; i++)
        if (c->layer[i].rotary == which)
            return true;
    return false;
}

static void add_positions(struct mi_buf *b, const struct mi_config *c)
{
    int windows = 0, window = c->window;

    mi_buf_addf(b, "context: %d", c->dims.n_ctx);
    if (c->dims.n_ctx < c->n_trained)
        mi_buf_addf(b, " (--context: up to %d)", c->n_trained);
    mi_buf_addf(b, "\n");
    for (int i = 0; i < c->dims.n_layers && c->layer; i++)
        if (c->layer[i].window > 0) {
            windows++;
            window = c->layer[i].window;
        }
    if (window > 0)
        mi_buf_addf(b, "window: %d", window);
    if (window > 0 && windows > 0 && windows < c->dims.n_layers)
        mi_buf_addf(b, " in %d layers of %d", windows, c->dims.n_layers);
    if (window > 0)
        mi_buf_add_char(b, '\n');
    if (has_rotary(c, 0))
        add_rotary(b, c, 0, "rotation");
    if (has_rotary(c, 1))
        add_rotary(b, c, 1, "rotation of layers with a window");
}

static void add_sizes(struct mi_buf *b, const struct mi_config *c)
{
    const struct mi_dims *d = &c->dims;

    mi_buf_addf(b, "n_layers: %d\nn_heads: %d\nn_kv_heads: %d\n", d->n_layers, d->n_heads,
                d->n_kv_heads);
    mi_buf_addf(b, "d_model: %d\nd_head: %d\nd_mlp: %d\nd_vocab: %d\n", d->d_model, d->d_head,
                d->d_mlp, d->d_vocab);
    if (c->n_experts > 0)
        mi_buf_addf(b, "experts: %d, %d a token\n", c->n_experts, c->n_experts_used);
    add_positions(b, c);
    mi_buf_addf(b, "unembedding: %s\n", c->is_tied ? "the embedding" : "its own");
}

static void add_vocabulary(struct mi_buf *b, const struct mi_session *s)
{
    int32_t bos = mi_tokenizer_bos(&s->tokenizer), eos = mi_tokenizer_eos(&s->tokenizer);
    struct mi_bytes piece;
    char text[208];

    add_text(b, &s->model.file, "vocabulary", "tokenizer.ggml.model");
    add_text(b, &s->model.file, "pre-tokenizer", "tokenizer.ggml.pre");
    mi_buf_addf(b, "tokens: %zu\n", mi_tokenizer_size(&s->tokenizer));
    if (bos >= 0) {
        piece = mi_tokenizer_piece(&s->tokenizer, bos);
        mi_buf_addf(b, "bos: %d %s%s\n", (int)bos,
                    mi_escape(text, sizeof text, piece.at, piece.len),
                    mi_tokenizer_adds_bos(&s->tokenizer) ? ", put before prompts" : "");
    }
    if (eos >= 0) {
        piece = mi_tokenizer_piece(&s->tokenizer, eos);
        mi_buf_addf(b, "eos: %d %s\n", (int)eos, mi_escape(text, sizeof text, piece.at, piece.len));
    }
    if (s->has_chat)
        mi_buf_addf(b, "template: %s\n", mi_chat_name(&s->chat));
    else
        mi_buf_addf(b, "template: none (%s)\n", s->why_no_chat.text);
}

/* The memory of one prompt of n tokens. */
static void add_memory(struct mi_buf *b, const struct mi_model *m, int64_t n)
{
    double file = (double)m->n_bytes, cache = (double)mi_cache_bytes(m, n);
    double work = (double)mi_forward_bytes(m, n < MI_BATCH_ROWS ? (int)n : MI_BATCH_ROWS, n);
    char text[4][24];

    mi_buf_addf(b, "memory at %lld tokens: %s (file %s, cache %s, working set %s)\n", (long long)n,
                mi_bytes_text(file + cache + work, text[0]), mi_bytes_text(file, text[1]),
                mi_bytes_text(cache, text[2]), mi_bytes_text(work, text[3]));
}

int mi_describe_model(struct mi_buf *b, struct mi_session *s, int64_t context, struct mi_error *err)
{
    const struct mi_model *m = &s->model;
    struct mi_digest digest;
    char text[33], size[24];
    int64_t n_ctx = m->config.dims.n_ctx;
    int r = mi_model_digest(&s->model, &digest, err);

    if (r < 0)
        return r;
    add_text(b, &m->file, "name", "general.name");
    mi_buf_addf(b, "architecture: %s\n", m->config.architecture);
    add_text(b, &m->file, "licence", "general.license");
    for (size_t i = 0; i < sizeof origin / sizeof *origin; i++)
        add_text(b, &m->file, origin[i].label, origin[i].key);
    if (m->folder)
        add_card(b, &m->folder->card);
    if (m->folder)
        mi_buf_addf(b, "format: Hugging Face directory, weights in %zu file%s\n",
                    m->folder->shards.n_files, m->folder->shards.n_files == 1 ? "" : "s");
    else
        mi_buf_addf(b, "format: GGUF version %u\n", (unsigned)m->file.version);
    mi_buf_addf(b, "file: %s\n", mi_bytes_text((double)m->n_bytes, size));
    mi_buf_addf(b, "digest: %s\n", mi_digest_text(&digest, text));
    add_sizes(b, &m->config);
    add_types(b, &m->store);
    add_vocabulary(b, s);
    for (int64_t n = 128; n < n_ctx && !context; n *= 8)
        add_memory(b, m, n);
    add_memory(b, m, context ? context : n_ctx);
    return 0;
}
