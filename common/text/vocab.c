#include "text/vocab.h"

#include "base/mem.h"
#include "text/bytemap.h"

#include <stdio.h>
#include <string.h>

enum {
    MAX_TOKENS = 1 << 22,
    MAX_MERGES = 1 << 23,
    MAX_TOKEN = 64 * 1024,
    MAX_BYTES = 1 << 30, /* of all tokens: what they stand for is hardly longer */
};

/* ---- tables ------------------------------------------------------------------- */

static void init_table(struct mi_id_table *t, size_t n)
{
    size_t size = 16;

    while (size / 2 < n)
        size *= 2;
    t->slot = mi_alloc_n(size, sizeof *t->slot);
    t->mask = size - 1;
    for (size_t i = 0; i < size; i++)
        t->slot[i] = -1;
}

struct mi_bytes mi_vocab_text(const struct mi_vocab *v, int32_t id)
{
    if (id < 0 || (size_t)id >= v->n)
        return (struct mi_bytes){"", 0};
    return (struct mi_bytes){v->bytes + v->start[id], v->start[id + 1] - v->start[id]};
}

struct mi_bytes mi_vocab_piece(const struct mi_vocab *v, int32_t id)
{
    if (!v->shown || id < 0 || (size_t)id >= v->n)
        return mi_vocab_text(v, id);
    return (struct mi_bytes){v->shown + v->shown_start[id],
                             v->shown_start[id + 1] - v->shown_start[id]};
}

static size_t slot_of(const struct mi_vocab *v, const struct mi_id_table *t, const char *piece,
                      size_t len)
{
    size_t i = (size_t)mi_hash_u64(piece, len, 0) & t->mask;

    for (; t->slot[i] >= 0; i = (i + 1) & t->mask) {
        struct mi_bytes p = mi_vocab_text(v, t->slot[i]);

        if (p.len == len && memcmp(p.at, piece, len) == 0)
            break;
    }
    return i;
}

int32_t mi_vocab_find(const struct mi_vocab *v, const struct mi_id_table *t, const char *piece,
                      size_t len)
{
    return len == 0 ? -1 : t->slot[slot_of(v, t, piece, len)];
}

/* The first of equals stays. */
static void add_to(const struct mi_vocab *v, struct mi_id_table *t, int32_t id)
{
    struct mi_bytes p = mi_vocab_text(v, id);
    size_t i;

    if (p.len == 0)
        return;
    i = slot_of(v, t, p.at, p.len);
    if (t->slot[i] < 0)
        t->slot[i] = id;
}

static int check_distinct(const struct mi_vocab_tokens *src, struct mi_error *err)
{
    size_t size = 16, i;
    int32_t *slot;
    int r = 0;

    while (size / 2 < src->n)
        size *= 2;
    slot = mi_alloc_zero(size, sizeof *slot);
    for (size_t k = 0; k < src->n && r == 0; k++) {
        struct mi_bytes a = src->token[k];

        if (a.len == 0)
            continue;
        i = (size_t)mi_hash_u64(a.at, a.len, 0) & (size - 1);
        for (; slot[i] && r == 0; i = (i + 1) & (size - 1)) {
            struct mi_bytes b = src->token[slot[i] - 1];

            if (a.len == b.len && memcmp(a.at, b.at, a.len) == 0)
                r = mi_fail(err, MI_EXIT_DATA, "vocabulary: tokens %d and %zu are the same",
                            (int)slot[i] - 1, k);
        }
        slot[i] = (int32_t)k + 1;
    }
    mi_free(slot);
    return r;
}

/* ---- from a file ---------------------------------------------------------------- */

static bool is_text_type(int type)
{
    return type == MI_TOKEN_NORMAL || type == MI_TOKEN_BYTE;
}

static bool makes(const struct mi_vocab_tokens *src, const struct mi_vocab *v, size_t k)
{
    return is_text_type(v->type[k]) && (!src->is_made || src->is_made[k]);
}

