/* model/hub.c: tensors of a Hugging Face directory under canonical names; see hub.h. */
#include "model/hub.h"

#include "base/escape.h"
#include "base/intern.h"
#include "math/quant.h"

#include <string.h>

enum { MAX_PARTS = 4096 }; /* experts, or heads, that come one by one */

/* A tensor whose parts come one by one. */
struct pending {
    int type;
    uint64_t ne[4]; /* of a part */
    uint64_t n_bytes;
    const void **part; /* [n], NULL: not seen yet */
    int64_t n, n_seen;
    bool is_stack; /* vectors that become the rows of a matrix; else experts */
};

struct building {
    struct mi_hub hub;
    struct mi_intern names; /* of pending tensors */
    struct pending *pending;
    size_t cap;
    uint64_t n_due; /* parts of all pending tensors */
};

static int refuse(struct building *b, const struct mi_safetensor *t, const char *why)
{
    return mi_fail(b->hub.err, MI_EXIT_DATA, "tensor '%s': %s", mi_quote(t->name), why);
}

/* Bytes that were read from the file and proved to be there, once more. */
static void *copy_room(struct building *b, uint64_t n_bytes)
{
    b->hub.n_copied += n_bytes;
    return mi_arena_alloc(&b->hub.store->arena, (size_t)n_bytes);
}

static void add(struct building *b, const char *name, int type, const uint64_t ne[4],
                const void *data)
{
    mi_store_add(b->hub.store, name, strlen(name), type, ne, data);
}

static int add_one(struct building *b, const struct mi_safetensor *t, const char *name,
                   const uint64_t ne[4])
{
    const struct mi_qtype_info *info = mi_qtype_info(t->type->qtype);
    int64_t n = (int64_t)(t->n_bytes * 8 / (uint64_t)t->type->bits);
    float *x;

    if (!info || n > 1 << 24)
        return refuse(b, t, info ? "too large for a norm" : "its type is not supported");
    x = copy_room(b, (uint64_t)n * sizeof(*x));
    info->dequantise(x, t->data, n);
    for (int64_t i = 0; i < n; i++)
        x[i] += 1;
    add(b, name, MI_Q_F32, ne, x);
    return 0;
}

static int add_transposed(struct building *b, const struct mi_safetensor *t, const char *name)
{
    enum { TILE = 32 };
    size_t size = (size_t)t->type->bits / 8, rows = (size_t)t->shape[0], cols = (size_t)t->shape[1];
    uint64_t ne[4] = {t->shape[0], t->shape[1], 1, 1};
    const char *from = t->data;
    char *to;

    if (t->rank != 2 || size == 0)
        return refuse(b, t, "not a matrix");
    to = copy_room(b, t->n_bytes);
    for (size_t r0 = 0; r0 < rows; r0 += TILE)
        for (size_t c0 = 0; c0 < cols; c0 += TILE)
            for (size_t c = c0; c < cols && c < c0 + TILE; c++)
                for (size_t r = r0; r < rows && r < r0 + TILE; r++)
                    memcpy(to + (c * rows + r) * size, from + (r * cols + c) * size, size);
    add(b, name, t->type->qtype, ne, to);
    return 0;
}

/* Rows come in groups, one for each head of keys: its heads of queries, its key, its value. */
static int add_unwoven(struct building *b, const struct mi_safetensor *t, const char *name,
                       const uint64_t ne[4])
{
    const struct mi_hub *h = &b->hub;
    int64_t share = h->n_heads / h->n_kv_heads, n_groups = h->n_kv_heads;
    uint64_t n_rows = (uint64_t)((h->n_heads + 2 * n_groups) * h->d_head);
    const char *from = t->data;
    size_t head;
    char *to;

    if (h->n_heads % n_groups != 0 || t->rank < 1 || t->rank > 2 || t->shape[0] != n_rows)
        return refuse(b, t, "its rows are not those of all heads");
    head = (size_t)(t->n_bytes / n_rows) * (size_t)h->d_head;
    to = copy_room(b, t->n_bytes);
    for (int64_t g = 0; g < n_groups; g++) {
        memcpy(to + (size_t)(g * share) * head, from, (size_t)share * head);
        from += (size_t)share * head;
        memcpy(to + (size_t)(h->n_heads + g) * head, from, head);
        from += head;
        memcpy(to + (size_t)(h->n_heads + n_groups + g) * head, from, head);
        from += head;
    }
    add(b, name, t->type->qtype, ne, to);
    return 0;
}

