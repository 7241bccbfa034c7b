#include "text/vocab.h"

#include "base/escape.h"
#include "base/mem.h"

#include <string.h>

enum {
    MAX_TOKENS = 1 << 22,
    MAX_MERGES = 1 << 23,
    MAX_TOKEN = 64 * 1024,
    MAX_SPECIAL = 256, /* bounds the search for special tokens at one place */
};

/* ---- GPT-2's map of bytes to characters ----------------------------------------- */

/* The byte that a character stands for, or -1. Printable ones stand for themselves; the other
 * 68 bytes are the characters from 256 on, in order. */
static int byte_of(uint32_t cp)
{
    if ((cp >= 33 && cp <= 126) || (cp >= 161 && cp <= 172) || (cp >= 174 && cp <= 255))
        return (int)cp;
    if (cp >= 256 && cp < 256 + 33)
        return (int)cp - 256;
    if (cp >= 289 && cp < 289 + 34)
        return (int)cp - 289 + 127;
    return cp == 323 ? 173 : -1;
}

/* Bytes that the characters s [len] stand for, appended to b; false (and nothing appended)
 * where one stands for none. */
static bool decode_bytes(struct mi_buf *b, const char *s, size_t len)
{
    size_t before = b->len;

    for (size_t i = 0; i < len;) {
        uint32_t cp;
        int used = mi_utf8_decode(s + i, len - i, &cp);
        int byte = used > 0 ? byte_of(cp) : -1;

        if (byte < 0) {
            b->len = before;
            return false;
        }
        mi_buf_add_char(b, (char)byte);
        i += (size_t)used;
    }
    return true;
}

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

struct mi_bytes mi_vocab_piece(const struct mi_vocab *v, int32_t id)
{
    if (id < 0 || (size_t)id >= v->n)
        return (struct mi_bytes){"", 0};
    return (struct mi_bytes){v->bytes + v->start[id], v->start[id + 1] - v->start[id]};
}