static int add_token(struct mi_vocab *v, const struct mi_vocab_tokens *src, struct mi_buf *bytes,
                     size_t k, struct mi_error *err)
{
    struct mi_bytes raw = src->token[k];
    int type = src->type ? src->type[k] : MI_TOKEN_NORMAL;

    if (type == 0) /* "undefined" in files: nothing special is known of it */
        type = MI_TOKEN_NORMAL;
    if (type < MI_TOKEN_NORMAL || type > MI_TOKEN_BYTE)
        return mi_fail(err, MI_EXIT_DATA, "vocabulary: token %zu has the unknown type %d", k, type);
    if (raw.len > MAX_TOKEN)
        return mi_fail(err, MI_EXIT_DATA, "vocabulary: token %zu has %zu bytes; the limit is %d", k,
                       raw.len, (int)MAX_TOKEN);
    v->start[k] = (uint32_t)bytes->len;
    v->type[k] = (unsigned char)type;
    if (bytes->len + raw.len > MAX_BYTES)
        return mi_fail(err, MI_EXIT_DATA, "vocabulary: the tokens have more than %d bytes",
                       (int)MAX_BYTES);
    if (!src->is_bytes || !is_text_type(type) || !mi_bytemap_decode(bytes, raw.at, raw.len)) {
        mi_buf_add(bytes, raw.at, raw.len);
        if (src->is_bytes && is_text_type(type)) /* spelled in no bytes: never made */
            v->type[k] = MI_TOKEN_UNUSED;
    }
    return 0;
}

/* A user-defined token may also be one that merges make: only where both spellings are one,
 * because the table compares with the bytes of the token. */
static void add_user(struct mi_vocab *v, const struct mi_vocab_tokens *src)
{
    struct mi_buf bytes = {0};

    for (size_t k = 0; k < v->n; k++) {
        struct mi_bytes raw = src->token[k];

        if (v->type[k] != MI_TOKEN_USER || (src->is_made && !src->is_made[k]))
            continue;
        mi_buf_clear(&bytes);
        if (!src->is_bytes || (raw.len > 0 && mi_bytemap_decode(&bytes, raw.at, raw.len) &&
                               bytes.len == raw.len && memcmp(bytes.data, raw.at, raw.len) == 0))
            add_to(v, &v->normal, (int32_t)k);
    }
    mi_buf_free(&bytes);
}

static void index_tokens(struct mi_vocab *v, const struct mi_vocab_tokens *src)
{
    size_t n_made = 0;

    for (size_t k = 0; k < v->n; k++)
        n_made += makes(src, v, k);
    init_table(&v->normal, v->n); /* add_user adds to it */
    init_table(&v->special, v->n - n_made);
    for (size_t k = 0; k < v->n; k++)
        add_to(v, makes(src, v, k) ? &v->normal : &v->special, (int32_t)k);
    add_user(v, src);
    for (size_t k = 0; k <= v->normal.mask; k++) {
        size_t len = mi_vocab_text(v, v->normal.slot[k]).len;

        if (len > v->longest)
            v->longest = len;
    }
    for (int b = 0; b < 256; b++) {
        char c = (char)b;

        v->byte_id[b] = src->is_bytes ? mi_vocab_find(v, &v->normal, &c, 1) : -1;
    }
}

int mi_vocab_init(struct mi_vocab *v, const struct mi_vocab_tokens *src, struct mi_error *err)
{
    struct mi_buf bytes = {0};
    int r = 0;

    *v = (struct mi_vocab){0};
    if (src->n == 0 || src->n > MAX_TOKENS)
        return mi_fail(err, MI_EXIT_DATA, "vocabulary: %zu tokens; from 1 to %d are possible",
                       src->n, (int)MAX_TOKENS);
    r = check_distinct(src, err);
    if (r < 0)
        return r;
    v->n = src->n;
    v->start = mi_alloc_n(v->n + 1, sizeof *v->start);
    v->type = mi_alloc_n(v->n, 1);
    mi_buf_reserve(&bytes, 1);
    for (size_t k = 0; k < v->n && r == 0; k++)
        r = add_token(v, src, &bytes, k, err);
    v->start[v->n] = (uint32_t)bytes.len;
    v->bytes = bytes.data;
    if (r == 0)
        index_tokens(v, src);
    else
        mi_vocab_free(v);
    return r;
}