/* "blk.0.ffn_gate_exps.weight" -> "blk.0.ffn_up_exps.weight", where it stands. */
static void name_up(char *name)
{
    char *at = strstr(name, "ffn_gate");

    if (at) { /* the new name is shorter */
        memcpy(at + 4, "up", 2);
        memmove(at + 6, at + 8, strlen(at + 8) + 1);
    }
}

/* [experts, in, out] -> [experts, out, in], or [experts, out] of biases as it is; of the outputs
 * every `stride`th from `first` on. */
static int add_turned(struct building *b, const struct mi_safetensor *t, const char *name,
                      const uint64_t ne[4], size_t first, size_t stride)
{
    size_t size = (size_t)t->type->bits / 8, width = (size_t)ne[0], out = width / stride;
    size_t in = t->rank == 3 ? (size_t)ne[1] : 1, n = (size_t)t->shape[0];
    uint64_t matrices[4] = {in, out, n, 1}, vectors[4] = {out, n, 1, 1};
    const char *from = t->data;
    char *to, *at;

    if (t->rank < 2 || size == 0 || width % stride != 0)
        return refuse(b, t, "not [experts, in, out]");
    to = at = copy_room(b, t->n_bytes / stride);
    for (size_t e = 0; e < n; e++)
        for (size_t o = 0; o < out; o++)
            for (size_t i = 0; i < in; i++, at += size)
                memcpy(at, from + ((e * in + i) * width + o * stride + first) * size, size);
    add(b, name, t->type->qtype, t->rank == 3 ? matrices : vectors, to);
    return 0;
}

/* Gates and ups by turns. */
static int add_woven(struct building *b, const struct mi_safetensor *t, char *name,
                     const uint64_t ne[4])
{
    int rc = add_turned(b, t, name, ne, 0, 2);

    name_up(name);
    return rc < 0 ? rc : add_turned(b, t, name, ne, 1, 2);
}

/* ---- what comes in parts ------------------------------------------------------------ */

static struct pending *find_pending(struct building *b, const char *name, int64_t n_parts)
{
    int64_t before = b->names.n, at = mi_intern_add(&b->names, name, strlen(name));

    if (at == before) {
        b->n_due += (uint64_t)n_parts;
        b->pending = mi_grow(b->pending, &b->cap, (size_t)at + 1, sizeof(*b->pending));
        b->pending[at] = (struct pending){.n = n_parts};
        b->pending[at].part =
            mi_arena_alloc(&b->hub.store->arena, (size_t)n_parts * sizeof(*b->pending[at].part));
        memset(b->pending[at].part, 0, (size_t)n_parts * sizeof(*b->pending[at].part));
    }
    return &b->pending[at];
}

static int64_t count_experts(const struct building *b)
{
    int64_t n = mi_get_int(&b->hub.store->keys, "expert_count", 0);

    return n <= MAX_PARTS ? n : 0;
}

