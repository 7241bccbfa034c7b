#include "job/sweep.h"

#include "base/escape.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/progress.h"
#include "job/batch.h"
#include "job/sweep_state.h"
#include "job/variant.h"

#include <string.h>

const char *const mi_sweep_names[] = {"patch", "zero", "mean", "resample", "edit", "path"};

/* ---- what is asked for ------------------------------------------------------------ */

int mi_sweep_variant_parse(struct mi_sweep_variant *v, const char *text, struct mi_arena *a,
                           struct mi_error *err)
{
    int r;

    *v = (struct mi_sweep_variant){0};
    r = mi_variant_split(text, a, &v->label, &v->line, err);
    if (r == 0 && !*v->line)
        r = mi_fail(err, MI_EXIT_USAGE, "variant '%s': it is written LABEL=EDIT", mi_quote(text));
    return r;
}

/* Sites after the blocks have the rows whose logits are wanted, no more. */
static bool is_after(enum mi_site site)
{
    return site > MI_SITE_RESID_POST;
}

int mi_sweep_check(const struct mi_sweep_options *o, const struct mi_dims *dims,
                   struct mi_error *err)
{
    char text[48];
    int64_t rows, width;

    for (size_t i = 0; i < o->places.n; i++) {
        const struct mi_place *p = &o->places.item[i];

        mi_place_text(p, text);
        mi_place_shape(p, dims, 0, &rows, &width);
        if (is_after(p->site))
            return mi_fail(err, MI_EXIT_USAGE, "%s comes after the blocks and is not patched",
                           text);
        if (width == 0 && (o->kind == MI_SWEEP_MEAN || o->align == MI_ALIGN_MEAN))
            return mi_fail(err, MI_EXIT_USAGE,
                           "%s is as wide as its prompt is long; it has no mean", text);
        if (p->site == MI_SITE_ATTN_SCORES && o->kind == MI_SWEEP_ZERO)
            return mi_fail(err, MI_EXIT_USAGE, "%s of zero mean nothing; zero the pattern", text);
    }
    return o->kind == MI_SWEEP_PATH ? mi_paths_check(o, err) : 0;
}

static int load_means(struct mi_sweep_state *w, struct mi_error *err)
{
    const struct mi_places *places = &w->o->places;
    int r = 0;

    if (w->o->kind != MI_SWEEP_MEAN)
        return 0;
    w->mean = mi_alloc_zero(places->n, sizeof *w->mean);
    for (size_t i = 0; i < places->n && r == 0; i++) {
        int64_t rows, width;

        mi_place_shape(&places->item[i], w->dims, 0, &rows, &width);
        w->mean[i] = mi_alloc_n((size_t)(rows * width), sizeof **w->mean);
        r = mi_material_mean(w->o->means, &places->item[i], rows * width, w->mean[i], err);
    }
    return r;
}

/* ---- plain runs ------------------------------------------------------------------- */

static void free_run(struct mi_plain_run *run)
{
    mi_subject_free(&run->subject);
    mi_reading_free(&run->reading);
    mi_trace_free(&run->trace);
    mi_free(run->value);
    *run = (struct mi_plain_run){0};
}

/* The prompt whose target and foil are read. */
static const struct mi_item *asking(const struct mi_sweep_state *w, const struct mi_pair *p)
{
    const struct mi_item *own = w->o->is_noise ? &p->source : &p->base;
    const struct mi_item *other = w->o->is_noise ? &p->base : &p->source;

    return own->target || !other->target ? own : other;
}

/* Makes a run of an item as it is ready. `reference`: the base run, of others. */
static int prepare_plain(struct mi_sweep_state *w, struct mi_sweep_case *c,
                         struct mi_plain_run *run, const struct mi_item *item,
                         const struct mi_places *sites, const struct mi_reading *reference,
                         struct mi_error *err)
{
    int r = mi_subject_init(&run->subject, w->measures, item, asking(w, &c->pair), err);

    if (r < 0)
        return r;
    w->totals->n_runs++;
    w->totals->n_rows += run->subject.n;
    w->totals->n_blocks += (double)run->subject.n * w->dims->n_layers;
    w->totals->n_logits += run->subject.n_logit_rows;
    if (w->is_plan)
        return 0;
    if (run->subject.n > w->dims->n_ctx)
        return mi_fail(err, MI_EXIT_DATA, "prompt '%s' with its target passes the context of %d",
                       mi_quote(item->prompt.id), w->dims->n_ctx);
    mi_reading_init(&run->reading, w->measures, &run->subject, reference, w->dims->d_vocab);
    mi_trace_init(&run->trace, sites, w->dims, &run->subject);
    run->value = mi_alloc_n((size_t)w->measures->n, sizeof *run->value);
    return 0;
}

