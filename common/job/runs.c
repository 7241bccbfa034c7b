#include "job/runs.h"

#include "base/commas.h"
#include "base/escape.h"
#include "base/near.h"
#include "job/label.h"
#include "job/scores.h"
#include "stream/header.h"
#include "stream/record.h"
#include "stream/run_record.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name, *mean, *diff, *lacks;
} figures[MI_RUN_FIGURES] = {
    {"logp", "logp_mean", "logp_diff", "no token with a log-probability at the positions"},
    {"entropy", "entropy_mean", "entropy_diff", "no token with an entropy at the positions"},
    {"repetition", "repetition", "repetition_diff", "no token at the positions"},
    {"target_logp", "target_logp", "target_logp_diff", "no 'target_logp'"},
    {"foil_logp", "foil_logp", "foil_logp_diff", "no 'foil_logp'"},
    {"logp_margin", "logp_margin", "logp_margin_diff", "no 'target_logp' or no 'foil_logp'"},
    {"judged_target", "rate_target", "rate_target_diff", "not judged (mi-run --judge)"},
    {"judged_foil", "rate_foil", "rate_foil_diff", "not judged (mi-run --judge)"},
    {"judged_neither", "rate_unjudged", "rate_unjudged_diff", "not judged (mi-run --judge)"},
};

const char *mi_run_figure_name(enum mi_run_figure f)
{
    return figures[f].name;
}

const char *mi_run_figure_mean(enum mi_run_figure f)
{
    return figures[f].mean;
}

const char *mi_run_figure_diff(enum mi_run_figure f)
{
    return figures[f].diff;
}

static int find_figure(const char *name, struct mi_error *err)
{
    const char *names[MI_RUN_FIGURES];
    char near[320];

    for (int i = 0; i < MI_RUN_FIGURES; i++) {
        names[i] = figures[i].name;
        if (strcmp(name, names[i]) == 0)
            return i;
    }
    mi_near_names(name, names, MI_RUN_FIGURES, near, sizeof near);
    return mi_fail(err, MI_EXIT_USAGE, "unknown metric '%s'%s%s%s", mi_quote(name),
                   *near ? "; is " : "", near, *near ? " meant?" : "");
}

int mi_run_figures_parse(enum mi_run_figure f[MI_RUN_FIGURES], const char *list,
                         struct mi_error *err)
{
    struct mi_arena a = {0};
    const char *const *name;
    int n = mi_runs_fields(&a, list, &name, err);

    for (int i = 0; i < n; i++) {
        int found = find_figure(name[i], err);

        for (int k = 0; k < i && found >= 0; k++)
            if ((int)f[k] == found)
                found = mi_fail(err, MI_EXIT_USAGE, "'%s' stands there twice", mi_quote(name[i]));
        if (found < 0)
            n = found;
        else
            f[i] = (enum mi_run_figure)found;
    }
    mi_arena_free(&a);
    return n;
}

bool mi_run_figure_has_positions(enum mi_run_figure f)
{
    return f == MI_RUN_LOGP || f == MI_RUN_ENTROPY || f == MI_RUN_REPETITION;
}

int mi_runs_fields(struct mi_arena *a, const char *text, const char *const **names,
                   struct mi_error *err)
{
    const char **name = mi_arena_alloc(a, (strlen(text) + 1) * sizeof *name), *part;
    size_t len;
    int n = 0;

    for (const char *at = text; mi_commas_next(&at, &part, &len);) {
        name[n] = mi_arena_dup(a, part, len);
        if (len == 0)
            return mi_fail(err, MI_EXIT_USAGE, "'%s' is no list of fields", mi_quote(text));
        if (mi_scores_owns(name[n]))
            return mi_fail(err, MI_EXIT_USAGE, "'%s' is a key of every score", mi_quote(name[n]));
        n++;
    }
    *names = name;
    return n;
}

/* ---- one run -------------------------------------------------------------------- */

/* A stream in hand. */
struct intake {
    struct mi_runs *runs;
    const struct mi_runs_options *o;
    const enum mi_run_figure *wanted;
    int n_wanted;
    struct mi_reader in;
    struct mi_arena arena;  /* of the record in hand */
    struct mi_value prompt; /* body of the prompt that waits for its run; nil: none */
    struct mi_arena held;   /* of that prompt */
    int64_t *at;
    size_t cap_at;
};

static double mean_at(const double *x, const int64_t *at, int64_t n)
{
    double sum = 0;
    int64_t count = 0;

    for (int64_t i = 0; i < n; i++)
        if (!isnan(x[at[i]])) { /* nothing predicts the first token */
            sum += x[at[i]];
            count++;
        }
    return count ? sum / (double)count : (double)NAN;
}