static int add_part(struct building *b, const struct mi_safetensor *t, const char *name,
                    const uint64_t ne[4], int64_t i, bool is_stack)
{
    bool is_key = strstr(name, "attn_k") != NULL;
    int64_t n = !is_stack ? count_experts(b) : is_key ? b->hub.n_kv_heads : b->hub.n_heads;
    struct pending *p;

    if (i < 0 || i >= n || n > MAX_PARTS)
        return refuse(b, t,
                      is_stack ? "there are not so many heads" : "there are not so many experts");
    if (t->rank != (is_stack ? 1 : 2))
        return refuse(b, t, is_stack ? "not a vector" : "not a matrix");
    p = find_pending(b, name, n);
    if (b->n_due > b->hub.folder->shards.n_tensors)
        return refuse(b, t, "fewer tensors are there than parts like this are due");
    if (p->n_seen == 0) {
        p->type = t->type->qtype;
        p->n_bytes = t->n_bytes;
        p->is_stack = is_stack;
        memcpy(p->ne, ne, sizeof(p->ne));
    }
    if (p->type != t->type->qtype || memcmp(p->ne, ne, sizeof(p->ne)) != 0)
        return refuse(b, t, "another shape or type than its like");
    if (p->part[i])
        return refuse(b, t, "there twice");
    p->part[i] = t->data;
    p->n_seen++;
    return 0;
}

/* [2 out, in] of a shared expert: the gate's rows, then the up's. */
static int add_shared_gate_up(struct building *b, const struct mi_safetensor *t, char *name)
{
    uint64_t ne[4] = {0, 0, 1, 1};

    if (t->rank != 2 || t->shape[0] % 2 != 0)
        return refuse(b, t, "not [2 x width, width]");
    ne[0] = t->shape[1];
    ne[1] = t->shape[0] / 2;
    add(b, name, t->type->qtype, ne, t->data);
    name_up(name);
    add(b, name, t->type->qtype, ne, (const char *)t->data + t->n_bytes / 2);
    return 0;
}

/* [experts, 2 out, in]: each expert's gate, then its up. */
static int add_gate_up(struct building *b, const struct mi_safetensor *t, char *name)
{
    int64_t n = count_experts(b);
    uint64_t half, ne[4] = {0, 0, 0, 1};

    if (strstr(name, "_shexp"))
        return add_shared_gate_up(b, t, name);
    if (t->rank != 3 || n < 1 || t->shape[0] != (uint64_t)n || t->shape[1] % 2 != 0)
        return refuse(b, t, "not [experts, 2 x width, width]");
    half = t->n_bytes / (uint64_t)n / 2;
    ne[0] = t->shape[2];
    ne[1] = t->shape[1] / 2;
    ne[2] = t->shape[0];
    for (int is_up = 0; is_up < 2; is_up++) {
        const void **part = mi_arena_alloc(&b->hub.store->arena, (size_t)n * sizeof(*part));

        for (int64_t e = 0; e < n; e++)
            part[e] = (const char *)t->data + (uint64_t)(2 * e + is_up) * half;
        if (is_up)
            name_up(name);
        mi_store_add(b->hub.store, name, strlen(name), t->type->qtype, ne, NULL)->part = part;
    }
    return 0;
}

static int finish_pending(struct building *b)
{
    for (int64_t i = 0; i < b->names.n; i++) {
        struct pending *p = &b->pending[i];
        const char *name = b->names.name[i];

        if (p->n_seen != p->n)
            return mi_fail(b->hub.err, MI_EXIT_DATA, "'%s': %lld parts of %lld are there", name,
                           (long long)p->n_seen, (long long)p->n);
        if (p->is_stack) {
            char *to = copy_room(b, p->n_bytes * (uint64_t)p->n);

            for (int64_t k = 0; k < p->n; k++)
                memcpy(to + (size_t)k * p->n_bytes, p->part[k], p->n_bytes);
            p->ne[1] = (uint64_t)p->n;
            add(b, name, p->type, p->ne, to);
        } else {
            p->ne[2] = (uint64_t)p->n;
            mi_store_add(b->hub.store, name, strlen(name), p->type, p->ne, NULL)->part = p->part;
        }
    }
    return 0;
}

/* ---- all ------------------------------------------------------------------------------ */

