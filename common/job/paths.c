/* job/paths.c: path patching; see sweep.h. */
#include "base/mem.h"
#include "job/editor_state.h"
#include "job/sweep_state.h"

/* What writes to the residual stream from a block: frozen on the way. */
static const enum mi_site frozen[] = {MI_SITE_Z, MI_SITE_MLP_OUT};
enum { N_FROZEN = 2 };

/* What a sender may be: something that the stream takes up. */
static bool is_sender(enum mi_site site)
{
    return site == MI_SITE_Z || site == MI_SITE_ATTN_OUT || site == MI_SITE_MLP_OUT ||
           site == MI_SITE_EMBED;
}

static int64_t order_of(const struct mi_place *p)
{
    return mi_place_order(p->site, p->layer);
}

int mi_paths_check(const struct mi_sweep_options *o, struct mi_error *err)
{
    char text[48];
    int64_t last = -2;

    for (size_t i = 0; i < o->places.n; i++)
        if (!is_sender(o->places.item[i].site))
            return mi_fail(err, MI_EXIT_USAGE,
                           "--paths: %s sends nothing; senders are z, attn_out, mlp_out and embed",
                           mi_place_text(&o->places.item[i], text));
    for (size_t i = 0; i < o->receivers.n; i++) {
        const struct mi_place *p = &o->receivers.item[i];

        if (p->site > MI_SITE_RESID_POST || mi_site_info(p->site)->shape == MI_SHAPE_KEYS)
            return mi_fail(err, MI_EXIT_USAGE,
                           "--paths: %s cannot receive; q, k, v, ln2_normalized, resid_post and "
                           "other sites of one position can",
                           mi_place_text(p, text));
        last = order_of(p) > last ? order_of(p) : last;
    }
    for (size_t i = 0; i < o->places.n; i++)
        if (order_of(&o->places.item[i]) < last)
            return 0;
    return mi_fail(err, MI_EXIT_USAGE, "--paths: no receiver comes after a sender");
}

static void add_site(struct mi_places *list, enum mi_site site, int layer)
{
    mi_places_add(list, (struct mi_place){site, layer, -1});
}

void mi_paths_sites(const struct mi_sweep_options *o, const struct mi_dims *dims,
                    struct mi_places *base, struct mi_places *source)
{
    for (size_t i = 0; i < o->places.n; i++)
        add_site(source, o->places.item[i].site, o->places.item[i].layer);
    for (int l = 0; l < dims->n_layers; l++)
        for (int k = 0; k < N_FROZEN; k++)
            add_site(base, frozen[k], l);
    for (size_t i = 0; i < o->receivers.n; i++)
        add_site(base, o->receivers.item[i].site, o->receivers.item[i].layer);
}

/* One sender: its own write, and what holds the rest still. */
struct sending {
    struct mi_write *write; /* [n] the sender first */
    int n;
    struct mi_trace kept; /* what the receivers have in step 1 */
};

/* Every head and MLP output after the sender is as in the base run, from its first position on. */
static void freeze(const struct mi_sweep_state *w, const struct mi_sweep_case *c, struct sending *s,
                   const int64_t *every)
{
    const struct mi_place *sender = &s->write[0].at;
    int64_t first = s->write[0].position[0], n, ld;

    for (int l = 0; l < w->dims->n_layers; l++)
        for (int k = 0; k < N_FROZEN; k++) {
            struct mi_place p = {frozen[k], l, -1};

            if (order_of(&p) <= order_of(sender))
                continue;
            s->write[s->n++] = (struct mi_write){
                .at = p,
                .position = every + first,
                .n = c->base.subject.n_prompt - first,
                .x = mi_trace_at(&c->base.trace, &p, w->dims, first, &n, &ld),
                .ld = ld,
            };
        }
}

/* Step 1. */
static int send(struct mi_sweep_state *w, struct mi_sweep_case *c, size_t sender, struct sending *s,
                const struct mi_places *receivers, const int64_t *every, struct mi_error *err)
{
    const struct mi_subject *subject = &c->base.subject;
    struct mi_track t = {.subject = subject, .trace = &s->kept};
    int r;

    s->write = mi_alloc_n((size_t)(1 + N_FROZEN * w->dims->n_layers), sizeof *s->write);
    s->n = 1;
    r = mi_sweep_write(w, c, &w->o->places.item[sender], sender, -1, &s->write[0], err);
    w->totals->n_runs++;
    w->totals->n_rows += subject->n - c->align.base[0];
    w->totals->n_blocks += (double)(subject->n - c->align.base[0]) * w->dims->n_layers;
    if (r < 0 || w->is_plan)
        return r;
    freeze(w, c, s, every);
    mi_trace_init(&s->kept, receivers, w->dims, subject);
    t.write = s->write;
    t.n_writes = s->n;
    t.start = c->align.base[0];
    t.past = t.start > 0 ? &c->cache : NULL;
    return mi_tracks_run(&w->tracks, &t, 1, err);
}

/* Step 2 for all receivers after the sender. */
static int receive(struct mi_sweep_state *w, struct mi_sweep_case *c, size_t sender,
                   const struct sending *s, const int64_t *every, struct mi_error *err)
{
    const struct mi_places *receivers = &w->o->receivers;
    const struct mi_place *from = &w->o->places.item[sender];
    int64_t first = c->align.base[0], n, ld;
    struct mi_sweep_change *change = mi_alloc_n(receivers->n, sizeof *change);
    char(*name)[48] = mi_alloc_n(receivers->n, sizeof *name);
    size_t count = 0;
    int r;

    for (size_t i = 0; i < receivers->n; i++) {
        const struct mi_place *to = &receivers->item[i];
        struct mi_write *write = &change[count].write;

        if (order_of(to) <= order_of(from))
            continue;
        change[count] = (struct mi_sweep_change){
            .of = c,
            .write = {.at = *to, .position = every + first, .n = c->base.subject.n_prompt - first},
            .subject = {.place = from, .position = -1, .to = mi_place_text(to, name[count])},
        };
        if (!w->is_plan) {
            write->x = mi_trace_at(&s->kept, to, w->dims, first, &n, &ld);
            write->ld = ld;
        }
        mi_sweep_place(w, &change[count++]);
    }
    r = mi_sweep_run(w, change, count, err);
    mi_free(change);
    mi_free(name);
    return r;
}

int mi_sweep_paths(struct mi_sweep_state *w, struct mi_sweep_case *c, struct mi_error *err)
{
    struct mi_places sites = {0};
    int64_t n = c->base.subject.n_prompt, *every = mi_alloc_n((size_t)n, sizeof *every);
    int r = 0;

    for (int64_t t = 0; t < n; t++)
        every[t] = t;
    for (size_t i = 0; i < w->o->receivers.n; i++)
        add_site(&sites, w->o->receivers.item[i].site, w->o->receivers.item[i].layer);
    for (size_t i = 0; i < w->o->places.n && r == 0; i++) {
        struct sending s = {0};

        r = send(w, c, i, &s, &sites, every, err);
        if (r == 0)
            r = receive(w, c, i, &s, every, err);
        mi_trace_free(&s.kept);
        mi_free(s.write);
        mi_arena_reset(&w->arena);
    }
    mi_places_free(&sites);
    mi_free(every);
    return r;
}
