#include "stream/record.h"

#include <math.h>
#include <string.h>

/* ---- building and taking apart ------------------------------------------------ */

static struct mi_value ints(struct mi_arena *a, const int64_t *x, int64_t n)
{
    struct mi_value v = mi_array();

    for (int64_t i = 0; i < n; i++)
        mi_push(a, &v, mi_int(x[i]));
    return v;
}

static struct mi_value real_or_nil(double r)
{
    return isfinite(r) ? mi_real(r) : mi_nil();
}

static struct mi_value str_or_nil(const char *s)
{
    return s ? mi_str(s) : mi_nil();
}

static int missing(struct mi_error *err, const char *key)
{
    return mi_fail(err, MI_EXIT_DATA, "'%s' is missing or of a wrong type", key);
}

/* A list of integers within lo..hi into the arena; NULL when it is none. */
static int64_t *read_ints(struct mi_arena *a, const struct mi_value *map, const char *key,
                          int64_t lo, int64_t hi, int64_t *n)
{
    const struct mi_value *v = mi_get(map, key);
    int64_t *x;

    if (!mi_is(v, MI_ARRAY))
        return NULL;
    *n = (int64_t)v->as.array.n;
    x = mi_arena_alloc(a, v->as.array.n * sizeof *x + 1);
    for (int64_t i = 0; i < *n; i++) {
        const struct mi_value *item = &v->as.array.item[i];

        if (item->kind != MI_INT || item->as.integer < lo || item->as.integer > hi)
            return NULL;
        x[i] = item->as.integer;
    }
    return x;
}

/* ---- prompt ------------------------------------------------------------------- */

static struct mi_value spans_value(struct mi_arena *a, const struct mi_span *span, size_t n)
{
    struct mi_value list = mi_array();

    for (size_t i = 0; i < n; i++) {
        struct mi_value one = mi_map();

        mi_set(a, &one, "name", mi_str(span[i].name));
        mi_set(a, &one, "begin", mi_int(span[i].begin));
        mi_set(a, &one, "end", mi_int(span[i].end));
        mi_push(a, &list, one);
    }
    return list;
}

struct mi_value mi_prompt_body(struct mi_arena *a, const struct mi_prompt_record *p)
{
    struct mi_value body = mi_map(), pieces = mi_array(), none = mi_map();

    for (int64_t i = 0; i < p->n_tokens && p->piece; i++)
        mi_push(a, &pieces, mi_text_dup(a, p->piece[i], p->piece_len[i]));
    mi_set(a, &body, "id", mi_str(p->id));
    mi_set(a, &body, "tokens", mi_ints(a, p->tokens, (size_t)p->n_tokens));
    mi_set(a, &body, "pieces", pieces);
    mi_set(a, &body, "offsets", p->offset ? ints(a, p->offset, p->n_tokens) : mi_nil());
    mi_set(a, &body, "n_prompt", mi_int(p->n_prompt));
    mi_set(a, &body, "spans", spans_value(a, p->spans, p->n_spans));
    mi_set(a, &body, "roles", spans_value(a, p->roles, p->n_roles));
    mi_set(a, &body, "fields", mi_is(&p->fields, MI_MAP) ? p->fields : none);
    return body;
}

static int read_spans(struct mi_arena *a, const struct mi_value *body, const char *key,
                      int64_t n_tokens, const struct mi_span **out, size_t *n, struct mi_error *err)
{
    const struct mi_value *list = mi_get(body, key);
    struct mi_span *span;

    if (!mi_is(list, MI_ARRAY))
        return missing(err, key);
    span = mi_arena_alloc(a, list->as.array.n * sizeof *span + 1);
    for (size_t i = 0; i < list->as.array.n; i++) {
        const struct mi_value *one = &list->as.array.item[i];

        span[i].name = mi_get_str(one, "name", NULL);
        span[i].begin = mi_get_int(one, "begin", -1);
        span[i].end = mi_get_int(one, "end", -1);
        if (!span[i].name || span[i].begin < 0 || span[i].end < span[i].begin ||
            span[i].end > n_tokens)
            return mi_fail(err, MI_EXIT_DATA, "item %zu of '%s' is no range of the tokens", i, key);
    }
    *out = span;
    *n = list->as.array.n;
    return 0;
}

static int read_pieces(struct mi_arena *a, const struct mi_value *body, struct mi_prompt_record *p,
                       struct mi_error *err)
{
    const struct mi_value *list = mi_get(body, "pieces");
    const char **piece;
    size_t *len, n;