void mi_vocab_show(struct mi_vocab *v, const struct mi_decoder *d, bool keeps_user)
{
    struct mi_buf b = {0};

    v->shown_start = mi_alloc_n(v->n + 1, sizeof *v->shown_start);
    mi_buf_reserve(&b, 1);
    for (size_t k = 0; k < v->n; k++) {
        struct mi_bytes p = mi_vocab_text(v, (int32_t)k);
        bool is_kept = v->type[k] == MI_TOKEN_CONTROL || v->type[k] == MI_TOKEN_UNKNOWN ||
                       (v->type[k] == MI_TOKEN_USER && keeps_user);

        v->shown_start[k] = (uint32_t)b.len;
        if (is_kept)
            mi_buf_add(&b, p.at, p.len);
        else
            mi_decoder_token(d, p.at, p.len, &b);
    }
    v->shown_start[v->n] = (uint32_t)b.len;
    v->shown = b.data;
}

bool mi_vocab_fall_back(struct mi_vocab *v)
{
    bool all = true;

    for (int b = 0; b < 256; b++) {
        char name[8];

        snprintf(name, sizeof name, "<0x%02X>", (unsigned)b);
        v->byte_id[b] = mi_vocab_find(v, &v->normal, name, 6);
        if (v->byte_id[b] < 0)
            v->byte_id[b] = mi_vocab_find(v, &v->special, name, 6);
        all = all && v->byte_id[b] >= 0;
    }
    return all;
}

/* ---- merges ------------------------------------------------------------------- */

static int refuse_merge(const struct mi_vocab_merger *m, const char *why, struct mi_error *err)
{
    return mi_fail(err, MI_EXIT_DATA, "vocabulary: merge %zu %s", m->n, why);
}

static bool add_part(struct mi_vocab_merger *m, struct mi_bytes part)
{
    if (m->is_bytes)
        return mi_bytemap_decode(&m->text, part.at, part.len);
    mi_buf_add(&m->text, part.at, part.len);
    return true;
}

int mi_vocab_merge_parts(struct mi_vocab_merger *m, struct mi_bytes left_text,
                         struct mi_bytes right_text, struct mi_error *err)
{
    const struct mi_vocab *v = m->vocab;
    struct mi_buf *b = &m->text;
    int32_t left, right, result;
    size_t cut;

    if (m->n == MAX_MERGES)
        return mi_fail(err, MI_EXIT_DATA, "vocabulary: more than %d merges", (int)MAX_MERGES);
    mi_buf_clear(b);
    if (!add_part(m, left_text))
        return refuse_merge(m, "is no pair of tokens", err);
    cut = b->len;
    if (!add_part(m, right_text))
        return refuse_merge(m, "is no pair of tokens", err);
    left = mi_vocab_find(v, &v->normal, b->data, cut);
    right = mi_vocab_find(v, &v->normal, b->data + cut, b->len - cut);
    if (m->prefix > 0 && b->len - cut >= m->prefix) {
        memmove(b->data + cut, b->data + cut + m->prefix, b->len - cut - m->prefix);
        b->len -= m->prefix;
    }
    result = mi_vocab_find(v, &v->normal, b->data, b->len);
    /* Text must not turn into a control token: such a merge is left out. */
    if (result < 0 && mi_vocab_find(v, &v->special, b->data, b->len) >= 0) {
        m->n++;
        return 0;
    }
    if (left < 0 || right < 0 || result < 0)
        return refuse_merge(m, "names a token that is not there", err);
    mi_bpe_add(m->bpe, (struct mi_bpe_merge){left, right, (int32_t)m->n++, result});
    return 0;
}

int mi_vocab_merge(struct mi_vocab_merger *m, struct mi_bytes pair, struct mi_error *err)
{
    const char *space = pair.len > 1 ? memchr(pair.at + 1, ' ', pair.len - 1) : NULL;
    size_t left = space ? (size_t)(space - pair.at) : 0;

    if (!space)
        return refuse_merge(m, "is no pair of tokens", err);
    return mi_vocab_merge_parts(m, (struct mi_bytes){pair.at, left},
                                (struct mi_bytes){space + 1, pair.len - left - 1}, err);
}

void mi_vocab_free(struct mi_vocab *v)
{
    mi_free(v->bytes);
    mi_free(v->start);
    mi_free(v->shown);
    mi_free(v->shown_start);
    mi_free(v->type);
    mi_free(v->normal.slot);
    mi_free(v->special.slot);
    *v = (struct mi_vocab){0};
}
