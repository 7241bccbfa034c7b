#include "job/editor.h"

#include "base/escape.h"
#include "base/mem.h"
#include "job/editor_state.h"
#include "stream/header.h"

#include <string.h>

enum { PLAN_MAX = 16 << 20 };

int64_t mi_place_order(enum mi_site site, int layer)
{
    if (mi_site_info(site)->is_global)
        return site == MI_SITE_EMBED ? -1 : (int64_t)1 << 40 | site;
    return (int64_t)layer * MI_SITES + site;
}

/* ---- the list ------------------------------------------------------------------ */

static int read_plan(struct mi_editor_state *st, const char *path, const struct mi_dims *dims,
                     struct mi_error *err)
{
    struct mi_buf b = {0};
    int r = mi_file_read(path, PLAN_MAX, &b, err);

    if (r == 0)
        r = mi_edits_parse_plan(&st->edits, mi_buf_text(&b), b.len, mi_quote(path), dims, err);
    mi_buf_free(&b);
    return r;
}

static bool was_edited(const struct mi_value *run_header)
{
    const struct mi_value *list = mi_get(mi_get(run_header, "edits"), "edits");

    return (mi_is(list, MI_ARRAY) && list->as.array.n > 0) ||
           mi_is(mi_get(run_header, "cache_from"), MI_MAP) ||
           mi_is(mi_get(run_header, "variants"), MI_MAP);
}

/* The edits of a run's header, as lines that name digests. */
static int replay_lines(struct mi_editor_state *st, const struct mi_value *run_header,
                        const struct mi_dims *dims, struct mi_error *err)
{
    const struct mi_value *list = mi_get(mi_get(run_header, "edits"), "edits");

    for (size_t i = 0; mi_is(list, MI_ARRAY) && i < list->as.array.n; i++) {
        const struct mi_value *line = &list->as.array.item[i];
        char *text;
        int r;

        if (line->kind != MI_STR)
            return mi_fail(err, MI_EXIT_DATA, "the run's header: an edit that is no text");
        text = mi_strndup(line->as.bytes.at, line->as.bytes.len);
        r = mi_edits_parse(&st->edits, text, dims, err);
        mi_free(text);
        if (r < 0) {
            err->code = MI_EXIT_DATA;
            return mi_fail_in(err, "the run's header");
        }
    }
    st->n_replayed = st->edits.n;
    return 0;
}

static int parse_all(struct mi_editor_state *st, const struct mi_dims *dims,
                     const char *const *lines, int n_lines, const char *const *plans, int n_plans,
                     const struct mi_value *run_header, struct mi_error *err)
{
    bool is_said = false;
    int r = 0;

    for (int i = 0; r == 0 && i < n_lines; i++) {
        if (strcmp(lines[i], "@run") == 0) {
            if (!run_header)
                r = mi_fail(err, MI_EXIT_USAGE, "--edit @run: the input is no run stream");
            else if (i > 0)
                r = mi_fail(err, MI_EXIT_USAGE, "--edit @run comes before other edits");
            else if (mi_is(mi_get(run_header, "cache_from"), MI_MAP))
                r = mi_fail(err, MI_EXIT_DATA,
                            "--edit @run: the run used keys and values of another "
                            "(--cache-from), which edits alone do not repeat");
            else if (mi_is(mi_get(run_header, "variants"), MI_MAP))
                r = mi_fail(err, MI_EXIT_DATA,
                            "--edit @run: the run had variants, each with edits of its own "
                            "(--variant); one list of edits does not repeat them");
            else
                r = replay_lines(st, run_header, dims, err);
            is_said = true;
        } else if (strcmp(lines[i], "none") == 0) {
            is_said = true;
        } else {
            r = mi_edits_parse(&st->edits, lines[i], dims, err);
            if (r < 0)
                r = mi_fail_in(err, "--edit '%s'", mi_quote(lines[i]));
        }
    }
    if (r == 0 && !is_said && was_edited(run_header))
        r = mi_fail(err, MI_EXIT_DATA, "the stream was made with edits: say %s--edit none",
                    mi_is(mi_get(run_header, "variants"), MI_MAP)
                        ? ""
                        : "--edit @run to apply them here too, or ");
    for (int i = 0; r == 0 && i < n_plans; i++)
        r = read_plan(st, plans[i], dims, err);
    return r;
}

/* ---- files --------------------------------------------------------------------- */

/* The sites whose activations any patch from this file wants. */
static void wanted_of(const struct mi_editor_state *st, const char *source, struct mi_places *out)
{
    for (size_t i = st->n_replayed; i < st->edits.n; i++) {
        const struct mi_edit *e = &st->edits.item[i];

        if ((e->op != MI_EDIT_PATCH && e->op != MI_EDIT_SWAP) || strcmp(e->source, source) != 0)
            continue;
        for (size_t j = 0; j < e->places.n; j++)
            mi_places_add(out, e->places.item[j]);
    }
}

