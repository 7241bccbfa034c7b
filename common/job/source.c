#include "job/source.h"

#include "base/escape.h"
#include "base/intern.h"
#include "base/mem.h"
#include "job/item.h"
#include "stream/header.h"
#include "stream/reader.h"

#include <stdlib.h>
#include <string.h>

enum { HELD_CHUNK = 1 << 20 };

/* A prompt record that waits for its run record. */
struct waiting {
    struct mi_item item;
    struct waiting *next;
};

struct mi_source_state {
    char *name; /* for messages */
    bool is_stream, is_run, is_at_end;
    struct mi_prompts prompts;
    struct mi_reader reader;
    struct mi_buf held; /* a pipe that had to be read twice */
    struct mi_shard shard;
    int64_t units, first, last; /* units < 0 while not known; this source's range */
    int64_t unit;               /* of the prompt read last, first - 1 before any */
    int64_t number;             /* of the next prompt */
    char *pair;                 /* of the prompt read last, NULL: none */
    struct mi_intern pairs;     /* all that were seen: members must be adjacent */
    struct waiting *oldest, *newest;
    struct mi_encoded encoded;
};

int mi_shard_parse(struct mi_shard *s, const char *text, struct mi_error *err)
{
    size_t n = strspn(text, "0123456789"), m;
    struct mi_shard shard;

    m = text[n] == '/' ? strspn(text + n + 1, "0123456789") : 0;
    if (n == 0 || n > 9 || m == 0 || m > 9 || text[n + 1 + m] != '\0')
        return mi_fail(err, MI_EXIT_USAGE, "'%s' is no shard; write 0/8 for the first of eight",
                       mi_quote(text));
    shard.index = strtol(text, NULL, 10);
    shard.of = strtol(text + n + 1, NULL, 10);
    if (shard.index >= shard.of)
        return mi_fail(err, MI_EXIT_USAGE, "shard '%s': the first number counts from 0 to %lld",
                       mi_quote(text), (long long)shard.of - 1);
    *s = shard;
    return 0;
}

/* ---- units ------------------------------------------------------------------- */

/* Counts a prompt into its unit: that of the prompt before when both are of one pair. */
static int count_unit(struct mi_source_state *st, const char *pair, struct mi_error *err)
{
    if (pair && st->pair && strcmp(pair, st->pair) == 0)
        return 0;
    mi_free(st->pair);
    st->pair = NULL;
    st->unit++;
    if (pair) {
        int64_t seen = st->pairs.n;

        if (mi_intern_add(&st->pairs, pair, strlen(pair)) < seen)
            return mi_fail(err, MI_EXIT_DATA,
                           "pair '%s': its members are not adjacent in the input", mi_quote(pair));
        st->pair = mi_strdup(pair);
    }
    return 0;
}

static void forget_units(struct mi_source_state *st, int64_t before)
{
    mi_free(st->pair);
    st->pair = NULL;
    mi_intern_free(&st->pairs);
    st->pairs = (struct mi_intern){0};
    st->unit = before;
    st->number = 0;
}

static const char *pair_of_fields(struct mi_arena *a, const struct mi_value *fields)
{
    return mi_scalar_text(a, mi_get(fields, "pair"));
}

/* Reads all once, to know how many units there are. */
static int count_all(struct mi_source_state *st, struct mi_error *err)
{
    struct mi_arena a = {0};
    struct mi_prompt p;
    struct mi_record rec;
    int r;

    while ((r = st->is_stream ? mi_reader_next(&st->reader, &rec, err)
                              : mi_prompts_next(&st->prompts, &p, err)) > 0) {
        const char *pair = NULL;

        if (st->is_stream && strcmp(rec.kind, "prompt") != 0)
            continue;
        pair = st->is_stream ? pair_of_fields(&a, mi_get(rec.body, "fields")) : p.pair;
        r = count_unit(st, pair, err);
        mi_arena_reset(&a);
        if (r < 0)
            break;
    }
    mi_arena_free(&a);
    if (r < 0)
        return r;
    st->units = st->unit + 1;
    st->first = st->units * st->shard.index / st->shard.of;
    st->last = st->units * (st->shard.index + 1) / st->shard.of;
    forget_units(st, -1);
    return 0;
}