/* The share of 4-grams of the tokens at [n] that stood there before. */
static double repetition_at(const int32_t *tokens, const int64_t *at, int64_t n)
{
    struct mi_intern seen = {0};
    double share;

    if (n < 4)
        return n ? 0 : (double)NAN;
    for (int64_t i = 0; i + 4 <= n; i++) {
        int32_t gram[4];

        for (int k = 0; k < 4; k++)
            gram[k] = tokens[at[i + k]];
        mi_intern_add(&seen, (const char *)gram, sizeof gram);
    }
    share = 1 - (double)seen.n / (double)(n - 3);
    mi_intern_free(&seen);
    return share;
}

static int read_positions(struct intake *k, const struct mi_prompt_record *p,
                          const struct mi_run_record *run, struct mi_runs_case *c,
                          struct mi_error *err)
{
    struct mi_pos_tokens tokens = {p->n_tokens, p->n_prompt, p->spans, p->n_spans,
                                   p->roles,    p->n_roles,  p->piece, p->piece_len};
    int64_t n;

    if (run->n_tokens != p->n_tokens)
        return mi_fail(err, MI_EXIT_DATA, "%lld tokens, its prompt has %lld",
                       (long long)run->n_tokens, (long long)p->n_tokens);
    n = mi_pos_resolve(k->o->pos, &tokens, &k->at, &k->cap_at, err);
    if (n < 0)
        return (int)n;
    c->value[MI_RUN_LOGP] = mean_at(run->logp, k->at, n);
    c->value[MI_RUN_ENTROPY] = run->entropy ? mean_at(run->entropy, k->at, n) : (double)NAN;
    c->value[MI_RUN_REPETITION] = repetition_at(run->tokens, k->at, n);
    for (int64_t i = 0; i < n; i++) {
        int64_t token[2] = {k->at[i], run->tokens[k->at[i]]};

        c->tokens = mi_hash_u64(token, sizeof token, c->tokens);
    }
    return 0;
}

static void read_figures(const struct mi_run_record *run, struct mi_runs_case *c)
{
    static const char *const judged[] = {"target", "foil", "neither"};

    c->value[MI_RUN_TARGET_LOGP] = run->target_logp;
    c->value[MI_RUN_FOIL_LOGP] = run->foil_logp;
    c->value[MI_RUN_LOGP_MARGIN] = run->target_logp - run->foil_logp;
    for (int i = 0; i < 3; i++)
        c->value[MI_RUN_JUDGED_TARGET + i] =
            run->judged ? strcmp(run->judged, judged[i]) == 0 : (double)NAN;
}

static int check_figures(const struct intake *k, const struct mi_runs_case *c, struct mi_error *err)
{
    for (int i = 0; i < k->n_wanted; i++)
        if (isnan(c->value[k->wanted[i]]))
            return mi_fail(err, MI_EXIT_DATA, "%s", figures[k->wanted[i]].lacks);
    return 0;
}

/* The cell: a map of the fields, and its number. */
static int find_cell(struct intake *k, const struct mi_value *fields, int64_t *cell,
                     struct mi_error *err)
{
    struct mi_runs *runs = k->runs;
    struct mi_buf key = {0}, text = {0};
    int64_t n = runs->cells.n;
    int r = 0;

    for (int i = 0; i < k->o->n_by && r == 0; i++) {
        if (!mi_field_text(&text, fields, k->o->by[i]))
            r = mi_fail(err, MI_EXIT_DATA, "there is no field '%s'", mi_quote(k->o->by[i]));
        mi_buf_add(&key, text.data, text.len);
        mi_buf_add_char(&key, '\0');
    }
    if (r == 0)
        *cell = mi_intern_add(&runs->cells, mi_buf_text(&key), key.len);
    if (r == 0 && *cell == n) {
        runs->cell = mi_grow(runs->cell, &runs->cap_cells, (size_t)n + 1, sizeof *runs->cell);
        runs->cell[n] = mi_map();
        for (int i = 0; i < k->o->n_by; i++)
            mi_set_dup(&runs->arena, &runs->cell[n], k->o->by[i],
                       mi_value_copy(&runs->arena, mi_get(fields, k->o->by[i])));
    }
    mi_buf_free(&key);
    mi_buf_free(&text);
    return r;
}

static const char *keep(struct mi_runs *runs, const char *s)
{
    return mi_arena_dup(&runs->arena, s, strlen(s));
}