static int load(struct mi_editor_state *st, const char *source, const struct mi_value *header,
                bool other_model, struct mi_error *err)
{
    struct mi_material *m = &st->file[st->n_files];
    struct mi_places wanted = {0};
    int r;

    wanted_of(st, source, &wanted);
    r = mi_material_read(m, source, &wanted, err);
    mi_places_free(&wanted);
    if (r < 0)
        return r;
    st->n_files++;
    if (mi_header_same_model(&m->header, header, other_model, err) < 0)
        return mi_fail_in(err, "'%s'", mi_quote(source));
    if (m->n_stats && mi_is(mi_get(&m->header, "shard"), MI_MAP))
        return mi_fail(err, MI_EXIT_DATA, "'%s' is one shard of the statistics; merge them first",
                       mi_quote(source));
    return 0;
}

static int replay(struct mi_editor_state *st, const char *digest, const struct mi_value *run_header,
                  struct mi_error *err)
{
    const struct mi_value *tensors = mi_get(mi_get(run_header, "edits"), "tensors");
    const struct mi_value *records = mi_get(tensors, digest);
    int r;

    if (!mi_is(records, MI_ARRAY))
        return mi_fail(err, MI_EXIT_DATA, "the run's header lacks the material %s",
                       mi_quote(digest));
    r = mi_material_replay(&st->file[st->n_files], digest, records, err);
    st->n_files += r == 0;
    return r;
}

/* The file of edit i: read already, or now. Pointers into st->file stay: it has room for all. */
static int file_of(struct mi_editor_state *st, size_t i, const char *source,
                   const struct mi_value *header, const struct mi_value *run_header,
                   bool other_model, struct mi_material **out, struct mi_error *err)
{
    bool is_replayed = i < st->n_replayed;
    int r;

    for (size_t f = 0; f < st->n_files; f++)
        if (strcmp(st->file[f].name, source) == 0 &&
            (st->file[f].header.kind == MI_NIL) == is_replayed) {
            *out = &st->file[f];
            return 0;
        }
    r = is_replayed ? replay(st, source, run_header, err)
                    : load(st, source, header, other_model, err);
    *out = r < 0 ? NULL : &st->file[st->n_files - 1];
    return r;
}

/* ---- making ready -------------------------------------------------------------- */

static int make_ready(struct mi_editor_state *st, size_t i, const struct mi_dims *dims,
                      const struct mi_value *header, const struct mi_value *run_header,
                      bool other_model, struct mi_error *err)
{
    const struct mi_edit *e = &st->edits.item[i];
    struct mi_ready *ready = &st->ready[i];
    int r = 0;

    ready->edit = e;
    ready->seed = (uint64_t)st->seeds[i];
    ready->ordinal = (int)i;
    if (mi_pos_needs_end(&e->pos))
        return mi_fail(err, MI_EXIT_USAGE,
                       "positions counted from the end of what is generated ('%s') are not known "
                       "while it is made",
                       e->pos.text);
    if (e->directions)
        r = file_of(st, i, e->directions, header, run_header, other_model, &ready->directions, err);
    if (r == 0 && e->source)
        r = file_of(st, i, e->source, header, run_header, other_model, &ready->source, err);
    if (r == 0 && e->when.source)
        r = file_of(st, i, e->when.source, header, run_header, other_model, &ready->when_source,
                    err);
    if (r == 0 && e->when.source)
        r = mi_ready_condition(ready, dims, err);
    ready->at = mi_alloc_zero(e->places.n, sizeof *ready->at);
    for (size_t p = 0; r == 0 && p < e->places.n; p++) {
        ready->at[p].place = e->places.item[p];
        r = mi_ready_place(ready, &ready->at[p], dims, err);
    }
    return r;
}

/* Seeds of replayed edits are the run's, those of others ours. */
static void set_seeds(struct mi_editor_state *st, const struct mi_value *run_header, int64_t seed)
{
    const struct mi_value *seeds = mi_get(mi_get(run_header, "edits"), "seeds");

    st->seeds = mi_alloc_n(st->edits.n, sizeof *st->seeds);
    for (size_t i = 0; i < st->edits.n; i++) {
        st->seeds[i] = seed;
        if (i < st->n_replayed && mi_is(seeds, MI_ARRAY) && i < seeds->as.array.n &&
            seeds->as.array.item[i].kind == MI_INT)
            st->seeds[i] = seeds->as.array.item[i].as.integer;
    }
}