/* ---- opening ----------------------------------------------------------------- */

/* Streams begin with a skippable frame of zstd; a frame of zstd is let through, so that the
 * reader of streams can say what is wrong with it. */
static bool looks_like_stream(const unsigned char *head, int64_t n)
{
    static const unsigned char frame[4] = {0x28, 0xb5, 0x2f, 0xfd};

    return n >= 4 && ((head[0] >> 4 == 5 && memcmp(head + 1, "\x2a\x4d\x18", 3) == 0) ||
                      memcmp(head, frame, 4) == 0);
}

/* Opens the reader that fits the input; takes *in over. */
static int open_reader(struct mi_source_state *st, struct mi_in *in, struct mi_error *err)
{
    unsigned char head[4];
    int64_t n = mi_in_peek(in, head, sizeof head, err);

    if (n < 0) {
        mi_in_close(in);
        return (int)n;
    }
    st->is_stream = looks_like_stream(head, n);
    return st->is_stream ? mi_reader_open_in(&st->reader, in, err)
                         : mi_prompts_open_in(&st->prompts, in, err);
}

static void close_reader(struct mi_source_state *st)
{
    mi_reader_close(&st->reader);
    mi_prompts_close(&st->prompts);
}

/* All of a pipe into memory. */
static int hold(struct mi_source_state *st, struct mi_in *in, struct mi_error *err)
{
    int64_t n;

    do {
        mi_buf_reserve(&st->held, HELD_CHUNK);
        n = mi_in_read(in, st->held.data + st->held.len, HELD_CHUNK, err);
        st->held.len += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    mi_in_close(in);
    return n < 0 ? (int)n : 0;
}

static int open_again(struct mi_source_state *st, const char *path, struct mi_in *in,
                      struct mi_error *err)
{
    if (st->held.data) {
        mi_in_of_bytes(in, st->name, st->held.data, st->held.len);
        return 0;
    }
    return mi_in_open(in, path, err);
}

static int open_sharded(struct mi_source_state *st, const char *path, struct mi_in *in,
                        struct mi_error *err)
{
    int r = 0;

    if (!in->is_file) {
        r = hold(st, in, err);
        if (r == 0)
            mi_in_of_bytes(in, st->name, st->held.data, st->held.len);
    }
    if (r == 0)
        r = open_reader(st, in, err);
    if (r == 0)
        r = count_all(st, err);
    close_reader(st);
    if (r == 0)
        r = open_again(st, path, in, err);
    return r < 0 ? r : open_reader(st, in, err);
}

/* A stream that is a shard itself keeps its place in the whole. */
static int take_shard_of_stream(struct mi_source_state *st, struct mi_error *err)
{
    const struct mi_value *shard = mi_get(mi_reader_header(&st->reader), "shard");

    if (!mi_is(shard, MI_MAP))
        return 0;
    if (st->shard.of)
        return mi_fail(err, MI_EXIT_USAGE, "'%s' is one shard of a run already; merge first",
                       mi_quote(st->name));
    st->shard.index = mi_get_int(shard, "index", 0);
    st->shard.of = mi_get_int(shard, "of", 1);
    st->units = mi_get_int(shard, "units", -1);
    st->first = mi_get_int(shard, "first", 0);
    st->last = mi_get_int(shard, "last", 0);
    if (st->shard.index < 0 || st->shard.index >= st->shard.of || st->first < 0 ||
        st->last < st->first || st->units < st->last)
        return mi_fail(err, MI_EXIT_DATA, "'%s': its shard makes no sense", mi_quote(st->name));
    forget_units(st, st->first - 1);
    return 0;
}

static int open_state(struct mi_source_state *st, const char *path, const char *text,
                      struct mi_error *err)
{
    struct mi_in in;
    int r;

    if (text) {
        st->name = mi_strdup("--prompt");
        r = mi_prompts_open_text(&st->prompts, text, err);
        if (r < 0 || st->shard.of == 0)
            return r;
        r = count_all(st, err);
        mi_prompts_close(&st->prompts);
        return r < 0 ? r : mi_prompts_open_text(&st->prompts, text, err);
    }
    r = mi_in_open(&in, path, err);
    if (r < 0)
        return r;
    st->name = mi_strdup(in.name);
    r = st->shard.of ? open_sharded(st, path, &in, err) : open_reader(st, &in, err);
    if (r < 0 || !st->is_stream)
        return r;
    st->is_run = strcmp(mi_get_str(mi_reader_header(&st->reader), "content", ""), "run") == 0;
    return take_shard_of_stream(st, err);
}

int mi_source_open(struct mi_source *src, const char *path, const char *text, struct mi_shard shard,
                   struct mi_error *err)
{
    struct mi_source_state *st = mi_alloc_zero(1, sizeof *st);
    int r;

    src->state = st;
    st->shard = shard;
    st->units = -1;
    st->last = INT64_MAX;
    st->unit = -1;
    r = open_state(st, path, text, err);
    if (r < 0)
        mi_source_close(src);
    return r;
}

/* ---- items ------------------------------------------------------------------- */

/* 1 and the next item of a prompt file that is in the shard. */
static int next_prompt(struct mi_source_state *st, struct mi_session *s, struct mi_item *out,
                       struct mi_error *err)
{
    struct mi_prompt p;
    int r;

    while ((r = mi_prompts_next(&st->prompts, &p, err)) > 0) {
        r = count_unit(st, p.pair, err);
        if (r == 0 && (st->unit < st->first || st->unit >= st->last)) {
            st->number++;
            continue;
        }
        if (r == 0) {
            out->unit = st->unit;
            out->number = st->number++;
            r = mi_item_of_prompt(out, s, &p, &st->encoded, err);
        }
        if (r < 0)
            mi_fail_in(err, "'%s': line %lld", mi_quote(st->name), (long long)p.line);
        return r < 0 ? r : 1;
    }
    return r;
}

/* A prompt record becomes an item, which goes out at once or waits for its run. */
static int take_prompt(struct mi_source_state *st, const struct mi_session *s,
                       const struct mi_value *body, struct mi_item *out, struct mi_error *err)
{
    struct waiting *w;
    int r = mi_item_of_record(out, s, body, err);

    if (r == 0)
        r = count_unit(st, pair_of_fields(&out->arena, &out->prompt.fields), err);
    if (r < 0) {
        mi_item_free(out);
        return mi_reader_blame(&st->reader, err);
    }
    out->unit = st->unit;
    out->number = st->number++;
    if (!st->is_run)
        return 1;
    w = mi_alloc_zero(1, sizeof *w);
    w->item = *out;
    *out = (struct mi_item){0};
    if (st->newest)
        st->newest->next = w;
    else
        st->oldest = w;
    st->newest = w;
    return 0;
}

static int take_run(struct mi_source_state *st, const struct mi_session *s,
                    const struct mi_value *body, struct mi_item *out, struct mi_error *err)
{
    struct waiting *w = st->oldest;
    int r;

    if (!w) {
        mi_fail(err, MI_EXIT_DATA, "a run record without its prompt");
        return mi_reader_blame(&st->reader, err);
    }
    *out = w->item;
    st->oldest = w->next;
    if (!st->oldest)
        st->newest = NULL;
    mi_free(w);
    r = mi_item_join_run(out, s, body, err);
    if (r < 0) {
        mi_item_free(out);
        return mi_reader_blame(&st->reader, err);
    }
    return 1;
}

static int next_record(struct mi_source_state *st, struct mi_session *s, struct mi_item *out,
                       struct mi_error *err)
{
    struct mi_record rec;
    int r;

    while ((r = mi_reader_next(&st->reader, &rec, err)) > 0) {
        if (strcmp(rec.kind, "prompt") == 0)
            r = take_prompt(st, s, rec.body, out, err);
        else if (st->is_run && strcmp(rec.kind, "run") == 0)
            r = take_run(st, s, rec.body, out, err);
        else
            continue;
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        if (out->unit >= st->first && out->unit < st->last)
            return 1;
        mi_item_free(out);
    }
    if (r == 0 && st->oldest)
        return mi_fail(err, MI_EXIT_DATA, "'%s': prompt '%s' has no run record", mi_quote(st->name),
                       mi_quote(st->oldest->item.prompt.id));
    if (r == 0 && st->number == 0)
        return mi_fail(err, MI_EXIT_DATA, "no prompts in '%s'", mi_quote(st->name));
    return r;
}

int mi_source_next(struct mi_source *src, struct mi_session *s, struct mi_item *out,
                   struct mi_error *err)
{
    struct mi_source_state *st = src->state;
    int r;

    *out = (struct mi_item){0};
    if (st->is_at_end)
        return 0;
    r = st->is_stream ? next_record(st, s, out, err) : next_prompt(st, s, out, err);
    if (r < 0)
        mi_item_free(out);
    st->is_at_end = r == 0;
    if (r == 0 && st->units < 0) {
        st->units = st->unit + 1;
        st->last = st->units;
    }
    return r;
}

/* ---- about it ---------------------------------------------------------------- */

const struct mi_value *mi_source_header(const struct mi_source *src)
{
    return src->state->is_stream ? mi_reader_header(&src->state->reader) : NULL;
}

int mi_source_check(const struct mi_source *src, const struct mi_value *header, bool other_model,
                    struct mi_error *err)
{
    const struct mi_source_state *st = src->state;
    const struct mi_value *own = mi_source_header(src);
    const char *a, *b;

    if (!own)
        return 0;
    a = mi_get_str(own, "tokenizer", "");
    b = mi_get_str(header, "tokenizer", "");
    if (strcmp(a, b) != 0)
        return mi_fail(err, MI_EXIT_DATA, "'%s' was made with another tokenizer than the model's",
                       mi_quote(st->name));
    if (mi_header_same_model(own, header, other_model, err) < 0)
        return mi_fail_in(err, "'%s'", mi_quote(st->name));
    return 0;
}

void mi_source_units(const struct mi_source *src, int64_t *units, int64_t *first, int64_t *last)
{
    *units = src->state->units;
    *first = src->state->first;
    *last = src->state->last;
}

bool mi_source_is_sharded(const struct mi_source *src)
{
    return src->state->shard.of > 0;
}

void mi_source_set_shard(const struct mi_source *src, struct mi_arena *a, struct mi_value *header)
{
    const struct mi_source_state *st = src->state;
    struct mi_value m = mi_map();

    if (!st->shard.of) {
        mi_set(a, header, "shard", mi_nil());
        return;
    }
    mi_set(a, &m, "index", mi_int(st->shard.index));
    mi_set(a, &m, "of", mi_int(st->shard.of));
    mi_set(a, &m, "units", mi_int(st->units));
    mi_set(a, &m, "first", mi_int(st->first));
    mi_set(a, &m, "last", mi_int(st->last));
    mi_set(a, header, "shard", m);
}

struct mi_value mi_source_inputs(struct mi_source *src, struct mi_arena *a)
{
    struct mi_source_state *st = src->state;
    struct mi_value list = mi_array(), one = mi_map();
    struct mi_digest digest;
    const char *name = "prompts";
    char text[33];

    if (st->is_stream) {
        const struct mi_value *up = mi_get(mi_reader_end(&st->reader), "inputs");

        for (size_t i = 0; mi_is(up, MI_ARRAY) && i < up->as.array.n; i++)
            mi_push(a, &list, mi_value_copy(a, &up->as.array.item[i]));
        name = mi_get_str(mi_reader_header(&st->reader), "content", "stream");
        digest = mi_reader_digest(&st->reader);
    } else {
        digest = mi_prompts_digest(&st->prompts);
    }
    mi_set(a, &one, "name", mi_str_dup(a, name));
    mi_set(a, &one, "digest", mi_str_dup(a, mi_digest_text(&digest, text)));
    mi_push(a, &list, one);
    return list;
}

void mi_source_close(struct mi_source *src)
{
    struct mi_source_state *st = src->state;

    if (!st)
        return;
    while (st->oldest) {
        struct waiting *w = st->oldest;

        st->oldest = w->next;
        mi_item_free(&w->item);
        mi_free(w);
    }
    close_reader(st);
    mi_encoded_free(&st->encoded);
    forget_units(st, -1);
    mi_buf_free(&st->held);
    mi_free(st->name);
    mi_free(st);
    src->state = NULL;
}