/* Runs those of the runs that are there, in shared passes; cases' caches keep the bases. */
static int run_plain(struct mi_sweep_state *w, struct mi_plain_run **run, int n, bool is_base,
                     struct mi_error *err)
{
    struct mi_track track[MI_SWEEP_PAIRS] = {{0}};
    int r;

    if (w->is_plan || n <= 0)
        return 0;
    for (int i = 0; i < n; i++)
        track[i] = (struct mi_track){
            .subject = &run[i]->subject,
            .reading = &run[i]->reading,
            .trace = &run[i]->trace,
            .cache = is_base ? &w->cases[i].cache : NULL,
        };
    r = mi_tracks_run(&w->tracks, track, n, err);
    for (int i = 0; i < n && r == 0; i++)
        r = mi_reading_values(&run[i]->reading, run[i]->value, err);
    return r;
}

/* ---- another pair's values --------------------------------------------------------- */

static uint64_t rank_of(const struct mi_sweep_state *w, const char *id, const char *other)
{
    struct mi_buf b = {0};
    uint64_t h;

    mi_buf_add_text(&b, id);
    mi_buf_add_char(&b, '\0');
    mi_buf_add_text(&b, other);
    h = mi_hash_u64(mi_buf_text(&b), b.len, w->o->seed);
    mi_buf_free(&b);
    return h;
}

static const struct mi_item *choose_donor(const struct mi_sweep_state *w,
                                          const struct mi_pair *pair, struct mi_error *err)
{
    const char *id = pair->base.prompt.id;
    const struct mi_item *best[2] = {NULL, NULL}; /* of another group; of any */
    uint64_t least[2] = {0, 0};

    for (size_t i = 0; i < w->n_all; i++) {
        const struct mi_pair *p = &w->all[i];
        uint64_t h;

        if (strcmp(p->base.prompt.id, id) == 0)
            continue;
        h = rank_of(w, id, p->base.prompt.id);
        for (int k = strcmp(p->group, pair->group) == 0; k < 2; k++)
            if (!best[k] || h < least[k]) {
                best[k] = &p->base;
                least[k] = h;
            }
    }
    if (!best[1])
        mi_fail(err, MI_EXIT_DATA, "resampling needs more than one prompt");
    return best[0] ? best[0] : best[1];
}

/* ---- the pairs in hand -------------------------------------------------------------- */

static int run_bases(struct mi_sweep_state *w, struct mi_error *err)
{
    const struct mi_places *sites = w->is_sparing ? &w->base_sites : &w->needed_sites;
    struct mi_plain_run *run[MI_SWEEP_PAIRS];
    int r = 0;

    for (int i = 0; i < w->n_cases && r == 0; i++) {
        struct mi_sweep_case *c = &w->cases[i];

        run[i] = &c->base;
        r = prepare_plain(w, c, run[i], &c->pair.base, sites, NULL, err);
        if (!c->cache.layer_keys)
            mi_cache_init(&c->cache, &w->session->model, 0);
        mi_cache_truncate(&c->cache, 0);
    }
    return r < 0 ? r : run_plain(w, run, w->n_cases, true, err);
}

static int run_sources(struct mi_sweep_state *w, struct mi_error *err)
{
    struct mi_plain_run *run[MI_SWEEP_PAIRS];
    int r = 0, n = 0;

    for (int i = 0; i < w->n_cases && r == 0; i++) {
        struct mi_sweep_case *c = &w->cases[i];

        c->from = &c->source;
        if (!c->pair.has_source)
            continue;
        run[n++] = &c->source;
        r = prepare_plain(w, c, &c->source, &c->pair.source, &w->source_sites, &c->base.reading,
                          err);
    }
    return r < 0 ? r : run_plain(w, run, n, false, err);
}

static int run_donors(struct mi_sweep_state *w, struct mi_error *err)
{
    struct mi_plain_run *run[MI_SWEEP_PAIRS];
    int r = 0;

    if (w->o->kind != MI_SWEEP_RESAMPLE)
        return 0;
    for (int i = 0; i < w->n_cases && r == 0; i++) {
        struct mi_sweep_case *c = &w->cases[i];
        const struct mi_item *donor = choose_donor(w, &c->pair, err);

        run[i] = &c->donor;
        c->from = &c->donor;
        r = donor ? prepare_plain(w, c, &c->donor, donor, &w->source_sites, &c->base.reading, err)
                  : -err->code;
    }
    return r < 0 ? r : run_plain(w, run, w->n_cases, false, err);
}

