/* The large lists of a tokenizer.json: tokens, merges, added tokens. */
#include "base/escape.h"
#include "text/json_reader.h"

#include <string.h>

enum {
    MAX_ENTRIES = 1 << 22,
    MAX_TOKEN = 64 * 1024,
    SPARE_IDS = 1 << 16, /* ids without a token, beyond one for each that has */
    SPARE = 1 << 16,     /* bytes of the arena taken at once */
};

static int fail(struct mi_json_reader *r, const char *what, size_t k)
{
    return mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: %s (entry %zu)", what, k);
}

/* A string that stays: most have no escapes and lie in the file. */
static struct mi_bytes keep(struct mi_json_reader *r, const char *s, size_t len)
{
    char *copy;

    if (s >= r->all.at && s < r->all.at + r->all.len)
        return (struct mi_bytes){s, len};
    if (r->n_spare < len) {
        r->n_spare = len < SPARE ? SPARE : len;
        r->spare = mi_arena_alloc(&r->arena, r->n_spare);
    }
    copy = r->spare;
    if (len)
        memcpy(copy, s, len);
    r->spare += len;
    r->n_spare -= len;
    return (struct mi_bytes){copy, len};
}

/* ---- tokens ----------------------------------------------------------------------- */

/* Room for id, empty up to it. An id far beyond the number of entries is no token's. */
static int reach(struct mi_json_reader *r, uint64_t id, size_t n_entries)
{
    size_t n = r->n, caps[4] = {r->cap, r->cap, r->cap, r->cap};

    if (id >= MAX_ENTRIES || id > 2 * n_entries + SPARE_IDS)
        return mi_fail(r->err, MI_EXIT_DATA,
                       "tokenizer.json: id %llu in a vocabulary of %zu tokens",
                       (unsigned long long)id, n_entries);
    if (id < n)
        return 0;
    r->n = (size_t)id + 1;
    r->token = mi_grow(r->token, &caps[0], r->n, sizeof *r->token);
    r->type = mi_grow(r->type, &caps[1], r->n, sizeof *r->type);
    r->is_made = mi_grow(r->is_made, &caps[2], r->n, sizeof *r->is_made);
    if (r->is_scored)
        r->score = mi_grow(r->score, &caps[3], r->n, sizeof *r->score);
    /* elements of several sizes may get different room: the least counts */
    r->cap = caps[0];
    for (int i = 1; i < 3 + r->is_scored; i++)
        r->cap = caps[i] < r->cap ? caps[i] : r->cap;
    for (size_t i = n; i < r->n; i++) {
        r->token[i] = (struct mi_bytes){"", 0};
        r->type[i] = MI_TOKEN_UNUSED;
        r->is_made[i] = false;
        if (r->is_scored)
            r->score[i] = 0;
    }
    return 0;
}

static int add_token(struct mi_json_reader *r, const char *text, size_t len, uint64_t id,
                     double score)
{
    int rc;

    if (len > MAX_TOKEN)
        return fail(r, "a token is too long", r->n_entries);
    if (r->n_entries >= MAX_ENTRIES)
        return fail(r, "too many tokens", r->n_entries);
    rc = reach(r, id, r->n_entries);
    if (rc < 0)
        return rc;
    if (r->is_made[id])
        return mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: two tokens have the id %llu",
                       (unsigned long long)id);
    r->token[id] = keep(r, text, len);
    r->type[id] = MI_TOKEN_NORMAL;
    r->is_made[id] = true;
    if (r->is_scored)
        r->score[id] = score;
    r->n_entries++;
    return 0;
}

