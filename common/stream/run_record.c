#include "stream/run_record.h"

#include <math.h>
#include <string.h>

/* ---- building --------------------------------------------------------------- */

static struct mi_value real_or_nil(double x)
{
    return isnan(x) ? mi_nil() : mi_real(x);
}

static struct mi_value list_reals(struct mi_arena *a, const double *x, int64_t n)
{
    struct mi_value list = mi_array();

    for (int64_t t = 0; t < n; t++)
        mi_push(a, &list, real_or_nil(x[t]));
    return list;
}

static struct mi_value list_ranks(struct mi_arena *a, const int64_t *rank, int64_t n)
{
    struct mi_value list = mi_array();

    for (int64_t t = 0; t < n; t++)
        mi_push(a, &list, rank[t] < 0 ? mi_nil() : mi_int(rank[t]));
    return list;
}

/* [[token, logp] ...], or nil when the row holds nothing. */
static struct mi_value list_top(struct mi_arena *a, const int32_t *token, const double *logp,
                                int n_top)
{
    struct mi_value list = mi_array();

    for (int i = 0; i < n_top && token[i] >= 0; i++) {
        struct mi_value pair = mi_array();

        mi_push(a, &pair, mi_int(token[i]));
        mi_push(a, &pair, mi_real(logp[i]));
        mi_push(a, &list, pair);
    }
    return list.as.array.n ? list : mi_nil();
}

struct mi_value mi_run_body(struct mi_arena *a, const struct mi_run_record *r)
{
    struct mi_value body = mi_map(), top = mi_nil(), next = mi_nil();

    if (r->n_top > 0) {
        top = mi_array();
        for (int64_t t = 0; t < r->n_tokens; t++)
            mi_push(a, &top,
                    list_top(a, r->top_token + t * r->n_top, r->top_logp + t * r->n_top, r->n_top));
    }
    if (r->n_top > 0 && r->next_token)
        next = list_top(a, r->next_token, r->next_logp, r->n_top);
    mi_set(a, &body, "id", mi_str(r->id));
    mi_set(a, &body, "tokens", mi_ints(a, r->tokens, (size_t)r->n_tokens));
    mi_set(a, &body, "logp", list_reals(a, r->logp, r->n_tokens));
    mi_set(a, &body, "text", mi_str_n(r->text, r->text_len));
    mi_set(a, &body, "top", top);
    mi_set(a, &body, "target_logp", real_or_nil(r->target_logp));
    mi_set(a, &body, "foil_logp", real_or_nil(r->foil_logp));
    mi_set(a, &body, "rank", list_ranks(a, r->rank, r->n_tokens));
    mi_set(a, &body, "entropy", list_reals(a, r->entropy, r->n_tokens));
    mi_set(a, &body, "stop", r->stop ? mi_str(r->stop) : mi_nil());
    mi_set(a, &body, "next", next);
    if (r->judged)
        mi_set(a, &body, "judged", mi_str(r->judged));
    return body;
}

/* ---- reading ---------------------------------------------------------------- */

static int find_array(const struct mi_value *body, const char *key, int64_t n,
                      const struct mi_value **out, struct mi_error *err)
{
    const struct mi_value *v = mi_get(body, key);

    if (!mi_is(v, MI_ARRAY))
        return mi_fail(err, MI_EXIT_DATA, "run: '%s' is missing or no array", key);
    if (n >= 0 && v->as.array.n != (size_t)n)
        return mi_fail(err, MI_EXIT_DATA, "run: '%s' has %zu entries for %lld tokens", key,
                       v->as.array.n, (long long)n);
    *out = v;
    return 0;
}

static int read_number(const struct mi_value *v, const char *key, double *out, struct mi_error *err)
{
    if (!v || v->kind == MI_NIL)
        *out = (double)NAN;
    else if (v->kind == MI_REAL)
        *out = v->as.real;
    else if (v->kind == MI_INT)
        *out = (double)v->as.integer;
    else
        return mi_fail(err, MI_EXIT_DATA, "run: '%s' holds something that is no number", key);
    return 0;
}

static int read_reals(struct mi_arena *a, const struct mi_value *body, const char *key, int64_t n,
                      const double **out, struct mi_error *err)
{
    const struct mi_value *list = NULL;
    double *x;
    int r = find_array(body, key, n, &list, err);

    if (r < 0)
        return r;
    *out = x = mi_arena_alloc(a, ((size_t)n + 1) * sizeof *x);
    for (int64_t t = 0; t < n; t++)
        if ((r = read_number(&list->as.array.item[t], key, &x[t], err)) < 0)
            return r;
    return 0;
}

static int read_tokens(struct mi_arena *a, const struct mi_value *body, struct mi_run_record *r,
                       struct mi_error *err)
{
    const struct mi_value *list = NULL;
    int32_t *token;
    int status = find_array(body, "tokens", -1, &list, err);

    if (status < 0)
        return status;
    r->n_tokens = (int64_t)list->as.array.n;
    r->tokens = token = mi_arena_alloc(a, ((size_t)r->n_tokens + 1) * sizeof *token);
    for (int64_t t = 0; t < r->n_tokens; t++) {
        const struct mi_value *v = &list->as.array.item[t];

        if (v->kind != MI_INT || v->as.integer < 0 || v->as.integer > INT32_MAX)
            return mi_fail(err, MI_EXIT_DATA, "run: 'tokens' entry %lld is no token id",
                           (long long)t);
        token[t] = (int32_t)v->as.integer;
    }
    return 0;
}

static int read_ranks(struct mi_arena *a, const struct mi_value *body, struct mi_run_record *r,
                      struct mi_error *err)
{
    const struct mi_value *list = NULL;
    int64_t *rank = mi_arena_alloc(a, ((size_t)r->n_tokens + 1) * sizeof *rank);
    int status = find_array(body, "rank", r->n_tokens, &list, err);