/* Bytes of what the plan of the cases in hand takes; refused when there are not as many. */
static int check_memory(struct mi_sweep_state *w, struct mi_error *err)
{
    const struct mi_model *m = &w->session->model;
    int64_t need = (int64_t)m->n_bytes, longest = 0, rows;

    for (int i = 0; i < w->n_cases; i++) {
        const struct mi_sweep_case *c = &w->cases[i];
        int64_t n = c->base.subject.n, n_source = c->from->subject.n;

        longest = n > longest ? n : longest;
        longest = n_source > longest ? n_source : longest;
        need += mi_sweep_case_bytes(w, n, n_source, w->is_sparing);
        if (w->measures->needs_kl)
            need += (int64_t)sizeof(float) * c->base.subject.n_pos * w->dims->d_vocab;
    }
    rows = longest > w->tracks.max_rows ? longest : w->tracks.max_rows;
    need += (int64_t)mi_forward_bytes(m, (int)rows, longest);
    if ((double)need > w->totals->peak)
        w->totals->peak = (double)need;
    if (need > w->limit && !w->is_plan)
        return mi_fail(err, MI_EXIT_SYS,
                       "prompt '%s': its runs need %lld MiB, the limit is %lld MiB (--max-memory)",
                       mi_quote(w->cases[0].pair.base.prompt.id), (long long)(need >> 20),
                       (long long)(w->limit >> 20));
    return 0;
}

static int align_cases(struct mi_sweep_state *w, struct mi_error *err)
{
    bool needs = w->o->kind == MI_SWEEP_PATCH || w->o->kind == MI_SWEEP_RESAMPLE ||
                 w->o->kind == MI_SWEEP_PATH;
    int r = 0;

    for (int i = 0; i < w->n_cases && r == 0 && w->o->kind != MI_SWEEP_EDIT; i++) {
        struct mi_sweep_case *c = &w->cases[i];

        r = mi_align(&c->align, w->o->pos, w->o->align, &c->pair.base,
                     needs ? c->from->subject.item : NULL, err);
    }
    return r;
}

static void empty_cases(struct mi_sweep_state *w)
{
    for (int i = 0; i < w->n_cases; i++) {
        struct mi_sweep_case *c = &w->cases[i];

        free_run(&c->base);
        free_run(&c->source);
        free_run(&c->donor);
        if (w->o->kind != MI_SWEEP_RESAMPLE)
            mi_pair_free(&c->pair);
        c->pair = (struct mi_pair){0};
    }
    mi_progress_add(w->n_cases);
    w->n_cases = w->n_begun = 0;
}

static int run_cases(struct mi_sweep_state *w, struct mi_error *err)
{
    int r = run_bases(w, err);

    if (r == 0)
        r = run_sources(w, err);
    if (r == 0)
        r = run_donors(w, err);
    if (r == 0)
        r = check_memory(w, err);
    if (r == 0)
        r = align_cases(w, err);
    if (r == 0)
        r = mi_sweep_cases(w, err);
    empty_cases(w);
    return r;
}

/* ---- all pairs -------------------------------------------------------------------- */

static int read_all(struct mi_sweep_state *w, struct mi_error *err)
{
    int r = 1;

    while (w->o->kind == MI_SWEEP_RESAMPLE && r > 0) {
        w->all = mi_grow(w->all, &w->cap_all, w->n_all + 1, sizeof *w->all);
        r = mi_pairs_next(&w->pairs, w->session, &w->all[w->n_all], err);
        w->n_all += r > 0;
    }
    return r < 0 ? r : 0;
}

/* The next pair. Of resampling the pairs stay in their list, since others draw from them. */
static int next_pair(struct mi_sweep_state *w, size_t i, struct mi_pair *out, struct mi_error *err)
{
    int r = w->o->kind != MI_SWEEP_RESAMPLE ? mi_pairs_next(&w->pairs, w->session, out, err)
                                            : i < w->n_all;

    if (r > 0 && w->o->kind == MI_SWEEP_RESAMPLE)
        *out = w->all[i];
    if (r > 0 && w->o->is_noise) {
        struct mi_item base = out->base;

        out->base = out->source;
        out->source = base;
    }
    return r;
}

