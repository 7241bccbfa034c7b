/* Sweeps against the plain slow way: every changed run alone, whole, without cache, its change
 * written by a hook of this file, its figures computed from its own logits. Bit for bit. */
#include "job/sweep.h"

#include "../tap.h"
#include "math/rows.h"
#include "stream/header.h"
#include "stream/reader.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The tiny model: 2 layers, D = 32. */
enum { D = 32, LAYERS = 2, MOST = 32 };

static struct mi_session session;
static char folder[] = "/tmp/mi-sweep-XXXXXX";
static char prompts[64], sweep_file[64];

static const char text[] =
    "{\"id\": \"b\", \"pair\": 1, \"side\": \"base\", \"text\": \"the city of Paris is\", "
    "\"target\": \" in the\", \"foil\": \" in a\"}\n"
    "{\"id\": \"s\", \"pair\": 1, \"side\": \"source\", \"text\": \"that city of Rome is not\"}\n";

static void must(int r, const struct mi_error *err)
{
    if (r < 0) {
        diag("%s", err->text);
        exit(2);
    }
}

/* ---- the slow way ------------------------------------------------------------------ */

struct slow {
    enum mi_site site; /* read or written */
    int layer, position;
    const float *value; /* [D] written at the position; NULL: nothing */
    float *seen;        /* [n, D] read at the site; NULL: nothing */
    float *logits;      /* [n, V] */
};

static bool slow_wants(void *self, enum mi_site site, int layer)
{
    const struct slow *s = self;

    return site == MI_SITE_LOGITS || (site == s->site && layer == s->layer);
}

static int slow_at(void *self, struct mi_view *view, struct mi_error *err)
{
    struct slow *s = self;

    (void)err;
    for (int r = 0; r < view->n_rows; r++) {
        float *x = view->x + r * view->ld;

        if (view->site == MI_SITE_LOGITS)
            memcpy(s->logits + view->row[r].position * view->width, x,
                   (size_t)view->width * sizeof *x);
        else if (s->seen)
            memcpy(s->seen + view->row[r].position * D, x, D * sizeof *x);
        else if (s->value && view->row[r].position == s->position)
            memcpy(x, s->value, D * sizeof *x);
    }
    return 0;
}

static void run_slow(struct slow *s, const int32_t *tokens, int n)
{
    struct mi_hooks hooks = {s, slow_wants, slow_at};
    struct mi_error err = {0};
    int rows[MOST];

    for (int i = 0; i < n; i++)
        rows[i] = i;
    must(mi_forward(
             &session.forward, &session.model,
             &(struct mi_sequence){.tokens = tokens, .n = n, .logit_rows = rows, .n_logit_rows = n},
             1, 0, &hooks, &err),
         &err);
}

/* logit_diff and logp by their formulas. */
static void figures(const struct slow *s, const struct mi_item *asks, int64_t n_prompt,
                    double out[2])
{
    int64_t v = session.model.config.dims.d_vocab, c = 0;
    const float *row;

    while (asks->target[c] == asks->foil[c])
        c++;
    row = s->logits + (n_prompt - 1 + c) * v;
    out[0] = (double)row[asks->target[c]] - (double)row[asks->foil[c]];
    out[1] = 0;
    for (int64_t t = 0; t < asks->n_target; t++) {
        row = s->logits + (n_prompt - 1 + t) * v;
        out[1] += (double)row[asks->target[t]] - mi_log_normalizer(row, v);
    }
}

/* ---- the sweep --------------------------------------------------------------------- */

static void open_items(struct mi_item item[2])
{
    struct mi_source src = {0};
    struct mi_error err = {0};

    must(mi_source_open(&src, prompts, NULL, (struct mi_shard){0}, &err), &err);
    for (int i = 0; i < 2; i++)
        must(mi_source_next(&src, &session, &item[i], &err), &err);
    mi_source_close(&src);
}

static void run_sweep(struct mi_sweep_options *o, int max_rows)
{
    static const char *const lists[] = {"logit_diff,logp"};
    struct mi_source src = {0};
    struct mi_writer out = {0};
    struct mi_arena a = {0};
    struct mi_measures measures = {0};
    struct mi_sweep_totals totals;
    struct mi_pos last = {0};
    struct mi_error err = {0};
    struct mi_value header = mi_header_new(&a, "effect");

    o->max_rows = max_rows;
    must(mi_session_header(&session, &a, &header, &err), &err);
    must(mi_pos_parse(&last, "last", &err), &err);
    must(mi_measures_open(&measures, lists, 1, &last, &session, &header, false, &err), &err);
    must(mi_source_open(&src, prompts, NULL, (struct mi_shard){0}, &err), &err);
    must(mi_writer_open(&out, sweep_file, &err), &err);
    must(mi_writer_header(&out, &header, &err), &err);
    must(mi_sweep(&session, &src, &measures, o, &out, &totals, &err), &err);
    must(mi_writer_end(&out, NULL, &err), &err);
    mi_writer_close(&out);
    mi_source_close(&src);
    mi_measures_free(&measures);
    mi_pos_free(&last);
    mi_arena_free(&a);
}