    if (status < 0)
        return status;
    for (int64_t t = 0; t < r->n_tokens; t++) {
        const struct mi_value *v = &list->as.array.item[t];

        if (v->kind != MI_NIL && (v->kind != MI_INT || v->as.integer < 0))
            return mi_fail(err, MI_EXIT_DATA, "run: 'rank' entry %lld is no rank", (long long)t);
        rank[t] = v->kind == MI_NIL ? -1 : v->as.integer;
    }
    r->rank = rank;
    return 0;
}

/* All rows that are not nil have one length. -1 when they differ. */
static int64_t length_of_rows(const struct mi_value *top, const struct mi_value *next)
{
    size_t n = mi_is(next, MI_ARRAY) ? next->as.array.n : 0;

    for (size_t t = 0; t < top->as.array.n; t++) {
        const struct mi_value *row = &top->as.array.item[t];

        if (row->kind == MI_NIL)
            continue;
        if (row->kind != MI_ARRAY || (n > 0 && row->as.array.n != n))
            return -1;
        n = row->as.array.n;
    }
    return n <= MI_RUN_MAX_TOP ? (int64_t)n : -1;
}

/* One row of `top` or `next` into token, logp [n_top]. */
static int read_top_row(const struct mi_value *row, int n_top, int32_t *token, double *logp,
                        struct mi_error *err)
{
    for (int i = 0; i < n_top; i++) {
        token[i] = -1;
        logp[i] = (double)NAN;
    }
    if (row->kind == MI_NIL)
        return 0;
    if (row->kind != MI_ARRAY || row->as.array.n > (size_t)n_top)
        return mi_fail(err, MI_EXIT_DATA, "run: a row of 'top' is no list of pairs");
    for (size_t i = 0; i < row->as.array.n; i++) {
        const struct mi_value *pair = &row->as.array.item[i];
        const struct mi_value *id = pair->as.array.item;

        if (pair->kind != MI_ARRAY || pair->as.array.n != 2 || id->kind != MI_INT ||
            id->as.integer < 0 || id->as.integer > INT32_MAX || id[1].kind != MI_REAL)
            return mi_fail(err, MI_EXIT_DATA, "run: a row of 'top' is no list of [token, logp]");
        token[i] = (int32_t)id->as.integer;
        logp[i] = id[1].as.real;
    }
    return 0;
}

static int read_top(struct mi_arena *a, const struct mi_value *body, struct mi_run_record *r,
                    struct mi_error *err)
{
    const struct mi_value *top = mi_get(body, "top"), *next = mi_get(body, "next");
    int64_t n;
    int32_t *token;
    double *logp;
    int status = 0;

    if (!mi_is(top, MI_ARRAY))
        return 0;
    if ((status = find_array(body, "top", r->n_tokens, &top, err)) < 0)
        return status;
    if ((n = length_of_rows(top, next)) < 0)
        return mi_fail(err, MI_EXIT_DATA, "run: rows of 'top' differ in length, or pass %d entries",
                       (int)MI_RUN_MAX_TOP);
    r->n_top = (int)n;
    token = mi_arena_alloc(a, ((size_t)(r->n_tokens + 1) * (size_t)n + 1) * sizeof *token);
    logp = mi_arena_alloc(a, ((size_t)(r->n_tokens + 1) * (size_t)n + 1) * sizeof *logp);
    r->top_token = token;
    r->top_logp = logp;
    for (int64_t t = 0; t < r->n_tokens && status == 0; t++)
        status = read_top_row(&top->as.array.item[t], r->n_top, token + t * n, logp + t * n, err);
    if (status == 0 && mi_is(next, MI_ARRAY)) {
        r->next_token = token + r->n_tokens * n;
        r->next_logp = logp + r->n_tokens * n;
        status = read_top_row(next, r->n_top, token + r->n_tokens * n, logp + r->n_tokens * n, err);
    }
    return status;
}

int mi_run_read(struct mi_arena *a, const struct mi_value *body, struct mi_run_record *r,
                struct mi_error *err)
{
    const struct mi_value *text = mi_get(body, "text");
    struct mi_run_record out = {.id = mi_get_str(body, "id", NULL)};
    int status;

    if (!out.id)
        return mi_fail(err, MI_EXIT_DATA, "run: 'id' is missing or no string");
    if ((status = read_tokens(a, body, &out, err)) < 0 ||
        (status = read_reals(a, body, "logp", out.n_tokens, &out.logp, err)) < 0)
        return status;
    if (text && text->kind != MI_STR && text->kind != MI_NIL)
        return mi_fail(err, MI_EXIT_DATA, "run: 'text' is no string");
    out.text = mi_is(text, MI_STR) ? text->as.bytes.at : "";
    out.text_len = mi_is(text, MI_STR) ? text->as.bytes.len : 0;
    if ((status = read_number(mi_get(body, "target_logp"), "target_logp", &out.target_logp, err)) <
            0 ||
        (status = read_number(mi_get(body, "foil_logp"), "foil_logp", &out.foil_logp, err)) < 0)
        return status;
    if (mi_get(body, "rank") && (status = read_ranks(a, body, &out, err)) < 0)
        return status;
    if (mi_get(body, "entropy") &&
        (status = read_reals(a, body, "entropy", out.n_tokens, &out.entropy, err)) < 0)
        return status;
    out.stop = mi_get_str(body, "stop", NULL);
    out.judged = mi_get_str(body, "judged", NULL);
    if ((status = read_top(a, body, &out, err)) < 0)
        return status;
    *r = out;
    return 0;
}