static int add_run(struct intake *k, const struct mi_prompt_record *p,
                   const struct mi_run_record *run, struct mi_error *err)
{
    struct mi_runs_case c = {.id = keep(k->runs, run->id)};
    struct mi_buf group = {0};
    int64_t n = k->runs->ids.n;
    int r = 0;

    if (mi_intern_add(&k->runs->ids, run->id, strlen(run->id)) < n)
        r = mi_fail(err, MI_EXIT_DATA, "was read already");
    for (int i = 0; i < MI_RUN_FIGURES; i++)
        c.value[i] = (double)NAN;
    if (r == 0 && k->o->pos)
        r = read_positions(k, p, run, &c, err);
    read_figures(run, &c);
    if (r == 0)
        r = check_figures(k, &c, err);
    if (r == 0)
        r = find_cell(k, &p->fields, &c.cell, err);
    if (r == 0)
        r = mi_group_text(&group, &p->fields, k->o->group_by, run->id, err);
    if (r < 0) {
        mi_buf_free(&group);
        return mi_fail_in(err, "prompt '%s'", mi_quote(run->id));
    }
    c.group = keep(k->runs, mi_buf_text(&group));
    mi_buf_free(&group);
    k->runs->item = mi_grow(k->runs->item, &k->runs->cap, k->runs->n + 1, sizeof *k->runs->item);
    k->runs->item[k->runs->n++] = c;
    return 0;
}

/* ---- a stream ------------------------------------------------------------------- */

static int check_header(struct intake *k, struct mi_error *err)
{
    const struct mi_value *header = mi_reader_header(&k->in);
    const struct mi_value *shard = mi_get(header, "shard");
    struct mi_runs *runs = k->runs;

    if (strcmp(mi_get_str(header, "content", ""), "run") != 0)
        return mi_fail(err, MI_EXIT_DATA, "holds '%s' records, not runs (see mi-run)",
                       mi_quote(mi_get_str(header, "content", "")));
    if (mi_is(shard, MI_MAP) && mi_get_int(shard, "of", 1) > 1)
        return mi_fail(err, MI_EXIT_DATA,
                       "is one part of a run: put the parts together first (mi-view merge)");
    if (runs->header.kind == MI_MAP)
        return mi_header_same_model(&runs->header, header, 0, err);
    runs->header = mi_value_copy(&runs->arena, header);
    return 0;
}

static int take_record(struct intake *k, const struct mi_record *rec, struct mi_error *err)
{
    struct mi_prompt_record p;
    struct mi_run_record run;
    int r;

    if (strcmp(rec->kind, "prompt") == 0) {
        mi_arena_reset(&k->held);
        k->prompt = mi_value_copy(&k->held, rec->body);
    }
    if (strcmp(rec->kind, "run") != 0)
        return 0;
    mi_arena_reset(&k->arena);
    if ((r = mi_run_read(&k->arena, rec->body, &run, err)) < 0)
        return r;
    if (k->prompt.kind != MI_MAP || strcmp(mi_get_str(&k->prompt, "id", ""), run.id) != 0)
        return mi_fail(err, MI_EXIT_DATA, "run '%s' without its prompt before it",
                       mi_quote(run.id));
    r = mi_prompt_read(&k->arena, &k->prompt, &p, err);
    return r < 0 ? r : add_run(k, &p, &run, err);
}

int mi_runs_read(struct mi_runs *runs, const char *path, const struct mi_runs_options *o,
                 const enum mi_run_figure *wanted, int n_wanted, struct mi_origin *origin,
                 struct mi_error *err)
{
    struct intake k = {.runs = runs, .o = o, .wanted = wanted, .n_wanted = n_wanted};
    struct mi_record rec;
    int r = mi_reader_open(&k.in, path, err);

    if (r == 0) {
        r = check_header(&k, err) < 0 ? mi_reader_blame(&k.in, err) : 0;
        while (r == 0 && (r = mi_reader_next(&k.in, &rec, err)) > 0)
            r = take_record(&k, &rec, err) < 0 ? mi_reader_blame(&k.in, err) : 0;
    }
    if (r == 0)
        mi_origin_input(origin, &k.in);
    mi_reader_close(&k.in);
    mi_arena_free(&k.arena);
    mi_arena_free(&k.held);
    mi_free(k.at);
    return r;
}

void mi_runs_free(struct mi_runs *runs)
{
    mi_free(runs->item);
    mi_free(runs->cell);
    mi_intern_free(&runs->ids);
    mi_intern_free(&runs->cells);
    mi_arena_free(&runs->arena);
    *runs = (struct mi_runs){0};
}
