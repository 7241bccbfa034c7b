#include "job/directing.h"

#include "base/escape.h"
#include "base/file.h"
#include "job/compare.h"
#include "job/export.h"
#include "job/fit_stat.h"
#include "stream/header.h"

#include <string.h>

/* ---- fit --------------------------------------------------------------------------- */

/* Statistics know neither groups nor positions. */
static int fit_stats(struct mi_directing *d, struct mi_reader *in, struct mi_writer *out,
                     struct mi_error *err)
{
    int r;

    if (d->acts.part || d->acts.pool || d->acts.group_by)
        return mi_fail(err, MI_EXIT_USAGE,
                       "--part, --pool and --group-by need activations, not "
                       "statistics");
    if ((r = mi_step_begin(&d->step, out, mi_reader_header(in), NULL, "dir", err)) < 0 ||
        (r = mi_fit_stat(in, d->acts.sides, d->acts.at, &d->fit, out, &d->n_dirs, err)) < 0)
        return r;
    mi_origin_input(&d->step.origin, in);
    return 0;
}

static int fit_acts(struct mi_directing *d, struct mi_reader *in, struct mi_writer *out,
                    struct mi_error *err)
{
    struct mi_acts acts = {0};
    int r = mi_acts_open_reader(&acts, in, &d->acts, err);

    if (r == 0)
        r = mi_step_begin(&d->step, out, mi_reader_header(&acts.reader), NULL, "dir", err);
    if (r == 0)
        r = mi_fit(&acts, &d->fit, out, &d->n_dirs, err);
    if (r == 0)
        mi_origin_input(&d->step.origin, &acts.reader);
    d->n_prompts = acts.n_prompts;
    d->n_places = acts.n_places;
    d->n_groups = acts.groups.n;
    mi_acts_close(&acts);
    return r;
}

int mi_directing_fit(struct mi_directing *d, struct mi_error *err)
{
    struct mi_writer out = {0};
    struct mi_reader in = {0};
    int r = mi_writer_open(&out, d->step.output, err);

    if (r == 0)
        r = mi_acts_check_options(&d->acts, err);
    if (r == 0)
        r = mi_reader_open(&in, d->inputs.item[0], err);
    if (r == 0)
        r = strcmp(mi_get_str(mi_reader_header(&in), "content", ""), "stat") == 0
                ? fit_stats(d, &in, &out, err)
                : fit_acts(d, &in, &out, err);
    mi_reader_close(&in);
    return mi_step_finish(&d->step, &out, r, err);
}

/* ---- directions alone ---------------------------------------------------------------- */

static int read_dirs(struct mi_directing *d, struct mi_dirs *dirs, const struct mi_names *paths,
                     struct mi_error *err)
{
    return mi_dirs_read_all(dirs, paths->item, paths->n, d->acts.at, d->other_model,
                            &d->step.origin, err);
}

static bool is_selected(const struct mi_directing *d, const struct mi_dir *dir)
{
    bool is_named = d->methods.n == 0;

    for (int i = 0; i < d->methods.n; i++)
        is_named = is_named || strcmp(d->methods.item[i], dir->rec.method) == 0;
    return is_named &&
           (d->draw < 0 || !dir->control || mi_get_int(&dir->rec.extra, "draw", 0) == d->draw);
}

/* No direction fits: which methods there are. */
static int say_methods(const struct mi_directing *d, const struct mi_dirs *dirs,
                       struct mi_error *err)
{
    struct mi_buf b = {0};

    for (size_t i = 0; i < dirs->n; i++) {
        bool is_new = true;

        for (size_t k = 0; k < i && is_new; k++)
            is_new = strcmp(dirs->item[k].rec.method, dirs->item[i].rec.method) != 0;
        if (is_new)
            mi_buf_addf(&b, "%s'%.40s'", b.len ? ", " : "", mi_quote(dirs->item[i].rec.method));
    }
    mi_fail(err, MI_EXIT_NO, "'%s': no direction fits (there are %s)", mi_quote(d->inputs.item[0]),
            mi_buf_text(&b));
    mi_buf_free(&b);
    return -MI_EXIT_NO;
}

int mi_directing_select(struct mi_directing *d, struct mi_error *err)
{
    struct mi_writer out = {0};
    struct mi_dirs dirs = {0};
    int r = mi_writer_open(&out, d->step.output, err);

    if (r == 0)
        r = read_dirs(d, &dirs, &d->inputs, err);
    if (r == 0)
        r = mi_step_begin(&d->step, &out, &dirs.header, &dirs.header, "dir", err);
    for (size_t i = 0; i < dirs.n && r == 0; i++)
        if (is_selected(d, &dirs.item[i])) {
            r = mi_writer_put(&out, "dir", dirs.item[i].body, err);
            d->n_dirs++;
        }
    if (r == 0 && d->n_dirs == 0)
        r = say_methods(d, &dirs, err);
    r = mi_step_finish(&d->step, &out, r, err);
    mi_dirs_free(&dirs);
    return r;
}

int mi_directing_compare(struct mi_directing *d, struct mi_error *err)
{
    struct mi_writer out = {0};
    struct mi_dirs dirs = {0};
    int r = mi_writer_open(&out, d->step.output, err);

    if (r == 0)
        r = read_dirs(d, &dirs, &d->inputs, err);
    if (r == 0)
        r = mi_step_begin(&d->step, &out, &dirs.header, &dirs.header, "score", err);
    if (r == 0)
        r = mi_compare(&dirs, &out, err);
    r = mi_step_finish(&d->step, &out, r, err);
    mi_dirs_free(&dirs);
    return r;
}