static void compare(const struct mi_item item[2], const float *source_x, const char *what)
{
    int n = (int)(item[0].prompt.n_prompt + item[0].n_target), n_same = 0, n_all = 0;
    float *logits = malloc((size_t)n * (size_t)session.model.config.dims.d_vocab * sizeof *logits);
    int32_t tokens[MOST];
    struct mi_reader in = {0};
    struct mi_record rec;
    struct mi_error err = {0};
    int64_t shift = item[1].prompt.n_prompt - item[0].prompt.n_prompt;

    memcpy(tokens, item[0].prompt.tokens, (size_t)item[0].prompt.n_prompt * sizeof *tokens);
    memcpy(tokens + item[0].prompt.n_prompt, item[0].target,
           (size_t)item[0].n_target * sizeof *tokens);
    must(mi_reader_open(&in, sweep_file, &err), &err);
    while (mi_reader_next(&in, &rec, &err) > 0) {
        struct mi_effect_record e;
        double want[2];
        struct slow s = {.logits = logits};

        if (strcmp(rec.kind, "effect") != 0)
            continue;
        must(mi_effect_read(rec.body, &e, &err), &err);
        s.site = e.place.site;
        s.layer = e.place.layer;
        s.position = (int)e.position;
        s.value = source_x + (e.place.layer * MOST + e.position + shift) * D;
        run_slow(&s, tokens, n);
        figures(&s, &item[0], item[0].prompt.n_prompt, want);
        n_all++;
        n_same += e.patched == want[strcmp(e.metric, "logp") == 0];
    }
    must(err.code ? -1 : 0, &err);
    mi_reader_close(&in);
    free(logits);
    ok(n_all > 0 && n_same == n_all, "%s: %d of %d figures have the same bits", what, n_same,
       n_all);
}

static void test_slow(void)
{
    struct mi_item item[2];
    float *source_x = calloc((size_t)LAYERS * MOST * D, sizeof *source_x);
    float *logits;
    struct mi_pos all = {0};
    struct mi_error err = {0};
    struct mi_sweep_options o = {
        .pos = &all, .sides = "base,source", .effects = {.method = "patch", .level = 0.95}};

    open_items(item);
    logits = malloc((size_t)MOST * (size_t)session.model.config.dims.d_vocab * sizeof *logits);
    for (int l = 0; l < LAYERS; l++) {
        struct slow s = {.site = MI_SITE_RESID_POST,
                         .layer = l,
                         .logits = logits,
                         .seen = source_x + l * MOST * D};

        run_slow(&s, item[1].prompt.tokens, (int)item[1].prompt.n_prompt);
    }
    must(mi_pos_parse(&all, "all", &err), &err);
    must(mi_places_parse(&o.places, "resid_post:*", &session.model.config.dims, &err), &err);
    ok(item[0].prompt.n_prompt != item[1].prompt.n_prompt, "the prompts differ in length");
    run_sweep(&o, 0);
    compare(item, source_x, "one pass for many");
    run_sweep(&o, 1);
    compare(item, source_x, "one pass for each");
    mi_places_free(&o.places);
    mi_pos_free(&all);
    for (int i = 0; i < 2; i++)
        mi_item_free(&item[i]);
    free(source_x);
    free(logits);
}

/* ---- alignment --------------------------------------------------------------------- */

static void test_align(void)
{
    struct mi_item item[2];
    struct mi_alignment a = {0};
    struct mi_pos all = {0};
    struct mi_error err = {0};
    int64_t n0, n1;

    open_items(item);
    n0 = item[0].prompt.n_prompt;
    n1 = item[1].prompt.n_prompt;
    must(mi_pos_parse(&all, "all", &err), &err);
    must(mi_align(&a, &all, MI_ALIGN_END, &item[0], &item[1], &err), &err);
    ok(a.n == (n0 < n1 ? n0 : n1) && a.base[a.n - 1] == n0 - 1 && a.source[a.n - 1] == n1 - 1 &&
           a.base[0] == n0 - a.n && a.source[0] == n1 - a.n,
       "end matches the last with the last");
    must(mi_align(&a, &all, MI_ALIGN_END, &item[1], &item[0], &err), &err);
    ok(a.n == (n0 < n1 ? n0 : n1) && a.base[0] == n1 - a.n && a.source[0] == n0 - a.n,
       "and with the sides exchanged");
    must(mi_align(&a, &all, MI_ALIGN_MEAN, &item[0], &item[1], &err), &err);
    ok(a.n == n0 && a.n_mean == n1 && !a.source, "mean takes all of the source");
    ok(mi_align(&a, &all, MI_ALIGN_SPAN, &item[0], &item[1], &err) == -MI_EXIT_DATA,
       "span refuses unequal lengths: %s", err.text);
    mi_alignment_free(&a);
    mi_pos_free(&all);
    for (int i = 0; i < 2; i++)
        mi_item_free(&item[i]);
}

int main(void)
{
    struct mi_session_options s = {.model = "fixtures/tiny/llama-f32.gguf"};
    struct mi_error err = {0};
    FILE *f;

    if (!mkdtemp(folder))
        return 2;
    snprintf(prompts, sizeof prompts, "%s/p.jsonl", folder);
    snprintf(sweep_file, sizeof sweep_file, "%s/s.mi", folder);
    f = fopen(prompts, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        return 2;
    must(mi_session_open(&session, &s, &err), &err);
    test_slow();
    test_align();
    mi_session_close(&session);
    unlink(prompts);
    unlink(sweep_file);
    rmdir(folder);
    return done();
}
