#include "job/acts.h"

#include "base/escape.h"
#include "base/hash.h"
#include "base/mem.h"
#include "job/label.h"
#include "stream/record.h"

#include <string.h>

/* ---- opening ----------------------------------------------------------------- */

static struct mi_dims read_dims(const struct mi_value *model)
{
    return (struct mi_dims){
        .n_layers = (int)mi_get_int(model, "n_layers", 0),
        .n_heads = (int)mi_get_int(model, "n_heads", 0),
        .n_kv_heads = (int)mi_get_int(model, "n_kv_heads", 0),
        .d_model = (int)mi_get_int(model, "d_model", 0),
        .d_head = (int)mi_get_int(model, "d_head", 0),
        .d_mlp = (int)mi_get_int(model, "d_mlp", 0),
        .d_vocab = (int)mi_get_int(model, "d_vocab", 0),
        .n_ctx = (int)mi_get_int(model, "n_ctx", 0),
    };
}

/* A part of a run would give the statistics of that part under the name of the whole. */
static int check_header(struct mi_acts *a, struct mi_error *err)
{
    const struct mi_value *header = mi_reader_header(&a->reader);
    const struct mi_value *shard = mi_get(header, "shard");
    const char *content = mi_get_str(header, "content", "");

    if (strcmp(content, "act") != 0) {
        mi_fail(err, MI_EXIT_DATA, "holds '%s' records, not activations (see mi-capture)",
                mi_quote(content));
        return mi_reader_blame(&a->reader, err);
    }
    if (mi_is(shard, MI_MAP) && mi_get_int(shard, "of", 1) > 1) {
        mi_fail(err, MI_EXIT_DATA,
                "is part %lld of %lld of a run: put the parts together first "
                "(mi-view merge)",
                (long long)mi_get_int(shard, "index", 0) + 1,
                (long long)mi_get_int(shard, "of", 1));
        return mi_reader_blame(&a->reader, err);
    }
    return 0;
}

int mi_acts_check_options(const struct mi_acts_options *o, struct mi_error *err)
{
    struct mi_places places = {0};
    char *name[2] = {NULL, NULL};
    int r = 0;

    if (o->sides)
        r = mi_sides_parse(name, o->sides, err);
    if (r == 0 && o->at && !strchr(o->at, '*')) /* what * stands for the header says */
        r = mi_places_parse(&places, o->at, NULL, err);
    mi_free(name[0]);
    mi_free(name[1]);
    mi_places_free(&places);
    return r;
}

int mi_acts_open_reader(struct mi_acts *a, struct mi_reader *in, const struct mi_acts_options *o,
                        struct mi_error *err)
{
    int r;

    *a = (struct mi_acts){.options = *o, .reader = *in};
    *in = (struct mi_reader){0};
    mi_reader_ahead(&a->reader);
    r = check_header(a, err);
    if (r == 0 && o->sides)
        r = mi_sides_parse(a->side_name, o->sides, err);
    if (r == 0) {
        a->dims = read_dims(mi_get(mi_reader_header(&a->reader), "model"));
        if (o->at)
            r = mi_places_parse(&a->wanted, o->at, a->dims.n_layers ? &a->dims : NULL, err);
    }
    if (r < 0)
        mi_acts_close(a);
    return r;
}

int mi_acts_open(struct mi_acts *a, const char *path, const struct mi_acts_options *o,
                 struct mi_error *err)
{
    struct mi_reader in = {0};
    int r = mi_acts_check_options(o, err);

    *a = (struct mi_acts){0};
    if (r == 0)
        r = mi_reader_open(&in, path, err);
    return r < 0 ? r : mi_acts_open_reader(a, &in, o, err);
}

void mi_acts_close(struct mi_acts *a)
{
    for (size_t i = 0; i < a->n_places; i++)
        mi_free(a->place[i].range);
    mi_free(a->place);
    mi_free(a->prompt);
    mi_free(a->side_name[0]);
    mi_free(a->side_name[1]);
    mi_free(a->x);
    mi_intern_free(&a->groups);
    mi_intern_free(&a->pairs);
    mi_intern_free(&a->domains);
    mi_intern_free(&a->ids);
    mi_places_free(&a->wanted);
    mi_arena_free(&a->arena);
    mi_reader_close(&a->reader);
    *a = (struct mi_acts){0};
}

const char *mi_acts_position(const struct mi_acts *a)
{
    const struct mi_value *steps = mi_get(mi_reader_header(&a->reader), "provenance");

    for (size_t i = mi_is(steps, MI_ARRAY) ? steps->as.array.n : 0; i-- > 0;) {
        const struct mi_value *step = &steps->as.array.item[i];

        if (strcmp(mi_get_str(step, "tool", ""), "mi-capture") == 0)
            return mi_get_str(mi_get(step, "options"), "pos", "last"); /* its default */
    }
    return NULL;
}

/* ---- prompts ------------------------------------------------------------------ */

