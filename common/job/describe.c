/* job/describe.c: what a prompt becomes, what a run would take; see describe.h. */
#include "job/describe.h"

#include "base/bytes.h"
#include "base/escape.h"
#include "base/mem.h"
#include "job/batch.h"
#include "text/unicode.h"

#include <string.h>

/* ---- a prompt --------------------------------------------------------------- */

struct mi_value mi_describe_tokens(struct mi_arena *a, const struct mi_item *item)
{
    struct mi_value body = mi_prompt_body(a, &item->prompt);

    mi_set(a, &body, "target",
           item->target ? mi_ints(a, item->target, (size_t)item->n_target) : mi_nil());
    mi_set(a, &body, "foil", item->foil ? mi_ints(a, item->foil, (size_t)item->n_foil) : mi_nil());
    return body;
}

/* A cell of a table, filled up to `width` columns of a terminal. */
static void add_cell(struct mi_buf *b, const char *text, int width)
{
    size_t len = strlen(text);
    int used = 0, n;
    uint32_t cp = 0;

    for (size_t i = 0; i < len && (n = mi_utf8_decode(text + i, len - i, &cp)) > 0; i += (size_t)n)
        used += mi_char_width(cp);
    mi_buf_addf(b, "%s%*s  ", text, used < width ? width - used : 0, "");
}

/* Names of the spans that hold token t, separated by commas. */
static const char *names_at(struct mi_buf *names, const struct mi_span *span, size_t n, int64_t t)
{
    mi_buf_clear(names);
    for (size_t i = 0; i < n; i++)
        if (span[i].begin <= t && t < span[i].end)
            mi_buf_addf(names, "%s%s", names->len ? "," : "", mi_quote(span[i].name));
    return names->len ? mi_buf_text(names) : "-";
}

static void add_ids(struct mi_buf *b, const char *label, const int32_t *ids, int64_t n)
{
    if (!ids)
        return;
    mi_buf_addf(b, "%s:", label);
    for (int64_t i = 0; i < n; i++)
        mi_buf_addf(b, " %d", (int)ids[i]);
    mi_buf_add_char(b, '\n');
}

void mi_describe_tokens_table(struct mi_buf *b, const struct mi_item *item)
{
    const struct mi_prompt_record *p = &item->prompt;
    struct mi_buf names = {0};
    char text[208];

    mi_buf_addf(b, "prompt %s: %lld tokens", mi_quote(p->id), (long long)p->n_tokens);
    if (p->n_tokens > p->n_prompt)
        mi_buf_addf(b, ", %lld of them generated", (long long)(p->n_tokens - p->n_prompt));
    mi_buf_addf(b, "\n%6s  %8s  %8s  %-20s  %-12s  %s\n", "number", "id", "byte", "piece", "role",
                "spans");
    for (int64_t t = 0; t < p->n_tokens; t++) {
        mi_buf_addf(b, "%6lld  %8d  ", (long long)t, (int)p->tokens[t]);
        if (p->offset && p->offset[t] >= 0)
            mi_buf_addf(b, "%8lld  ", (long long)p->offset[t]);
        else
            mi_buf_addf(b, "%8s  ", "-");
        text[0] = '\'';
        mi_escape(text + 1, sizeof text - 2, p->piece[t], p->piece_len[t]);
        add_cell(b, strcat(text, "'"), 20);
        add_cell(b, t < p->n_prompt ? names_at(&names, p->roles, p->n_roles, t) : "(generated)",
                 12);
        mi_buf_addf(b, "%s\n", names_at(&names, p->spans, p->n_spans, t));
    }
    add_ids(b, "target", item->target, item->n_target);
    add_ids(b, "foil", item->foil, item->n_foil);
    mi_buf_free(&names);
}

/* ---- a run ------------------------------------------------------------------ */

/* Scores and sums of attention over tokens [from, to): each looks at all before it. */
static double attention_flops(const struct mi_dims *d, double from, double to)
{
    double pairs = (to * (to + 1) - from * (from + 1)) / 2;

    return 4.0 * d->n_layers * d->n_heads * d->d_head * pairs;
}

/* Bytes of a prompt and a run record: ids, pieces, offsets once; ids, three numbers, top. */
static double record_bytes(int64_t n_tokens, int n_top)
{
    return 256 + (double)n_tokens * (5 + 8 + 5 + 5 + 9 + 9 + 4 + 15.0 * n_top);
}

static void plan_item(struct mi_plan *plan, const struct mi_session *s, const struct mi_item *item,
                      const struct mi_run_options *o, bool scores)
{
    const struct mi_model *m = &s->model;
    const struct mi_dims *d = &m->config.dims;
    int64_t given = item->prompt.n_tokens;
    int64_t made = o->n_new < d->n_ctx - given ? o->n_new : d->n_ctx - given;
    int64_t fed = given + (made > 0 ? made - 1 : 0), rest = 0;

    for (int i = 0; i < 2 && scores; i++) {
        int64_t n = i ? item->n_foil : item->n_target;

        rest += n > 1 ? n - 1 : 0;
    }
    plan->n_prompts++;
    plan->n_given += given;
    plan->n_made += made > 0 ? made : 0;
    if (given + made > plan->longest)
        plan->longest = given + made;
    plan->flops += (double)(fed + rest) * mi_model_flops_per_token(m, 0, d->n_layers) +
                   attention_flops(d, 0, (double)fed) +
                   (double)(rest + (scores ? fed : made)) * mi_model_flops_per_logits(m);
    plan->bytes += scores ? record_bytes(given + made, o->n_top) : 0;
}

int mi_plan_run(struct mi_plan *plan, struct mi_session *s, struct mi_source *src,
                const struct mi_run_options *o, bool scores, struct mi_error *err)
{
    const struct mi_model *m = &s->model;
    int64_t items = o->max_items > 0 ? o->max_items : MI_RUN_ITEMS;
    struct mi_item item = {0};
    int r;

    *plan = (struct mi_plan){0};
    while ((r = mi_source_next(src, s, &item, err)) > 0) {
        for (int i = 0; i < (o->variants ? o->variants->n : 1); i++)
            plan_item(plan, s, &item, o, scores);
        mi_item_free(&item);
    }
    if (r < 0)
        return r;
    if (items > plan->n_prompts)
        items = plan->n_prompts;
    /* as many caches as fit, at least one: mi_run lets the others wait */
    plan->peak_bytes = (double)m->n_bytes +
                       (double)mi_forward_bytes(m, MI_BATCH_ROWS, plan->longest) +
                       (double)items * (double)mi_cache_bytes(m, plan->longest);
    return 0;
}

void mi_plan_print(struct mi_buf *b, const struct mi_plan *plan)
{
    char text[24];

    mi_buf_addf(b, "prompts: %lld\n", (long long)plan->n_prompts);
    mi_buf_addf(b, "tokens given: %lld\n", (long long)plan->n_given);
    mi_buf_addf(b, "tokens generated, at most: %lld\n", (long long)plan->n_made);
    mi_buf_addf(b, "longest: %lld tokens\n", (long long)plan->longest);
    mi_buf_addf(b, "floating point operations: %.3g\n", plan->flops);
    mi_buf_addf(b, "records: about %s\n", mi_bytes_text(plan->bytes, text));
    mi_buf_addf(b, "peak memory: at most %s\n", mi_bytes_text(plan->peak_bytes, text));
}