/* Ids may come in any order. */
int mi_json_vocab(struct mi_json_reader *r, struct mi_json_slice vocab)
{
    struct mi_pull p;
    size_t n = vocab.n;
    int rc;

    if (n > MAX_ENTRIES)
        return fail(r, "too many tokens", n);
    if (n > 0) {
        rc = reach(r, n - 1, n);
        if (rc < 0)
            return rc;
    }
    mi_pull_init(&p, vocab.at, vocab.len, r->err);
    rc = mi_pull_enter(&p, '{');
    while (rc == 0 && (rc = mi_pull_next(&p)) > 0) {
        uint64_t id;

        rc = mi_pull_take_u64(&p, &id);
        if (rc == 0)
            rc = reach(r, id, n);
        if (rc == 0)
            rc = add_token(r, p.key.at, p.key.len, id, 0);
    }
    mi_pull_free(&p);
    return rc < 0 ? mi_fail_in(r->err, "vocab") : 0;
}

int mi_json_scored(struct mi_json_reader *r, struct mi_json_slice vocab)
{
    struct mi_pull p;
    int rc;

    r->is_scored = true;
    mi_pull_init(&p, vocab.at, vocab.len, r->err);
    rc = mi_pull_enter(&p, '[');
    while (rc == 0 && (rc = mi_pull_next(&p)) > 0) {
        struct mi_pull_string s;
        double score = 0;

        rc = mi_pull_enter(&p, '[');
        if (rc == 0)
            rc = mi_pull_next(&p) == 1 ? mi_pull_take_string(&p, &s) : fail(r, "no pair", r->n);
        if (rc == 0)
            rc = mi_pull_next(&p) == 1 ? mi_pull_take_real(&p, &score) : fail(r, "no pair", r->n);
        if (rc == 0)
            rc = add_token(r, s.at, s.len, r->n_entries, score);
        if (rc == 0)
            rc = mi_pull_next(&p) == 0 ? 0 : fail(r, "no pair", r->n);
    }
    mi_pull_free(&p);
    return rc < 0 ? mi_fail_in(r->err, "vocab") : 0;
}

int32_t mi_json_find(const struct mi_json_reader *r, const char *text, size_t len)
{
    for (size_t i = 0; i < r->n && len > 0; i++)
        if (r->token[i].len == len && memcmp(r->token[i].at, text, len) == 0)
            return (int32_t)i;
    return -1;
}

/* ---- merges ------------------------------------------------------------------------- */

/* ["a", "b"] */
static int take_parts(struct mi_json_reader *r, struct mi_pull *p, struct mi_vocab_merger *m,
                      struct mi_buf *first)
{
    struct mi_pull_string s;
    struct mi_bytes left = {"", 0};
    int rc = mi_pull_enter(p, '[');

    for (int i = 0; i < 2 && rc == 0; i++) {
        rc = mi_pull_next(p);
        if (rc == 0)
            rc = fail(r, "a merge is no pair", m->n);
        if (rc == 1)
            rc = mi_pull_take_string(p, &s);
        if (rc == 0 && i == 0) { /* the next string with escapes takes the place of this one */
            left = (struct mi_bytes){s.at, s.len};
            if (s.at < r->all.at || s.at >= r->all.at + r->all.len) {
                mi_buf_clear(first);
                mi_buf_add(first, s.at, s.len);
                left.at = first->data;
            }
        }
    }
    if (rc == 0 && (rc = mi_pull_next(p)) > 0)
        rc = fail(r, "a merge is no pair", m->n);
    return rc < 0 ? rc : mi_vocab_merge_parts(m, left, (struct mi_bytes){s.at, s.len}, r->err);
}

/* "a b", or in parts. */
static int take_merge(struct mi_json_reader *r, struct mi_pull *p, struct mi_vocab_merger *m,
                      struct mi_buf *first)
{
    struct mi_pull_string s;
    int rc;

    if (mi_pull_peek(p) != MI_PULL_STRING)
        return take_parts(r, p, m, first);
    rc = mi_pull_take_string(p, &s);
    return rc < 0 ? rc : mi_vocab_merge(m, (struct mi_bytes){s.at, s.len}, r->err);
}