static int open_state(struct mi_editor_state *st, struct mi_session *s,
                      const struct mi_value *run_header, bool other_model, int64_t seed,
                      struct mi_error *err)
{
    const struct mi_dims *dims = &s->model.config.dims;
    struct mi_arena a = {0};
    struct mi_value header = mi_header_new(&a, "act");
    int r = mi_session_header(s, &a, &header, err);

    st->layers = s->model.config.layer;
    st->ready = mi_alloc_zero(st->edits.n, sizeof *st->ready);
    st->file = mi_alloc_zero(3 * st->edits.n, sizeof *st->file);
    set_seeds(st, run_header, seed);
    for (size_t i = 0; r == 0 && i < st->edits.n; i++) {
        r = make_ready(st, i, dims, &header, run_header, other_model, err);
        if (r < 0)
            r = mi_fail_in(err, "edit %zu", i + 1);
    }
    mi_arena_free(&a);
    return r;
}

int mi_editor_open(struct mi_editor *e, struct mi_session *s, const char *const *lines, int n_lines,
                   const char *const *plans, int n_plans, const struct mi_value *run_header,
                   bool other_model, int64_t seed, struct mi_error *err)
{
    struct mi_editor_state *st = mi_alloc_zero(1, sizeof *st);
    int r;

    e->state = st;
    r = parse_all(st, &s->model.config.dims, lines, n_lines, plans, n_plans, run_header, err);
    if (r == 0 && st->edits.n)
        r = open_state(st, s, run_header, other_model, seed, err);
    if (r < 0)
        mi_editor_close(e);
    return r;
}

/* ---- about them ---------------------------------------------------------------- */

bool mi_editor_is_empty(const struct mi_editor *e)
{
    return !e->state || e->state->edits.n == 0;
}

bool mi_editor_has_twins(const struct mi_editor *e)
{
    for (size_t i = 0; e->state && i < e->state->edits.n; i++)
        if (e->state->edits.item[i].op == MI_EDIT_FREEZE)
            return true;
    return false;
}

bool mi_editor_wants(const struct mi_editor *e, enum mi_site site, int layer)
{
    for (size_t i = 0; e->state && i < e->state->edits.n; i++) {
        const struct mi_edit *edit = &e->state->edits.item[i];

        if (edit->when.source && edit->when.at.site == site && edit->when.at.layer == layer)
            return true;
        for (size_t p = 0; p < edit->places.n; p++)
            if (edit->places.item[p].site == site && edit->places.item[p].layer == layer)
                return true;
    }
    return false;
}

int mi_editor_last_layer(const struct mi_editor *e)
{
    int last = -1;

    for (size_t i = 0; e->state && i < e->state->edits.n; i++)
        for (size_t p = 0; p < e->state->edits.item[i].places.n; p++) {
            const struct mi_place *at = &e->state->edits.item[i].places.item[p];
            int layer =
                mi_place_order(at->site, at->layer) >= (int64_t)1 << 40 ? INT32_MAX : at->layer;
            if (layer > last)
                last = layer;
        }
    return last;
}

/* Which records of a file the edits use; activations all. */
static bool is_used(const struct mi_editor_state *st, const struct mi_material *m,
                    const struct mi_value *kind, const struct mi_value *body)
{
    struct mi_error ignored = {0};
    struct mi_place have;

    if (strcmp(kind->as.bytes.at, "dir") != 0 && strcmp(kind->as.bytes.at, "stat") != 0)
        return true;
    if (m->n_dirs == 1 || mi_place_get(body, &have, &ignored) < 0)
        return true;
    for (size_t i = 0; i < st->edits.n; i++) {
        const struct mi_ready *r = &st->ready[i];

        if (r->when_source == m && r->edit->when.at.layer == have.layer)
            return true;
        for (size_t p = 0; (r->source == m || r->directions == m) && p < r->edit->places.n; p++)
            if (r->edit->places.item[p].layer == have.layer)
                return true;
    }
    return false;
}

static struct mi_value used_records(const struct mi_editor_state *st, const struct mi_material *m,
                                    struct mi_arena *a)
{
    struct mi_value list = mi_array();

    for (size_t i = 0; i < m->records.as.array.n; i++) {
        const struct mi_value *pair = &m->records.as.array.item[i];

        if (is_used(st, m, &pair->as.array.item[0], &pair->as.array.item[1]))
            mi_push(a, &list, *pair);
    }
    return list;
}

struct mi_value mi_editor_header(const struct mi_editor *e, struct mi_arena *a)
{
    const struct mi_editor_state *st = e->state;
    struct mi_value map = mi_map(), lines = mi_array(), seeds = mi_array(), tensors = mi_map();