/* A group's name may hold any bytes; the split is keyed by its text up to a NUL. */
static bool is_in_part(const struct mi_acts_options *o, const char *group)
{
    bool in_train = o->part == MI_PART_ALL || mi_in_train(o->seed, group, o->share);

    return o->part == MI_PART_TEST ? !in_train : in_train;
}

static int set_pair(struct mi_acts *a, struct mi_acts_prompt *p, const struct mi_value *fields,
                    struct mi_error *err)
{
    struct mi_buf b = {0};
    bool has = mi_field_text(&b, fields, "pair");
    int r = 0;

    if (a->n_prompts > 0 && has != a->is_paired && !a->options.any_side)
        r = mi_fail(err, MI_EXIT_DATA, "has %s field 'pair', other prompts have %s",
                    has ? "a" : "no", has ? "none" : "one");
    a->is_paired = has;
    p->pair = has && r == 0 ? mi_intern_add(&a->pairs, b.data, b.len) : -1;
    mi_buf_free(&b);
    return r;
}

static int set_domain(struct mi_acts *a, struct mi_acts_prompt *p, const struct mi_value *fields,
                      struct mi_error *err)
{
    struct mi_buf b = {0};
    int r = 0;

    if (!a->options.domain_by)
        return 0;
    if (mi_field_text(&b, fields, a->options.domain_by))
        p->domain = (int32_t)mi_intern_add(&a->domains, b.data, b.len);
    else
        r = mi_fail(err, MI_EXIT_DATA, "there is no field '%s'", mi_quote(a->options.domain_by));
    mi_buf_free(&b);
    return r;
}

static int label_prompt(struct mi_acts *a, struct mi_acts_prompt *p, const struct mi_value *fields,
                        struct mi_error *err)
{
    struct mi_buf group = {0};
    int side = 0;
    int r = set_pair(a, p, fields, err);

    if (r == 0)
        r = set_domain(a, p, fields, err);
    if (r == 0)
        r = mi_group_text(&group, fields, a->options.group_by, p->id, err);
    p->group = -1;
    if (r == 0 && is_in_part(&a->options, group.data))
        p->group = (int32_t)mi_intern_add(&a->groups, group.data, group.len);
    mi_buf_free(&group);
    if (r < 0)
        return r;
    r = mi_side_of(&side, fields, a->side_name, err);
    p->side = (int8_t)(r < 0 ? 0 : side);
    return r < 0 && !a->options.any_side ? r : 0;
}

static int add_prompt(struct mi_acts *a, const struct mi_value *body, struct mi_error *err)
{
    struct mi_prompt_record rec;
    struct mi_acts_prompt p = {0};
    int64_t number;
    int r;

    mi_arena_reset(&a->arena);
    r = mi_prompt_read(&a->arena, body, &rec, err);
    if (r < 0)
        return r;
    number = mi_intern_add(&a->ids, rec.id, strlen(rec.id));
    p.id = a->ids.name[number];
    if (number < (int64_t)a->n_prompts)
        return mi_fail(err, MI_EXIT_DATA, "prompt '%s' comes twice", mi_quote(rec.id));
    r = label_prompt(a, &p, &rec.fields, err);
    if (r < 0) {
        mi_fail_in(err, "prompt '%s'", mi_quote(rec.id));
        return r;
    }
    a->prompt = mi_grow(a->prompt, &a->cap_prompts, a->n_prompts + 1, sizeof *a->prompt);
    a->prompt[a->n_prompts++] = p;
    if (p.group >= 0 && a->options.take_prompt)
        return a->options.take_prompt(a->options.prompt_ctx, body, err);
    return 0;
}

/* ---- rows --------------------------------------------------------------------- */

static bool is_wanted_place(const struct mi_acts *a, const struct mi_place *p)
{
    for (size_t i = 0; i < a->wanted.n; i++) {
        const struct mi_place *w = &a->wanted.item[i];

        if (w->site == p->site && w->layer == p->layer && w->head == p->head)
            return true;
    }
    return !a->options.at;
}

/* The place's number; records come in the same order for every prompt, so the search
 * begins behind the last one found. */
static size_t find_place(struct mi_acts *a, const struct mi_place *p, size_t from)
{
    for (size_t k = 0; k < a->n_places; k++) {
        size_t i = (from + k) % a->n_places;
        const struct mi_place *q = &a->place[i].place;

        if (q->site == p->site && q->layer == p->layer && q->head == p->head)
            return i;
    }
    a->place = mi_grow(a->place, &a->cap_places, a->n_places + 1, sizeof *a->place);
    a->place[a->n_places] = (struct mi_acts_place){.place = *p};
    return a->n_places++;
}

static int check_act(const struct mi_acts_place *place, const struct mi_act_record *rec,
                     int64_t width, struct mi_error *err)
{
    /* the reader lets pass what is masked */
    int64_t bad = rec->place.site == MI_SITE_ATTN_SCORES ? mi_tensor_nonfinite(&rec->x) : -1;
    char text[48];

    if (bad >= 0)
        return mi_fail(err, MI_EXIT_DATA, "prompt '%s', %s: element %lld is not finite",
                       mi_quote(rec->id), mi_place_text(&rec->place, text), (long long)bad);
    if (place->width && place->width != width)
        return mi_fail(err, MI_EXIT_DATA,
                       "prompt '%s', %s: rows of %lld numbers after rows of %lld: a place whose "
                       "width varies has no direction",
                       mi_quote(rec->id), mi_place_text(&rec->place, text), (long long)width,
                       (long long)place->width);
    return 0;
}

