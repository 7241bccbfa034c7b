/* job/sweep_plan.c: where a changed run begins to differ from its base; see sweep_state.h. */
#include "job/sweep_state.h"

static bool has_keys(enum mi_site site)
{
    return mi_site_info(site)->shape == MI_SHAPE_KEYS;
}

/* The place that a write goes to. The stream after a block is the stream before the next one,
 * which is where the run may begin; not when a figure looks at the first of the two. */
static struct mi_place written_place(const struct mi_sweep_state *w, struct mi_place at)
{
    if (at.site == MI_SITE_RESID_POST && at.layer + 1 < w->dims->n_layers &&
        w->first_read > at.layer)
        return (struct mi_place){MI_SITE_RESID_PRE, at.layer + 1, at.head};
    return at;
}

/* The first block that edits look into or change. */
static int first_edited(const struct mi_sweep_state *w, const struct mi_editor *edits)
{
    for (int site = 0; site < MI_SITES; site++)
        if (mi_site_info((enum mi_site)site)->is_global && site <= MI_SITE_RESID_POST &&
            mi_editor_wants(edits, (enum mi_site)site, -1))
            return 0;
    for (int l = 0; l < w->dims->n_layers; l++)
        for (int site = 0; site <= MI_SITE_RESID_POST; site++)
            if (mi_editor_wants(edits, (enum mi_site)site, l))
                return l;
    return w->dims->n_layers - 1;
}

static int first_block(const struct mi_sweep_state *w, const struct mi_place *at)
{
    int first = at->layer < 0 ? 0 : at->layer;

    return first < w->first_read ? first : w->first_read;
}

/* ---- sites that are kept ------------------------------------------------------------- */

static void add_site(struct mi_places *list, const struct mi_place *p)
{
    mi_places_add(list, (struct mi_place){p->site, p->layer, -1});
}

static void keep_stream(struct mi_sweep_state *w, int layer)
{
    if (layer > 0)
        add_site(&w->base_sites, &(struct mi_place){MI_SITE_RESID_PRE, layer, -1});
}

static int first_read(const struct mi_sweep_state *w)
{
    int first = w->dims->n_layers;

    for (int i = 0; i < w->measures->n; i++) {
        const struct mi_measure *q = &w->measures->item[i];

        if (q->kind != MI_MEASURE_PROJECTION || q->at.site > MI_SITE_RESID_POST)
            continue;
        if (q->at.layer < first)
            first = q->at.layer < 0 ? 0 : q->at.layer;
    }
    return first;
}

void mi_sweep_sites(struct mi_sweep_state *w)
{
    const struct mi_sweep_options *o = w->o;

    w->first_read = first_read(w);
    if (o->kind == MI_SWEEP_PATH) {
        mi_paths_sites(o, w->dims, &w->needed_sites, &w->source_sites);
        for (size_t i = 0; i < w->needed_sites.n; i++)
            add_site(&w->base_sites, &w->needed_sites.item[i]);
        for (size_t i = 0; i < o->receivers.n; i++) {
            struct mi_place at = written_place(w, o->receivers.item[i]);

            add_site(&w->base_sites, &at);
            keep_stream(w, first_block(w, &at));
        }
        return;
    }
    for (size_t i = 0; i < o->places.n; i++) {
        struct mi_place at = written_place(w, o->places.item[i]);

        if (o->kind == MI_SWEEP_PATCH || o->kind == MI_SWEEP_RESAMPLE)
            add_site(&w->source_sites, &o->places.item[i]);
        if (!has_keys(at.site))
            add_site(&w->base_sites, &at);
        keep_stream(w, first_block(w, &at));
    }
    for (int i = 0; i < o->n_variants; i++) {
        int first = first_edited(w, &o->variant[i].edits);

        keep_stream(w, first < w->first_read ? first : w->first_read);
    }
}

int64_t mi_sweep_case_bytes(const struct mi_sweep_state *w, int64_t n_base, int64_t n_source,
                            bool is_sparing)
{
    const struct mi_places *base = is_sparing ? &w->base_sites : &w->needed_sites;
    int64_t bytes = (int64_t)mi_cache_bytes(&w->session->model, n_base);

    bytes += (int64_t)mi_trace_bytes(base, w->dims, n_base, n_base);
    bytes += (int64_t)mi_trace_bytes(&w->source_sites, w->dims, n_source, n_source);
    return bytes;
}

/* ---- a change ------------------------------------------------------------------------ */

static bool is_kept(const struct mi_places *list, const struct mi_place *at)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->item[i].site == at->site && list->item[i].layer == at->layer)
            return true;
    return false;
}

/* Does the base run have these values already? As job/track.c compares them. */
static bool is_there(const struct mi_sweep_state *w, const struct mi_sweep_change *c)
{
    const struct mi_write *write = &c->write;
    const struct mi_trace *base = &c->of->base.trace;

    if (!w->is_sparing || has_keys(write->at.site) || !is_kept(base->places, &write->at))
        return false;
    for (int64_t i = 0; i < write->n; i++) {
        int64_t n, ld;
        const float *x = mi_trace_at(base, &write->at, w->dims, write->position[i], &n, &ld);
        const float *y = write->x ? write->x + i * write->ld : NULL;

        for (int64_t k = 0; k < n; k++)
            if (x[k] != (y ? y[k] : 0.0f))
                return false;
    }
    return true;
}

/* Of a plan, where no values are known: prompts that begin alike have the same values there. */
static bool is_same_text(const struct mi_sweep_state *w, const struct mi_sweep_change *c)
{
    const struct mi_sweep_case *of = c->of;
    const int64_t *base = of->align.base;
    int64_t last, k;

    if (w->o->kind != MI_SWEEP_PATCH || !of->align.source || c->write.n == 0)
        return false;
    k = c->write.position + c->write.n - 1 - base;
    last = base[k];
    for (int64_t i = c->write.position - base; i <= k; i++)
        if (of->align.source[i] != base[i])
            return false;
    for (int64_t t = 0; t <= last; t++)
        if (of->base.subject.tokens[t] != of->source.subject.tokens[t])
            return false;
    return true;
}

/* Behind attention in the last block a row reaches nothing but its own logits. */
static bool is_unread(const struct mi_sweep_state *w, const struct mi_sweep_change *c)
{
    const struct mi_subject *s = &c->of->base.subject;

    if (c->write.at.layer < w->dims->n_layers - 1 || c->write.at.site < MI_SITE_Z ||
        w->first_read < w->dims->n_layers)
        return false;
    for (int64_t i = 0; i < c->write.n; i++)
        for (int k = 0; k < s->n_logit_rows; k++)
            if (s->logit_row[k] == c->write.position[i])
                return false;
    return true;
}

void mi_sweep_place(const struct mi_sweep_state *w, struct mi_sweep_change *c)
{
    c->start = 0;
    c->is_same = false;
    c->first_layer = 0;
    if (c->edits) {
        c->first_layer = first_edited(w, c->edits);
        if (w->first_read < c->first_layer)
            c->first_layer = w->first_read;
    } else {
        c->write.at = written_place(w, c->write.at);
        c->first_layer = first_block(w, &c->write.at);
        c->start = c->write.position[0];
        c->is_same = is_unread(w, c) || (w->is_plan ? is_same_text(w, c) : is_there(w, c));
    }
    if (!w->is_sparing)
        c->first_layer = 0;
}