static int add_tensor(struct building *b, const struct mi_safetensor *t)
{
    struct mi_hub_name name;
    uint64_t ne[4] = {1, 1, 1, 1};
    int rc = mi_hub_translate(&b->hub, t->name, &name);

    if (rc < 0 || name.change == MI_HUB_SKIP)
        return rc;
    if (t->rank < 1 || t->rank > 3 || t->n_bytes == 0)
        return refuse(b, t, t->n_bytes ? "not of 1 to 3 dimensions" : "empty");
    if (t->type->qtype < 0)
        return mi_fail(b->hub.err, MI_EXIT_DATA, "tensor '%s' has type %s, which is not supported",
                       mi_quote(t->name), t->type->name);
    for (int i = 0; i < t->rank; i++)
        ne[i] = t->shape[t->rank - 1 - i];
    switch (name.change) {
    case MI_HUB_TRANSPOSE: return add_transposed(b, t, name.text);
    case MI_HUB_ADD_ONE: return add_one(b, t, name.text, ne);
    case MI_HUB_UNWEAVE: return add_unwoven(b, t, name.text, ne);
    case MI_HUB_EXPERT: return add_part(b, t, name.text, ne, name.expert, false);
    case MI_HUB_HEAD: return add_part(b, t, name.text, ne, name.expert, true);
    case MI_HUB_GATE_UP: return add_gate_up(b, t, name.text);
    case MI_HUB_TURNED: return add_turned(b, t, name.text, ne, 0, 1);
    case MI_HUB_WOVEN: return add_woven(b, t, name.text, ne);
    case MI_HUB_FROM_2:
        if (t->rank != 2 || ne[1] < 3)
            return refuse(b, t, "not a table of positions");
        ne[1] -= 2;
        add(b, name.text, t->type->qtype, ne,
            (const char *)t->data + 2 * (t->n_bytes / (ne[1] + 2)));
        return 0;
    case MI_HUB_KEEP:
    case MI_HUB_EXPERTS:
    case MI_HUB_SKIP: break;
    }
    add(b, name.text, t->type->qtype, ne, t->data);
    return 0;
}

static int add_all(struct building *b)
{
    const struct mi_shards *s = &b->hub.folder->shards;
    int rc = 0;

    for (size_t f = 0; f < s->n_files && rc == 0; f++)
        for (size_t i = 0; i < s->file[f].n_tensors && rc == 0; i++)
            if ((rc = add_tensor(b, &s->file[f].tensor[i])) < 0)
                mi_fail_in(b->hub.err, "'%s'", s->name[f]);
    if (rc == 0)
        rc = finish_pending(b);
    if (rc == 0)
        rc = mi_store_sort(b->hub.store, b->hub.err);
    if (rc == 0 && !b->hub.is_tied && !mi_store_tensor(b->hub.store, "output.weight"))
        rc = mi_fail(b->hub.err, MI_EXIT_DATA,
                     "there is no tensor 'lm_head.weight', and 'tie_word_embeddings' is not true");
    return rc;
}

/* Rows of the embedding are as many as the configuration says, where it says it. */
static int check_vocabulary(const struct building *b)
{
    const struct mi_store_tensor *embedding = mi_store_tensor(b->hub.store, "token_embd.weight");
    const struct mi_value *size = mi_get(&b->hub.folder->config, "vocab_size");

    if (!size || size->kind == MI_NIL || !embedding)
        return 0;
    if (size->kind != MI_INT || size->as.integer < 0 ||
        (uint64_t)size->as.integer != embedding->ne[1])
        return mi_fail(b->hub.err, MI_EXIT_DATA,
                       "'config.json': 'vocab_size' is not %llu, the rows of the embedding",
                       (unsigned long long)embedding->ne[1]);
    return 0;
}

int mi_store_folder(struct mi_store *s, const struct mi_folder *f, uint64_t *n_copied,
                    struct mi_error *err)
{
    struct building b = {.hub = {.folder = f, .store = s, .err = err}};
    int rc;

    *s = (struct mi_store){0};
    rc = mi_hub_config(&b.hub);
    if (rc < 0)
        mi_fail_in(err, "'config.json'");
    else
        rc = add_all(&b);
    if (rc == 0)
        rc = check_vocabulary(&b);
    mi_intern_free(&b.names);
    mi_free(b.pending);
    *n_copied = b.hub.n_copied;
    if (rc < 0)
        mi_store_free(s);
    return rc;
}