/* Rows of the record, pooled when asked: in place where they are floats, else in a->x. */
static int64_t fill_rows(struct mi_acts *a, const struct mi_act_record *rec, int64_t width,
                         const float **x)
{
    int64_t n = rec->n_positions;
    size_t count = (size_t)(n * width);

    if (rec->x.dtype == MI_F32 && (uintptr_t)rec->x.data % _Alignof(float) == 0 &&
        (a->options.pool != MI_POOL_MEAN || n <= 1)) {
        int64_t skip = a->options.pool == MI_POOL_LAST ? n - 1 : 0;

        *x = (const float *)rec->x.data + skip * width;
        return n - skip;
    }
    a->x = mi_grow(a->x, &a->cap_x, count, sizeof *a->x);
    mi_tensor_to_f32(a->x, &rec->x);
    *x = a->x;
    if (a->options.pool == MI_POOL_NONE || n <= 1)
        return n;
    if (a->options.pool == MI_POOL_LAST) {
        memmove(a->x, a->x + (n - 1) * width, (size_t)width * sizeof *a->x);
        return 1;
    }
    for (int64_t k = 0; k < width; k++) {
        double sum = 0;

        for (int64_t i = 0; i < n; i++)
            sum += (double)a->x[i * width + k];
        a->x[k] = (float)(sum / (double)n);
    }
    return 1;
}

static struct mi_acts_range *find_range(struct mi_acts *a, struct mi_acts_place *p, int64_t prompt)
{
    size_t old = p->cap;

    if ((size_t)prompt >= old) {
        p->range = mi_grow(p->range, &p->cap, a->n_prompts, sizeof *p->range);
        memset(p->range + old, 0, (p->cap - old) * sizeof *p->range);
    }
    return &p->range[prompt];
}

/* 1: rows were filled in; 0: the record is not wanted. */
static int add_act(struct mi_acts *a, const struct mi_value *body, struct mi_acts_rows *rows,
                   size_t last_place, struct mi_error *err)
{
    struct mi_act_record rec;
    struct mi_acts_place *place;
    struct mi_acts_range *range;
    int64_t prompt, width;
    int r;

    mi_arena_reset(&a->arena);
    if ((r = mi_act_read(&a->arena, body, &rec, err)) < 0)
        return r;
    prompt = mi_intern_find(&a->ids, rec.id, strlen(rec.id));
    if (prompt < 0)
        return mi_fail(err, MI_EXIT_DATA, "activations of prompt '%s' before the prompt itself",
                       mi_quote(rec.id));
    if (a->prompt[prompt].group < 0 || rec.n_positions == 0 || !is_wanted_place(a, &rec.place))
        return 0;
    width = mi_tensor_count(&rec.x) / rec.n_positions;
    rows->place = (int64_t)find_place(a, &rec.place, last_place); /* may move the table */
    place = &a->place[rows->place];
    if ((r = check_act(place, &rec, width, err)) < 0)
        return r;
    range = find_range(a, place, prompt);
    if (range->n > 0)
        return mi_fail(err, MI_EXIT_DATA, "prompt '%s' has two records of one place",
                       mi_quote(rec.id));
    place->width = rows->width = width;
    rows->prompt = prompt;
    rows->n = fill_rows(a, &rec, width, &rows->x);
    rows->first = place->n_rows;
    rows->positions = a->options.pool == MI_POOL_NONE ? rec.positions : NULL;
    *range = (struct mi_acts_range){rows->first, rows->n};
    place->n_rows += rows->n;
    return 1;
}

/* ---- the loop ----------------------------------------------------------------- */

int mi_acts_next(struct mi_acts *a, struct mi_acts_rows *rows, struct mi_error *err)
{
    struct mi_record rec;
    int64_t last_place = rows->place;
    int r;

    *rows = (struct mi_acts_rows){.place = last_place};
    while ((r = mi_reader_next(&a->reader, &rec, err)) > 0) {
        if (strcmp(rec.kind, "prompt") == 0)
            r = add_prompt(a, rec.body, err);
        else if (strcmp(rec.kind, "act") == 0)
            r = add_act(a, rec.body, rows, (size_t)last_place + 1, err);
        else
            r = 0; /* kinds of later versions */
        if (r < 0) {
            int code = err && err->code ? err->code : MI_EXIT_DATA;

            if (code != MI_EXIT_USAGE)
                mi_reader_blame(&a->reader, err);
            return -code;
        }
        if (r > 0)
            return 1;
    }
    if (r == 0 && (r = mi_acts_check(a, err)) < 0)
        mi_fail_in(err, "%s", mi_reader_name(&a->reader));
    return r;
}