int mi_json_merges(struct mi_json_reader *r, struct mi_json_slice merges, struct mi_vocab_merger *m)
{
    struct mi_buf first = {0};
    struct mi_pull p;
    int rc;

    mi_pull_init(&p, merges.at, merges.len, r->err);
    rc = mi_pull_enter(&p, '[');
    while (rc == 0 && (rc = mi_pull_next(&p)) > 0)
        rc = take_merge(r, &p, m, &first);
    mi_pull_free(&p);
    mi_buf_free(&first);
    return rc < 0 ? mi_fail_in(r->err, "merges") : 0;
}

/* ---- added tokens --------------------------------------------------------------------- */

static int take_flag(struct mi_pull *p, bool *flag)
{
    return mi_pull_take_flag(p, flag);
}

static int take_member(struct mi_json_reader *r, struct mi_pull *p, struct mi_json_added *a,
                       bool *has_id)
{
    struct mi_pull_string s;
    uint64_t id;
    int rc;

    if (mi_pull_is(&p->key, "content")) {
        rc = mi_pull_take_string(p, &s);
        if (rc == 0)
            a->text = (struct mi_bytes){mi_arena_dup(&r->st->arena, s.at, s.len), s.len};
        return rc;
    }
    if (mi_pull_is(&p->key, "id")) {
        rc = mi_pull_take_u64(p, &id);
        if (rc == 0 && id >= MAX_ENTRIES)
            return fail(r, "an id is out of range", r->n_added);
        a->id = rc == 0 ? (int32_t)id : 0;
        *has_id = true;
        return rc;
    }
    if (mi_pull_is(&p->key, "special"))
        return take_flag(p, &a->is_special);
    if (mi_pull_is(&p->key, "single_word"))
        return take_flag(p, &a->is_word);
    if (mi_pull_is(&p->key, "lstrip"))
        return take_flag(p, &a->takes_left);
    if (mi_pull_is(&p->key, "rstrip"))
        return take_flag(p, &a->takes_right);
    if (mi_pull_is(&p->key, "normalized"))
        return take_flag(p, &a->is_normal);
    return mi_pull_skip(p);
}

/* Its id is in the vocabulary under the same text, or new. */
static int place_added(struct mi_json_reader *r, const struct mi_json_added *a)
{
    size_t id = (size_t)a->id;
    int rc = reach(r, id, r->n_entries + r->n_added + 1);

    if (rc < 0)
        return rc;
    if (r->token[id].len > 0 &&
        (r->token[id].len != a->text.len || memcmp(r->token[id].at, a->text.at, a->text.len) != 0))
        return mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: two tokens have the id %zu", id);
    r->token[id] = a->text;
    r->type[id] = a->is_special ? MI_TOKEN_CONTROL : MI_TOKEN_USER;
    if (a->is_special) /* text must not make it */
        r->is_made[id] = false;
    return 0;
}

int mi_json_added_tokens(struct mi_json_reader *r, struct mi_json_slice list)
{
    struct mi_pull p;
    int rc;

    if (!list.at)
        return 0;
    mi_pull_init(&p, list.at, list.len, r->err);
    rc = mi_pull_enter(&p, '[');
    while (rc == 0 && (rc = mi_pull_next(&p)) > 0) {
        struct mi_json_added a = {.is_normal = true};
        bool has_id = false;

        rc = mi_pull_enter(&p, '{');
        while (rc == 0 && (rc = mi_pull_next(&p)) > 0)
            rc = take_member(r, &p, &a, &has_id);
        if (rc == 0 && (!has_id || !a.text.at))
            rc = fail(r, "an added token without id or content", r->n_added);
        if (rc == 0)
            rc = place_added(r, &a);
        if (rc < 0)
            break;
        r->added = mi_grow(r->added, &r->added_cap, r->n_added + 1, sizeof *r->added);
        r->added[r->n_added++] = a;
    }
    mi_pull_free(&p);
    return rc < 0 ? mi_fail_in(r->err, "added_tokens") : 0;
}