/* Not a stream: the file says by itself what it is. */
int mi_directing_export(struct mi_directing *d, struct mi_error *err)
{
    struct mi_dirs dirs = {0};
    struct mi_out out = {0};
    struct mi_buf b = {0};
    int r = mi_out_open(&out, d->step.output, err);

    if (r == 0)
        r = read_dirs(d, &dirs, &d->inputs, err);
    if (r == 0)
        r = mi_export_control_vector(&b, &dirs, d->length, d->is_scaled, err);
    if (r == 0)
        r = mi_out_write(&out, b.data, b.len, err);
    if (r == 0)
        r = mi_out_commit(&out, err);
    mi_out_close(&out);
    mi_dirs_free(&dirs);
    mi_buf_free(&b);
    return r;
}

/* ---- beside a model -------------------------------------------------------------------- */

/* Opens the weights and checks that `with` speaks of them. */
static int open_model(struct mi_directing *d, struct mi_session *s, const struct mi_value *with,
                      struct mi_error *err)
{
    struct mi_session_options o = {.model = d->model};
    struct mi_arena arena = {0};
    struct mi_value header = mi_header_new(&arena, "dir");
    int r = mi_session_open(s, &o, err);

    if (r == 0)
        r = mi_session_header(s, &arena, &header, err);
    if (r == 0 && (r = mi_header_same_model(&header, with, d->other_model, err)) < 0)
        mi_fail_in(err, "'%s'", mi_quote(d->model));
    if (r == 0)
        mi_origin_file(&d->step.origin, "model", &s->model.digest);
    mi_arena_free(&arena);
    return r;
}

/* What a verb does with directions and the model they speak of. */
typedef int work_fn(struct mi_directing *d, struct mi_session *s, struct mi_dirs *dirs,
                    struct mi_writer *out, struct mi_error *err);

/* A stream of `content` from the input's directions, beside the model. */
static int run_with_model(struct mi_directing *d, const char *content, work_fn *work,
                          struct mi_error *err)
{
    struct mi_session session = {0};
    struct mi_writer out = {0};
    struct mi_dirs dirs = {0};
    int r = mi_writer_open(&out, d->step.output, err);

    if (r == 0)
        r = read_dirs(d, &dirs, &d->inputs, err);
    if (r == 0)
        r = open_model(d, &session, &dirs.header, err);
    if (r == 0)
        r = mi_step_begin(&d->step, &out, &dirs.header, &dirs.header, content, err);
    if (r == 0)
        r = work(d, &session, &dirs, &out, err);
    if (r == 0)
        r = mi_model_unchanged(&session.model, err);
    r = mi_step_finish(&d->step, &out, r, err);
    mi_dirs_free(&dirs);
    mi_session_close(&session);
    return r;
}

static int unembed(struct mi_directing *d, struct mi_session *s, struct mi_dirs *dirs,
                   struct mi_writer *out, struct mi_error *err)
{
    return mi_unembed(s, dirs, &d->unembed, out, err);
}

int mi_directing_unembed(struct mi_directing *d, struct mi_error *err)
{
    return run_with_model(d, "score", unembed, err);
}

static int split(struct mi_directing *d, struct mi_session *s, struct mi_dirs *dirs,
                 struct mi_writer *out, struct mi_error *err)
{
    return mi_split_directions(s, dirs, d->rtol, out, &d->n_dirs, err);
}

int mi_directing_split(struct mi_directing *d, struct mi_error *err)
{
    return run_with_model(d, "dir", split, err);
}

static int open_attribution(struct mi_directing *d, struct mi_dirs *dirs, struct mi_acts *acts,
                            struct mi_session *session, struct mi_error *err)
{
    struct mi_acts_options o = d->acts;
    int r = read_dirs(d, dirs, &d->directions, err);

    o.at = NULL; /* of the directions, not of the parts */
    if (r == 0)
        r = mi_dirs_sides(dirs, o.sides, &o.sides, err);
    if (r == 0)
        r = mi_acts_open(acts, d->inputs.item[0], &o, err);
    if (r == 0)
        r = mi_acts_check_model(acts, &dirs->header, d->other_model, err);
    if (r == 0 && d->model)
        r = open_model(d, session, &dirs->header, err);
    return r;
}

int mi_directing_attribute(struct mi_directing *d, struct mi_error *err)
{
    struct mi_session session = {0};
    struct mi_writer out = {0};
    struct mi_acts acts = {0};
    struct mi_dirs dirs = {0};
    int r = mi_writer_open(&out, d->step.output, err);

    if (r == 0)
        r = open_attribution(d, &dirs, &acts, &session, err);
    if (r == 0)
        r = mi_step_begin(&d->step, &out, mi_reader_header(&acts.reader), &dirs.header, "score",
                          err);
    if (r == 0)
        r = mi_attribute(&acts, &dirs, d->model ? &session : NULL, &d->attribute, &out, err);
    if (r == 0 && d->model)
        r = mi_model_unchanged(&session.model, err);
    if (r == 0)
        mi_origin_input(&d->step.origin, &acts.reader);
    r = mi_step_finish(&d->step, &out, r, err);
    mi_acts_close(&acts);
    mi_dirs_free(&dirs);
    mi_session_close(&session);
    return r;
}