/* Pairs are gathered while they are short and their runs are no burden to memory. */
static int run_all(struct mi_sweep_state *w, struct mi_error *err)
{
    int64_t n_tokens = 0, bytes = 0, sparing = 0;
    size_t i = 0;
    int r = read_all(w, err);

    while (r == 0) {
        struct mi_pair *p = &w->cases[w->n_cases].pair;
        int more = next_pair(w, i++, p, err);

        if (more < 0)
            return more;
        if (more > 0) {
            int64_t n = p->base.prompt.n_tokens, n_source = p->source.prompt.n_tokens;

            w->totals->n_pairs++;
            w->n_cases++;
            n_tokens += n + n_source;
            bytes += mi_sweep_case_bytes(w, n, n_source, false);
            sparing += mi_sweep_case_bytes(w, n, n_source, true);
        }
        if (w->n_cases == 0)
            break;
        if (more > 0 && w->n_cases < MI_SWEEP_PAIRS && n_tokens < MI_SWEEP_TOKENS &&
            bytes < w->limit / 16 && sparing < w->limit / 8)
            continue;
        w->is_sparing = sparing < w->limit / 4;
        r = run_cases(w, err);
        n_tokens = bytes = sparing = 0;
        if (more == 0)
            break;
    }
    return r;
}

static void finish(struct mi_sweep_state *w)
{
    empty_cases(w);
    for (int i = 0; i < MI_SWEEP_PAIRS; i++) {
        mi_alignment_free(&w->cases[i].align);
        mi_cache_free(&w->cases[i].cache);
    }
    mi_free(w->cases);
    mi_free(w->change);
    for (size_t i = 0; i < w->n_all; i++)
        mi_pair_free(&w->all[i]);
    mi_free(w->all);
    mi_pairs_free(&w->pairs);
    mi_effects_free(&w->effects);
    mi_tracks_free(&w->tracks);
    for (size_t i = 0; w->mean && i < w->o->places.n; i++)
        mi_free(w->mean[i]);
    mi_free(w->mean);
    mi_sweep_free_bases(w);
    mi_places_free(&w->needed_sites);
    mi_places_free(&w->base_sites);
    mi_places_free(&w->source_sites);
    mi_arena_free(&w->arena);
}

/* Rows of a pass: more than other work takes, since at the first blocks few have come in. */
static int choose_rows(struct mi_sweep_state *w, struct mi_error *err)
{
    const struct mi_model *m = &w->session->model;
    int64_t file = (int64_t)m->n_bytes;
    int *rows = &w->tracks.max_rows, r = mi_batch_rows(w->session, w->limit, 1, 0, file, rows, err);

    while (r == 0 && *rows < MI_SWEEP_ROWS &&
           file + (int64_t)mi_forward_bytes(m, 2 * *rows, 1) < w->limit / 2)
        *rows *= 2;
    return r;
}

static int prepare(struct mi_sweep_state *w, struct mi_source *src, struct mi_error *err)
{
    enum mi_sweep_kind kind = w->o->kind;
    int r = mi_pairs_init(&w->pairs, src, w->o->sides, err);

    w->pairs.is_alone = kind == MI_SWEEP_EDIT;
    w->pairs.needs_source = kind == MI_SWEEP_PATCH || kind == MI_SWEEP_PATH || w->o->is_noise;
    w->tracks.max_rows = w->o->max_rows;
    w->limit = mi_memory_limit(w->o->max_memory);
    if (r == 0 && w->tracks.max_rows == 0)
        r = choose_rows(w, err);
    if (r == 0)
        r = load_means(w, err);
    if (r == 0)
        r = mi_sweep_open_bases(w, err);
    mi_sweep_sites(w);
    return r;
}

int mi_sweep(struct mi_session *s, struct mi_source *src, const struct mi_measures *measures,
             const struct mi_sweep_options *o, struct mi_writer *out,
             struct mi_sweep_totals *totals, struct mi_error *err)
{
    struct mi_sweep_state w = {.session = s,
                               .dims = &s->model.config.dims,
                               .measures = measures,
                               .o = o,
                               .totals = totals,
                               .is_plan = !out};
    int r;

    *totals = (struct mi_sweep_totals){0};
    w.tracks.session = s;
    w.cases = mi_alloc_zero(MI_SWEEP_PAIRS, sizeof *w.cases);
    mi_effects_init(&w.effects, &o->effects, measures, out);
    r = prepare(&w, src, err);
    if (r == 0)
        r = run_all(&w, err);
    if (r == 0 && out)
        r = mi_effects_end(&w.effects, err);
    totals->n_effects = w.effects.n_effects;
    totals->n_refused = w.effects.n_refused;
    totals->flops = totals->n_blocks / w.dims->n_layers *
                        mi_model_flops_per_token(&s->model, 0, w.dims->n_layers) +
                    (double)totals->n_logits * mi_model_flops_per_logits(&s->model) *
                        (mi_measures_need_two_logits(measures) ? 2.0 / w.dims->d_vocab : 1.0);
    finish(&w);
    return r;
}