static size_t slot_of(const struct mi_vocab *v, const struct mi_id_table *t, const char *piece,
                      size_t len)
{
    size_t i = (size_t)mi_hash_u64(piece, len, 0) & t->mask;

    for (; t->slot[i] >= 0; i = (i + 1) & t->mask) {
        struct mi_bytes p = mi_vocab_piece(v, t->slot[i]);

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
    struct mi_bytes p = mi_vocab_piece(v, id);
    size_t i;

    if (p.len == 0)
        return;
    i = slot_of(v, t, p.at, p.len);
    if (t->slot[i] < 0)
        t->slot[i] = id;
}

static int check_distinct(const struct mi_vocab_source *src, struct mi_error *err)
{
    size_t size = 16, i;
    int32_t *slot;
    int r = 0;

    while (size / 2 < src->n_tokens)
        size *= 2;
    slot = mi_alloc_zero(size, sizeof *slot);
    for (size_t k = 0; k < src->n_tokens && r == 0; k++) {
        struct mi_bytes a = src->tokens[k];

        if (a.len == 0)
            continue;
        i = (size_t)mi_hash_u64(a.at, a.len, 0) & (size - 1);
        for (; slot[i] && r == 0; i = (i + 1) & (size - 1)) {
            struct mi_bytes b = src->tokens[slot[i] - 1];

            if (a.len == b.len && memcmp(a.at, b.at, a.len) == 0)
                r = mi_fail(err, MI_EXIT_DATA, "vocabulary: tokens %d and %zu are the same",
                            (int)slot[i] - 1, k);
        }
        slot[i] = (int32_t)k + 1;
    }
    mi_free(slot);
    return r;
}

/* ---- special tokens ------------------------------------------------------------- */

static uint32_t child_of(const struct mi_vocab *v, uint32_t node, unsigned char byte)
{
    uint32_t c = v->trie[node].child;

    while (c && v->trie[c].byte != byte)
        c = v->trie[c].sibling;
    return c;
}

static uint32_t add_node(struct mi_vocab *v, uint32_t parent, unsigned char byte)
{
    uint32_t k = (uint32_t)v->n_trie++;

    v->trie = mi_grow(v->trie, &v->trie_cap, v->n_trie, sizeof *v->trie);
    v->trie[k] = (struct mi_trie_node){.id = -1, .byte = byte};
    if (k > 0) {
        v->trie[k].sibling = v->trie[parent].child;
        v->trie[parent].child = k;
    }
    return k;
}

static int add_special(struct mi_vocab *v, int32_t id, struct mi_error *err)
{
    struct mi_bytes p = mi_vocab_piece(v, id);
    uint32_t node = 0;

    if (p.len == 0)
        return 0;
    if (p.len > MAX_SPECIAL)
        return mi_fail(err, MI_EXIT_DATA,
                       "vocabulary: special token %d has %zu bytes; the limit is %d", (int)id,
                       p.len, (int)MAX_SPECIAL);
    for (size_t i = 0; i < p.len; i++) {
        unsigned char byte = (unsigned char)p.at[i];
        uint32_t next = child_of(v, node, byte);

        node = next ? next : add_node(v, node, byte);
    }
    v->trie[node].id = id;
    v->starts_special[(unsigned char)p.at[0]] = true;
    return 0;
}

int32_t mi_vocab_special_at(const struct mi_vocab *v, const char *s, size_t len, size_t control_len,
                            size_t *token_len)
{
    uint32_t node = 0;
    int32_t found = -1;

    if (len == 0 || !v->starts_special[(unsigned char)s[0]])
        return -1;
    for (size_t i = 0; i < len; i++) {
        int32_t id;

        node = child_of(v, node, (unsigned char)s[i]);
        if (!node)
            break;
        id = v->trie[node].id;
        if (id >= 0 && (v->type[id] == MI_TOKEN_USER || i < control_len)) {
            found = id;
            *token_len = i + 1;
        }
    }
    return found;
}

/* ---- from a file ---------------------------------------------------------------- */

static bool is_text_type(int type)
{
    return type == MI_TOKEN_NORMAL || type == MI_TOKEN_BYTE;
}

static int add_token(struct mi_vocab *v, const struct mi_vocab_source *src, struct mi_buf *bytes,
                     size_t k, struct mi_error *err)
{
    struct mi_bytes raw = src->tokens[k];
    int type = src->types ? src->types[k] : MI_TOKEN_NORMAL;

    if (type == 0) /* "undefined" in files: nothing special is known of it */
        type = MI_TOKEN_NORMAL;
    if (type < MI_TOKEN_NORMAL || type > MI_TOKEN_BYTE)
        return mi_fail(err, MI_EXIT_DATA, "vocabulary: token %zu has the unknown type %d", k, type);
    if (raw.len > MAX_TOKEN)
        return mi_fail(err, MI_EXIT_DATA, "vocabulary: token %zu has %zu bytes; the limit is %d", k,
                       raw.len, (int)MAX_TOKEN);
    v->start[k] = bytes->len;
    v->type[k] = (unsigned char)type;
    if (!is_text_type(type) || !decode_bytes(bytes, raw.at, raw.len)) {
        mi_buf_add(bytes, raw.at, raw.len);
        if (is_text_type(type)) /* spelled in no bytes: can be shown, never made */
            v->type[k] = MI_TOKEN_UNUSED;
    }
    return 0;
}

static int index_tokens(struct mi_vocab *v, const struct mi_vocab_source *src, struct mi_error *err)
{
    struct mi_buf bytes = {0};
    int r = 0;

    init_table(&v->normal, v->n);
    init_table(&v->special, v->n);
    add_node(v, 0, 0);
    for (size_t k = 0; k < v->n && r == 0; k++) {
        int32_t id = (int32_t)k;

        if (is_text_type(v->type[k])) {
            add_to(v, &v->normal, id);
            continue;
        }
        add_to(v, &v->special, id);
        if (v->type[k] != MI_TOKEN_UNUSED)
            r = add_special(v, id, err);
    }
    /* A user-defined token may also be one that merges make. */
    for (size_t k = 0; k < v->n && r == 0; k++) {
        struct mi_bytes raw = src->tokens[k];
        size_t i;

        mi_buf_clear(&bytes);
        if (v->type[k] != MI_TOKEN_USER || raw.len == 0 || !decode_bytes(&bytes, raw.at, raw.len))
            continue;
        /* The table compares with the piece itself: only where both spellings are one. */
        if (bytes.len != raw.len || memcmp(bytes.data, raw.at, raw.len) != 0)
            continue;
        i = slot_of(v, &v->normal, raw.at, raw.len);
        if (v->normal.slot[i] < 0)
            v->normal.slot[i] = (int32_t)k;
    }
    mi_buf_free(&bytes);
    for (int b = 0; b < 256; b++) {
        char c = (char)b;

        v->byte_id[b] = mi_vocab_find(v, &v->normal, &c, 1);
    }
    return r;
}

int mi_vocab_init(struct mi_vocab *v, const struct mi_vocab_source *src, struct mi_error *err)
{
    struct mi_buf bytes = {0};
    int r = 0;

    *v = (struct mi_vocab){0};
    if (src->n_tokens == 0 || src->n_tokens > MAX_TOKENS)
        return mi_fail(err, MI_EXIT_DATA, "vocabulary: %zu tokens; from 1 to %d are possible",
                       src->n_tokens, (int)MAX_TOKENS);
    r = check_distinct(src, err);
    if (r < 0)
        return r;
    v->n = src->n_tokens;
    v->start = mi_alloc_n(v->n + 1, sizeof *v->start);
    v->type = mi_alloc_n(v->n, 1);
    mi_buf_reserve(&bytes, 1);
    for (size_t k = 0; k < v->n && r == 0; k++)
        r = add_token(v, src, &bytes, k, err);
    v->start[v->n] = bytes.len;
    v->bytes = bytes.data;
    if (r == 0)
        r = index_tokens(v, src, err);
    if (r < 0)
        mi_vocab_free(v);
    return r;
}

/* ---- merges ------------------------------------------------------------------- */

static int add_merge(const struct mi_vocab *v, struct mi_bytes m, size_t rank, struct mi_buf *b,
                     struct mi_bpe *bpe, struct mi_error *err)
{
    const char *space = m.len > 1 ? memchr(m.at + 1, ' ', m.len - 1) : NULL;
    size_t n_left = space ? (size_t)(space - m.at) : 0, cut;
    int32_t left, right, result;

    mi_buf_clear(b);
    if (!space || !decode_bytes(b, m.at, n_left))
        return mi_fail(err, MI_EXIT_DATA, "vocabulary: merge %zu is no pair of tokens", rank);
    cut = b->len;
    if (!decode_bytes(b, space + 1, m.len - n_left - 1))
        return mi_fail(err, MI_EXIT_DATA, "vocabulary: merge %zu is no pair of tokens", rank);
    left = mi_vocab_find(v, &v->normal, b->data, cut);
    right = mi_vocab_find(v, &v->normal, b->data + cut, b->len - cut);
    result = mi_vocab_find(v, &v->normal, b->data, b->len);
    /* Text must not turn into a control token: such a merge is left out. */
    if (result < 0 && mi_vocab_find(v, &v->special, b->data, b->len) >= 0)
        return 0;
    if (left < 0 || right < 0 || result < 0)
        return mi_fail(err, MI_EXIT_DATA, "vocabulary: merge %zu names a token that is not there",
                       rank);
    mi_bpe_add(bpe, (struct mi_bpe_merge){left, right, (int32_t)rank, result});
    return 0;
}

int mi_vocab_merges(const struct mi_vocab *v, const struct mi_vocab_source *src, struct mi_bpe *bpe,
                    struct mi_error *err)
{
    struct mi_buf b = {0};
    int r = 0;

    if (src->n_merges > MAX_MERGES)
        return mi_fail(err, MI_EXIT_DATA, "vocabulary: %zu merges; at most %d are possible",
                       src->n_merges, (int)MAX_MERGES);
    mi_bpe_init(bpe, src->n_merges);
    for (size_t k = 0; k < src->n_merges && r == 0; k++)
        r = add_merge(v, src->merges[k], k, &b, bpe, err);
    mi_buf_free(&b);
    return r;
}

void mi_vocab_free(struct mi_vocab *v)
{
    mi_free(v->bytes);
    mi_free(v->start);
    mi_free(v->type);
    mi_free(v->normal.slot);
    mi_free(v->special.slot);
    mi_free(v->trie);
    *v = (struct mi_vocab){0};
}