    if (!mi_is(list, MI_ARRAY))
        return missing(err, "pieces");
    n = list->as.array.n;
    if (n == 0)
        return 0; /* a stream may leave them out */
    if (n != (size_t)p->n_tokens)
        return mi_fail(err, MI_EXIT_DATA, "%zu pieces of %lld tokens", n, (long long)p->n_tokens);
    piece = mi_arena_alloc(a, n * sizeof *piece);
    len = mi_arena_alloc(a, n * sizeof *len);
    for (size_t i = 0; i < n; i++) {
        const struct mi_value *one = &list->as.array.item[i];

        if (one->kind != MI_STR && one->kind != MI_BIN)
            return missing(err, "pieces");
        piece[i] = one->as.bytes.at;
        len[i] = one->as.bytes.len;
    }
    p->piece = piece;
    p->piece_len = len;
    return 0;
}

static int read_tokens(struct mi_arena *a, const struct mi_value *body, struct mi_prompt_record *p,
                       struct mi_error *err)
{
    int64_t n = 0, *wide = read_ints(a, body, "tokens", 0, INT32_MAX, &n), n_offsets = n;
    int32_t *tokens;

    if (!wide)
        return missing(err, "tokens");
    tokens = mi_arena_alloc(a, (size_t)n * sizeof *tokens + 1);
    for (int64_t i = 0; i < n; i++)
        tokens[i] = (int32_t)wide[i];
    p->tokens = tokens;
    p->n_tokens = n;
    p->n_prompt = mi_get_int(body, "n_prompt", -1);
    if (p->n_prompt < 0 || p->n_prompt > n)
        return missing(err, "n_prompt");
    if (mi_is(mi_get(body, "offsets"), MI_ARRAY)) {
        p->offset = read_ints(a, body, "offsets", -1, INT64_MAX, &n_offsets);
        if (!p->offset || n_offsets != n)
            return missing(err, "offsets");
    }
    return 0;
}

int mi_prompt_read(struct mi_arena *a, const struct mi_value *body, struct mi_prompt_record *p,
                   struct mi_error *err)
{
    const struct mi_value *fields = mi_get(body, "fields");
    int status;

    *p = (struct mi_prompt_record){.id = mi_get_str(body, "id", NULL)};
    if (!p->id)
        return missing(err, "id");
    if (!mi_is(fields, MI_MAP))
        return missing(err, "fields");
    p->fields = *fields;
    if ((status = read_tokens(a, body, p, err)) < 0 || (status = read_pieces(a, body, p, err)) < 0)
        return status;
    status = read_spans(a, body, "spans", p->n_tokens, &p->spans, &p->n_spans, err);
    return status < 0 ? status
                      : read_spans(a, body, "roles", p->n_tokens, &p->roles, &p->n_roles, err);
}

/* ---- act ---------------------------------------------------------------------- */

struct mi_value mi_act_body(struct mi_arena *a, const struct mi_act_record *r)
{
    struct mi_value body = mi_map();

    mi_set(a, &body, "id", mi_str(r->id));
    mi_place_set(a, &body, &r->place);
    mi_set(a, &body, "positions", ints(a, r->positions, r->n_positions));
    mi_set(a, &body, "x", mi_tensor_value(r->x));
    return body;
}

static bool is_float(const struct mi_value *v)
{
    return mi_is(v, MI_TENSOR) && (v->as.tensor.dtype == MI_F32 || v->as.tensor.dtype == MI_F16 ||
                                   v->as.tensor.dtype == MI_BF16 || v->as.tensor.dtype == MI_F64);
}

int mi_act_read(struct mi_arena *a, const struct mi_value *body, struct mi_act_record *r,
                struct mi_error *err)
{
    const struct mi_value *x = mi_get(body, "x");
    int status;

    *r = (struct mi_act_record){.id = mi_get_str(body, "id", NULL)};
    if (!r->id)
        return missing(err, "id");
    if ((status = mi_place_get(body, &r->place, err)) < 0)
        return status;
    r->positions = read_ints(a, body, "positions", 0, INT64_MAX, &r->n_positions);
    if (!r->positions)
        return missing(err, "positions");
    for (int64_t i = 1; i < r->n_positions; i++)
        if (r->positions[i] <= r->positions[i - 1])
            return mi_fail(err, MI_EXIT_DATA, "'positions' do not ascend");
    if (!is_float(x))
        return missing(err, "x");
    r->x = x->as.tensor;
    if (r->x.rank < 2 || r->x.rank > 3 || r->x.shape[0] != r->n_positions)
        return mi_fail(err, MI_EXIT_DATA, "'x' has %lld rows for %lld positions",
                       r->x.rank ? (long long)r->x.shape[0] : 0, (long long)r->n_positions);
    return 0;
}

