#include "job/survey.h"

#include "base/bytes.h"
#include "base/escape.h"
#include "base/mem.h"
#include "job/acts.h"
#include "method/direction.h"
#include "stream/record.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int count_acts(struct mi_survey *s, struct mi_reader *in, const struct mi_acts_options *o,
                      struct mi_error *err)
{
    struct mi_acts acts = {0};
    struct mi_acts_rows rows = {0};
    int r = mi_acts_open_reader(&acts, in, o, err);

    if (r < 0)
        return r;
    while ((r = mi_acts_next(&acts, &rows, err)) > 0) {
        s->n_acts++;
        s->n_rows += rows.n;
        s->n_numbers += rows.n * rows.width;
    }
    for (size_t i = 0; i < acts.n_prompts; i++)
        s->n_prompts += acts.prompt[i].group >= 0;
    s->n_groups += acts.groups.n;
    s->n_places += (int64_t)acts.n_places;
    mi_acts_close(&acts);
    return r;
}

static void count_kind(struct mi_survey *s, const char *kind)
{
    int64_t k = mi_intern_add(&s->kinds, kind, strlen(kind));
    size_t old = s->cap;

    s->count = mi_grow(s->count, &s->cap, (size_t)k + 1, sizeof *s->count);
    memset(s->count + old, 0, (s->cap - old) * sizeof *s->count);
    s->count[k]++;
}

static int count_dir(struct mi_survey *s, const struct mi_value *body, const struct mi_places *at,
                     struct mi_error *err)
{
    struct mi_dir_record rec;
    bool is_there = at->n == 0;
    int method, r = mi_dir_read(body, &rec, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < at->n; i++)
        is_there = is_there ||
                   (at->item[i].site == rec.place.site && at->item[i].layer == rec.place.layer &&
                    at->item[i].head == rec.place.head);
    method = mi_method_find(rec.method, NULL);
    s->n_dirs += is_there;
    s->n_controls += is_there && method >= 0 && mi_method_info((enum mi_method)method)->is_control;
    return 0;
}

static int count_records(struct mi_survey *s, struct mi_reader *in, const char *at,
                         struct mi_error *err)
{
    const struct mi_value *model = mi_get(mi_reader_header(in), "model");
    struct mi_dims dims = {.n_layers = (int)mi_get_int(model, "n_layers", 0),
                           .n_heads = (int)mi_get_int(model, "n_heads", 0),
                           .n_kv_heads = (int)mi_get_int(model, "n_kv_heads", 0)};
    struct mi_places places = {0};
    struct mi_record rec;
    int r = at ? mi_places_parse(&places, at, dims.n_layers ? &dims : NULL, err) : 0;

    while (r == 0 && (r = mi_reader_next(in, &rec, err)) > 0) {
        r = 0;
        if (strcmp(rec.kind, "prompt") == 0)
            s->n_prompts++;
        else if (strcmp(rec.kind, "dir") == 0)
            r = count_dir(s, rec.body, &places, err);
        else
            count_kind(s, rec.kind);
        if (r < 0)
            mi_reader_blame(in, err);
    }
    mi_places_free(&places);
    return r;
}

int mi_survey_stream(struct mi_survey *s, const char *path, const struct mi_acts_options *o,
                     struct mi_error *err)
{
    const struct mi_acts_options all = {.any_side = true};
    struct mi_reader in = {0};
    int r = o ? mi_acts_check_options(o, err) : 0;

    if (r == 0)
        r = mi_reader_open(&in, path, err);
    if (r < 0)
        return r;
    s->n_streams++;
    if (strcmp(mi_get_str(mi_reader_header(&in), "content", ""), "act") == 0)
        r = count_acts(s, &in, o ? o : &all, err);
    else
        r = count_records(s, &in, o ? o->at : NULL, err);
    mi_reader_close(&in);
    return r;
}

int mi_survey_streams(struct mi_survey *s, const struct mi_names *paths,
                      const struct mi_acts_options *o, struct mi_error *err)
{
    int r = 0;

    for (int i = 0; i < paths->n && r == 0; i++)
        r = mi_survey_stream(s, paths->item[i], o, err);
    return r;
}

void mi_survey_line(struct mi_buf *b, const char *name, const char *fmt, ...)
{
    char text[160];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    mi_buf_addf(b, "%-12s %s\n", name, text);
}

void mi_survey_print(struct mi_buf *b, const struct mi_survey *s)
{
    char bytes[24];

    mi_survey_line(b, "streams", "%d", s->n_streams);
    if (s->n_prompts)
        mi_survey_line(b, "prompts", "%lld", (long long)s->n_prompts);
    if (s->n_acts) {
        mi_survey_line(b, "groups", "%lld", (long long)s->n_groups);
        mi_survey_line(b, "places", "%lld", (long long)s->n_places);
        mi_survey_line(b, "rows", "%lld, %s", (long long)s->n_rows,
                       mi_bytes_text((double)s->n_numbers * 4, bytes));
    }
    if (s->n_dirs)
        mi_survey_line(b, "directions", "%lld, %lld of them controls", (long long)s->n_dirs,
                       (long long)s->n_controls);
    for (int64_t k = 0; k < s->kinds.n; k++)
        mi_survey_line(b, "records", "%lld %s", (long long)s->count[k], mi_quote(s->kinds.name[k]));
}

void mi_survey_free(struct mi_survey *s)
{
    mi_intern_free(&s->kinds);
    mi_free(s->count);
    *s = (struct mi_survey){0};
}