    if (mi_editor_is_empty(e))
        return mi_nil();
    for (size_t i = 0; i < st->edits.n; i++) {
        const struct mi_ready *r = &st->ready[i];
        struct mi_buf b = {0};

        mi_edit_print(&b, r->edit, r->directions ? r->directions->digest : NULL,
                      r->source ? r->source->digest : NULL,
                      r->when_source ? r->when_source->digest : NULL);
        mi_push(a, &lines, mi_str(mi_arena_dup(a, b.data, b.len)));
        mi_push(a, &seeds, mi_int(st->seeds[i]));
        mi_buf_free(&b);
    }
    for (size_t i = 0; i < st->n_files; i++)
        mi_set_dup(a, &tensors, st->file[i].digest, used_records(st, &st->file[i], a));
    mi_set(a, &map, "edits", lines);
    mi_set(a, &map, "seeds", seeds);
    mi_set(a, &map, "tensors", tensors);
    return map;
}

void mi_editor_describe(const struct mi_editor *e, struct mi_arena *a, struct mi_value *header)
{
    struct mi_value map = mi_editor_header(e, a);

    if (map.kind == MI_NIL)
        return;
    mi_header_step_edits(a, header, *mi_get(&map, "edits"));
    mi_set(a, header, "edits", map);
}

void mi_editor_describe_cache(const struct mi_editor *e, struct mi_arena *a,
                              struct mi_value *header)
{
    const struct mi_value *steps = mi_get(header, "provenance");
    struct mi_value map = mi_editor_header(e, a), options;
    const struct mi_value *lines = mi_get(&map, "edits");
    struct mi_value *step = &steps->as.array.item[steps->as.array.n - 1];
    struct mi_buf b = {0};

    for (size_t i = 0; lines && i < lines->as.array.n; i++)
        mi_buf_addf(&b, "%s%s", i ? "\n" : "", lines->as.array.item[i].as.bytes.at);
    options = *mi_get(step, "options");
    mi_set(a, &options, "cache-from", mi_str(lines ? mi_arena_dup(a, b.data, b.len) : "none"));
    mi_set(a, step, "options", options);
    mi_set(a, header, "cache_from", lines ? map : mi_map());
    mi_buf_free(&b);
}

int64_t mi_editor_bytes(const struct mi_editor *e)
{
    const struct mi_editor_state *st = e->state;
    int64_t total = 0;

    for (size_t f = 0; st && f < st->n_files; f++) {
        const struct mi_material *m = &st->file[f];

        for (size_t i = 0; i < m->n_acts; i++)
            total += (int64_t)mi_tensor_bytes(&m->act[i].x) + 8 * m->act[i].n_positions + 128;
        for (size_t i = 0; i < m->n_dirs; i++)
            total += (int64_t)mi_tensor_bytes(&m->dir[i].v) + 512;
        for (size_t i = 0; i < m->n_stats; i++)
            if (mi_is(mi_get(m->stat[i], "mean"), MI_TENSOR))
                total += (int64_t)mi_tensor_bytes(&mi_get(m->stat[i], "mean")->as.tensor) + 512;
    }
    return total;
}

struct mi_value mi_editor_inputs(const struct mi_editor *e, struct mi_arena *a)
{
    struct mi_value list = mi_array();

    for (size_t i = 0; e->state && i < e->state->n_files; i++) {
        const struct mi_material *m = &e->state->file[i];
        struct mi_value one = mi_map();

        for (size_t j = 0; j < m->inputs.as.array.n; j++)
            mi_push(a, &list, mi_value_copy(a, &m->inputs.as.array.item[j]));
        mi_set(a, &one, "name", mi_str("edit"));
        mi_set(a, &one, "digest", mi_str_dup(a, m->digest));
        mi_push(a, &list, one);
    }
    return list;
}

static void free_ready(struct mi_ready *r)
{
    for (size_t p = 0; r->at && p < r->edit->places.n; p++) {
        mi_subspace_free(&r->at[p].space);
        mi_free(r->at[p].mean);
    }
    for (size_t i = 0; i < r->cap_slots; i++) {
        mi_free(r->slot[i].is_in);
        mi_free(r->slot[i].from);
    }
    for (size_t i = 0; i < r->cap_flags; i++)
        mi_free(r->flags[i].at);
    mi_free(r->at);
    mi_subspace_free(&r->when_space);
    mi_free(r->slot);
    mi_free(r->flags);
}

void mi_editor_close(struct mi_editor *e)
{
    struct mi_editor_state *st = e->state;

    if (!st)
        return;
    for (size_t i = 0; st->ready && i < st->edits.n; i++)
        free_ready(&st->ready[i]);
    for (size_t i = 0; i < st->n_files; i++)
        mi_material_free(&st->file[i]);
    mi_free(st->ready);
    mi_free(st->file);
    mi_free(st->seeds);
    mi_free(st->tmp);
    mi_free(st->kept);
    mi_edits_free(&st->edits);
    mi_free(st);
    e->state = NULL;
}