/* ---- dir ---------------------------------------------------------------------- */

/* The members of a map after the one named `key`, as a map that borrows them. */
static struct mi_value members_after(const struct mi_value *map, const char *key)
{
    struct mi_value rest = mi_map();
    size_t i = 0;

    while (i < map->as.map.n && strcmp(map->as.map.member[i].key, key) != 0)
        i++;
    if (i < map->as.map.n) {
        rest.as.map.member = map->as.map.member + i + 1;
        rest.as.map.n = rest.as.map.cap = map->as.map.n - i - 1;
    }
    return rest;
}

struct mi_value mi_dir_body(struct mi_arena *a, const struct mi_dir_record *r)
{
    struct mi_value body = mi_map();

    mi_place_set(a, &body, &r->place);
    mi_set(a, &body, "position", str_or_nil(r->position));
    mi_set(a, &body, "method", mi_str(r->method));
    mi_set(a, &body, "v", mi_tensor_value(r->v));
    mi_set(a, &body, "sign", mi_real(r->sign));
    mi_set(a, &body, "scale", mi_real(r->scale));
    mi_set(a, &body, "n", mi_int(r->n));
    for (size_t i = 0; mi_is(&r->extra, MI_MAP) && i < r->extra.as.map.n; i++)
        mi_set(a, &body, r->extra.as.map.member[i].key, r->extra.as.map.member[i].value);
    return body;
}

int mi_dir_read(const struct mi_value *body, struct mi_dir_record *r, struct mi_error *err)
{
    const struct mi_value *v = mi_get(body, "v");
    int status;

    *r = (struct mi_dir_record){.position = mi_get_str(body, "position", NULL),
                                .method = mi_get_str(body, "method", NULL)};
    if ((status = mi_place_get(body, &r->place, err)) < 0)
        return status;
    if (!r->method)
        return missing(err, "method");
    if (!is_float(v) || v->as.tensor.rank < 1 || v->as.tensor.rank > 2 ||
        mi_tensor_count(&v->as.tensor) == 0)
        return missing(err, "v");
    r->v = v->as.tensor;
    r->sign = mi_get_real(body, "sign", 0);
    r->scale = mi_get_real(body, "scale", 0);
    r->n = mi_get_int(body, "n", -1);
    if (fabs(r->sign) != 1)
        return missing(err, "sign");
    if (r->n < 0)
        return missing(err, "n");
    r->extra = members_after(body, "n");
    return 0;
}

/* ---- score -------------------------------------------------------------------- */

struct mi_value mi_score_body(struct mi_arena *a, const struct mi_score_record *r)
{
    struct mi_value body = mi_map();

    for (size_t i = 0; mi_is(&r->of, MI_MAP) && i < r->of.as.map.n; i++)
        mi_set(a, &body, r->of.as.map.member[i].key, r->of.as.map.member[i].value);
    mi_set(a, &body, "metric", mi_str(r->metric));
    mi_set(a, &body, "value", real_or_nil(r->value));
    mi_set(a, &body, "lo", real_or_nil(r->lo));
    mi_set(a, &body, "hi", real_or_nil(r->hi));
    mi_set(a, &body, "n", mi_int(r->n));
    mi_set(a, &body, "control", str_or_nil(r->control));
    mi_set(a, &body, "seed", mi_int(r->seed));
    return body;
}

int mi_score_read(const struct mi_value *body, struct mi_score_record *r, struct mi_error *err)
{
    const double none = (double)NAN;

    *r = (struct mi_score_record){.metric = mi_get_str(body, "metric", NULL),
                                  .control = mi_get_str(body, "control", NULL)};
    if (!r->metric)
        return missing(err, "metric");
    if (!mi_get(body, "value"))
        return missing(err, "value");
    r->value = mi_get_real(body, "value", none);
    r->lo = mi_get_real(body, "lo", none);
    r->hi = mi_get_real(body, "hi", none);
    r->n = mi_get_int(body, "n", -1);
    r->seed = mi_get_int(body, "seed", 0);
    if (r->n < 0)
        return missing(err, "n");
    r->of = *body; /* the subject's keys are those before "metric" */
    for (size_t i = 0; i < body->as.map.n; i++)
        if (strcmp(body->as.map.member[i].key, "metric") == 0)
            r->of.as.map.n = i;
    return 0;
}
