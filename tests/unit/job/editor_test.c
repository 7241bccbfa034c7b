/* Edits on rows, against the formulas written out here; and what is refused. */
#include "job/editor.h"

#include "../tap.h"
#include "stream/header.h"
#include "stream/record.h"
#include "stream/writer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The tiny model: 2 layers, D = 32, 4 heads of 8. */
enum { D = 32, H = 4, K = 8, ROWS = 4 };

static struct mi_session session;
static char folder[] = "/tmp/mi-editor-XXXXXX";
static char dir_file[64], head_file[64], stat_file[64], act_file[64], bad_file[64];
static float unit[2][D]; /* the direction of each layer */

/* ---- files ------------------------------------------------------------------------ */

static void must(int r, const struct mi_error *err)
{
    if (r < 0) {
        diag("%s", err->text);
        exit(2);
    }
}

static void open_stream(struct mi_writer *w, char *path, const char *name, const char *content,
                        struct mi_arena *a)
{
    struct mi_error err = {0};
    struct mi_value header = mi_header_new(a, content);

    snprintf(path, 64, "%s/%s", folder, name);
    must(mi_session_header(&session, a, &header, &err), &err);
    must(mi_writer_open(w, path, &err), &err);
    must(mi_writer_header(w, &header, &err), &err);
}

static void put_dir(struct mi_writer *w, struct mi_place place, const float *v, int64_t width)
{
    struct mi_dir_record dir = {.place = place,
                                .method = "test",
                                .v = mi_tensor_1(MI_F32, width, v),
                                .sign = 1,
                                .scale = 2.5,
                                .n = 1,
                                .extra = mi_map()};
    struct mi_arena a = {0};
    struct mi_error err = {0};
    struct mi_value body = mi_dir_body(&a, &dir);

    must(mi_writer_put(w, "dir", &body, &err), &err);
    mi_arena_free(&a);
}

static void end_stream(struct mi_writer *w, struct mi_arena *a)
{
    struct mi_error err = {0};

    must(mi_writer_end(w, NULL, &err), &err);
    mi_writer_close(w);
    mi_arena_reset(a);
}

static void write_files(void)
{
    struct mi_writer w = {0};
    struct mi_arena a = {0};
    struct mi_error err = {0};
    float head[K] = {0.6f, 0, 0.8f}, longer[D] = {2};
    double mean[H * K];
    struct mi_value body = mi_map();

    for (int l = 0; l < 2; l++) {
        double norm = 0;

        for (int i = 0; i < D; i++) {
            unit[l][i] = (float)((i * 7 + l * 3) % 11) - 5.0f;
            norm += (double)unit[l][i] * (double)unit[l][i];
        }
        for (int i = 0; i < D; i++)
            unit[l][i] = (float)((double)unit[l][i] / sqrt(norm));
    }
    open_stream(&w, dir_file, "dir", "dir", &a);
    for (int l = 0; l < 2; l++)
        put_dir(&w, (struct mi_place){MI_SITE_RESID_POST, l, -1}, unit[l], D);
    end_stream(&w, &a);
    open_stream(&w, head_file, "head", "dir", &a);
    put_dir(&w, (struct mi_place){MI_SITE_Z, 1, -1}, head, K);
    end_stream(&w, &a);
    open_stream(&w, bad_file, "bad", "dir", &a);
    put_dir(&w, (struct mi_place){MI_SITE_RESID_POST, 1, -1}, longer, D);
    end_stream(&w, &a);
    open_stream(&w, stat_file, "stat", "stat", &a);
    for (int i = 0; i < H * K; i++)
        mean[i] = i / 3.0;
    mi_place_set(&a, &body, &(struct mi_place){MI_SITE_Z, 1, -1});
    mi_set(&a, &body, "n", mi_int(3));
    mi_set(&a, &body, "mean", mi_tensor_value(mi_tensor_1(MI_F64, H * K, mean)));
    must(mi_writer_put(&w, "stat", &body, &err), &err);
    end_stream(&w, &a);
    mi_arena_free(&a);
}

/* Two prompts of one pair and one without, each with 3 rows at z:1 (value: 100 prompt + i). */
static void write_acts(void)
{
    static const char *const id[] = {"a", "b", "c"}, *const piece[] = {"x", "y", "z"};
    static const size_t len[] = {1, 1, 1};
    static const int32_t tokens[] = {5, 6, 7};
    static const int64_t positions[] = {0, 1, 2};
    struct mi_writer w = {0};
    struct mi_arena a = {0};
    struct mi_error err = {0};

    open_stream(&w, act_file, "act", "act", &a);
    for (int p = 0; p < 3; p++) {
        float x[3 * H * K];
        struct mi_tensor t = {MI_F32, 3, {3, H, K}, x};
        struct mi_act_record act = {id[p], {MI_SITE_Z, 1, -1}, positions, 3, t};
        struct mi_prompt_record prompt = {.id = id[p],
                                          .tokens = tokens,
                                          .n_tokens = 3,
                                          .n_prompt = 3,
                                          .piece = piece,
                                          .piece_len = len,
                                          .fields = mi_map()};
        struct mi_value body;

        for (int i = 0; i < 3 * H * K; i++)
            x[i] = 100.0f * (float)p + (float)i;
        if (p < 2) {
            mi_set(&a, &prompt.fields, "pair", mi_int(1));
            mi_set(&a, &prompt.fields, "side", mi_str(p ? "source" : "base"));
        }
        body = mi_prompt_body(&a, &prompt);
        must(mi_writer_put(&w, "prompt", &body, &err), &err);
        body = mi_act_body(&a, &act);
        must(mi_writer_put(&w, "act", &body, &err), &err);
    }
    end_stream(&w, &a);
    mi_arena_free(&a);
}

/* ---- a view ------------------------------------------------------------------------ */

static float before[ROWS][D], after[ROWS][D];
static struct mi_item item;
static const char *item_id = "a", *item_pair = NULL, *item_side = NULL;

static void make_item(void)
{
    static const int32_t tokens[] = {5, 6, 7, 8};
    static const char *const piece[] = {"one", " two", " three", " four"};
    static const size_t len[] = {3, 4, 6, 5};
    static int64_t number;

    mi_item_free(&item);
    item.prompt = (struct mi_prompt_record){.id = item_id,
                                            .tokens = tokens,
                                            .n_tokens = 4,
                                            .n_prompt = 3,
                                            .piece = piece,
                                            .piece_len = len,
                                            .fields = mi_map()};
    if (item_pair)
        mi_set(&item.arena, &item.prompt.fields, "pair", mi_str(item_pair));
    if (item_side)
        mi_set(&item.arena, &item.prompt.fields, "side", mi_str(item_side));
    item.number = number++;
}

/* Edits a view of ROWS positions at the site; `written` says whether a bit changed. */
static int apply(struct mi_editor *e, enum mi_site site, int layer, bool *written,
                 struct mi_error *err)
{
    struct mi_row row[ROWS];
    const struct mi_item *items[1] = {&item};
    bool has_heads = site == MI_SITE_Z;
    struct mi_view view = {.site = site,
                           .layer = layer,
                           .n_rows = ROWS,
                           .row = row,
                           .x = after[0],
                           .ld = D,
                           .n_heads = has_heads ? H : 1,
                           .ld_head = K,
                           .width = has_heads ? K : D};
    int r;

    for (int i = 0; i < ROWS; i++)
        row[i] = (struct mi_row){0, i, i};
    r = mi_editor_apply(e, &view, items, err);
    *written = view.is_written;
    return r;
}

/* Runs one edit: 0 and the rows in `after`, or < 0 with err. */
static int edit(const char *line, enum mi_site site, int layer, bool *written, struct mi_error *err)
{
    struct mi_editor e = {0};
    int r = mi_editor_open(&e, &session, &line, 1, NULL, 0, NULL, false, 7, err);

    memcpy(after, before, sizeof after);
    make_item();
    *written = false;
    if (r == 0)
        r = apply(&e, site, layer, written, err);
    mi_editor_close(&e);
    return r;
}

static void fill_before(void)
{
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < D; i++)
            before[r][i] = (float)((r * 13 + i * 5) % 17) / 4.0f - 2.0f;
}

/* ---- formulas ---------------------------------------------------------------------- */

static double along(const float *x, const float *v)
{
    double p = 0;

    for (int i = 0; i < D; i++)
        p += (double)x[i] * (double)v[i];
    return p;
}

/* The largest distance of the rows from x + c_r v, with c_r given; rows from `first` to last. */
static double far_from(const double *c, const float *v, int first, int last)
{
    double worst = 0;

    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < D; i++) {
            bool is_in = r >= first && r <= last;
            double want = (double)before[r][i] + (is_in ? c[r] * (double)v[i] : 0);

            worst = fmax(worst, fabs((double)after[r][i] - want));
        }
    return worst;
}

/* The line with the file's name for every "%s". */
static char *line_of(const char *form, const char *file)
{
    static char line[300];
    size_t n = 0;

    for (; *form && n + 80 < sizeof line; form++)
        if (form[0] == '%' && form[1] == 's') {
            n += (size_t)sprintf(line + n, "%s", file);
            form++;
        } else {
            line[n++] = *form;
        }
    line[n] = '\0';
    return line;
}

static void test_directions(void)
{
    struct mi_error err = {0};
    double c[ROWS];
    bool written;

    for (int r = 0; r < ROWS; r++)
        c[r] = 2;
    must(edit(line_of("add resid_post:1 %s * 2", dir_file), MI_SITE_RESID_POST, 1, &written, &err),
         &err);
    ok(written && far_from(c, unit[1], 0, 3) < 1e-6, "add: the layer's own unit vector");
    must(edit(line_of("add resid_pre:0 %s * 2 @ gen", dir_file), MI_SITE_RESID_PRE, 0, &written,
              &err),
         &err);
    ok(written && far_from(c, unit[0], 3, 3) < 1e-6,
       "add @ gen: the generated token, another site");
    for (int r = 0; r < ROWS; r++)
        c[r] = 2 * 2.5;
    must(edit(line_of("add resid_post:0 %s * 2 scale @ 1:3", dir_file), MI_SITE_RESID_POST, 0,
              &written, &err),
         &err);
    ok(written && far_from(c, unit[0], 1, 2) < 1e-6, "add * 2 scale");
    for (int r = 0; r < ROWS; r++)
        c[r] = -along(before[r], unit[0]);
    must(edit(line_of("project-out resid_post:0 %s @ last", dir_file), MI_SITE_RESID_POST, 0,
              &written, &err),
         &err);
    ok(written && far_from(c, unit[0], 2, 2) < 1e-5, "project-out @ last: the prompt's last");
    for (int r = 0; r < ROWS; r++)
        c[r] = 3 - along(before[r], unit[1]);
    must(edit(line_of("set resid_post:1 %s * 3", dir_file), MI_SITE_RESID_POST, 1, &written, &err),
         &err);
    ok(written && far_from(c, unit[1], 0, 3) < 1e-5, "set: the projection becomes 3");
    must(edit(line_of("add resid_post:1 %s * 0", dir_file), MI_SITE_RESID_POST, 1, &written, &err),
         &err);
    ok(!written && memcmp(before, after, sizeof after) == 0, "add * 0 changes no bit");
}

static void test_heads(void)
{
    struct mi_error err = {0};
    bool written, good = true;

    must(edit(line_of("add z:1 %s * 1", head_file), MI_SITE_Z, 1, &written, &err), &err);
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < D; i++)
            good &= after[r][i] == (i % K == 0   ? fmaf(1, 0.6f, before[r][i])
                                    : i % K == 2 ? fmaf(1, 0.8f, before[r][i])
                                                 : before[r][i]);
    ok(written && good, "a vector of one head's width goes to every head");
    must(edit(line_of("mean-ablate z:1.2 from %s @ 1", stat_file), MI_SITE_Z, 1, &written, &err),
         &err);
    good = true;
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < D; i++)
            good &= after[r][i] == (r == 1 && i / K == 2 ? (float)(i / 3.0) : before[r][i]);
    ok(written && good, "mean-ablate: one head's part of the mean of all");
}

static void test_elements(void)
{
    struct mi_error err = {0};
    bool written, good[3] = {true, true, true};

    must(edit("zero resid_post:0 @ 0", MI_SITE_RESID_POST, 0, &written, &err), &err);
    for (int i = 0; i < D; i++)
        good[0] &= after[0][i] == 0 && after[1][i] == before[1][i];
    ok(written && good[0], "zero");
    must(edit("scale resid_post:0 * -0.5 @ /tw/", MI_SITE_RESID_POST, 0, &written, &err), &err);
    for (int i = 0; i < D; i++)
        good[1] &= after[1][i] == -0.5f * before[1][i] && after[0][i] == before[0][i];
    ok(written && good[1], "scale, at tokens that a pattern names");
    must(edit("clamp resid_post:0 -0.5 0.75", MI_SITE_RESID_POST, 0, &written, &err), &err);
    for (int i = 0; i < D; i++)
        good[2] &= after[3][i] == fminf(fmaxf(before[3][i], -0.5f), 0.75f);
    ok(written && good[2], "clamp");
    must(edit("clamp resid_post:0 -2 2", MI_SITE_RESID_POST, 0, &written, &err), &err);
    ok(!written && memcmp(before, after, sizeof after) == 0, "a clamp that binds nowhere");
}

static void test_noise(void)
{
    struct mi_error err = {0};
    float once[ROWS][D];
    bool written;

    must(edit("noise resid_post:0 * 0.5 @ 0:3", MI_SITE_RESID_POST, 0, &written, &err), &err);
    memcpy(once, after, sizeof once);
    must(edit("noise resid_post:0 * 0.5 @ 0:3", MI_SITE_RESID_POST, 0, &written, &err), &err);
    ok(written && memcmp(once, after, sizeof once) == 0 &&
           memcmp(once[3], before[3], sizeof once[3]) == 0,
       "noise: the same numbers again, and none elsewhere");
    ok(after[0][0] - before[0][0] != after[1][0] - before[1][0], "other numbers a position");
    item_id = "other";
    must(edit("noise resid_post:0 * 0.5 @ 0:3", MI_SITE_RESID_POST, 0, &written, &err), &err);
    item_id = "a";
    ok(memcmp(once, after, sizeof once) != 0, "other numbers a prompt");
}

/* Patches row `to` of the item with row `from` of prompt p of the file. */
static bool is_patched(int to, double p, double from)
{
    bool good = true;

    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < D; i++)
            good &= after[r][i] == (r == to ? (float)(100.0 * p + from * H * K + i) : before[r][i]);
    return good;
}

static void test_patches(void)
{
    struct mi_error err = {0};
    bool written;

    item_id = "c";
    must(edit(line_of("patch z:1 from %s @ last", act_file), MI_SITE_Z, 1, &written, &err), &err);
    ok(written && is_patched(2, 2, 2), "patch joins on id; the last with the last");
    must(edit(line_of("patch z:1 from %s @ 0 align mean", act_file), MI_SITE_Z, 1, &written, &err),
         &err);
    ok(written && is_patched(0, 2, 1), "align mean");
    item_id = "new";
    item_pair = "1";
    item_side = "base";
    must(edit(line_of("patch z:1 from %s @ 1", act_file), MI_SITE_Z, 1, &written, &err), &err);
    ok(written && is_patched(1, 1, 2), "patch joins on pair: the other side");
    item_side = NULL;
    ok(edit(line_of("patch z:1 from %s @ 1", act_file), MI_SITE_Z, 1, &written, &err) == -3 &&
           strstr(err.text, "no single one"),
       "two sides and none to choose: %s", err.text);
    item_pair = NULL;
    ok(edit(line_of("patch z:1 from %s @ 1", act_file), MI_SITE_Z, 1, &written, &err) == -3 &&
           strstr(err.text, "nothing for prompt 'new'"),
       "no source: %s", err.text);
    item_id = "c";
    ok(edit(line_of("patch z:1 from %s @ 0:2 align span", act_file), MI_SITE_Z, 1, &written,
            &err) == -3 &&
           strstr(err.text, "2 positions to patch"),
       "align span of another length: %s", err.text);
    ok(edit(line_of("patch z:0 from %s @ 0", act_file), MI_SITE_Z, 0, &written, &err) == -3 &&
           strstr(err.text, "no activations at z:0"),
       "a site that the source lacks: %s", err.text);
    item_id = "a";
}

/* What row 2 of prompt 2 of the file has there, less what the item's last row has. */
static float gap(int i)
{
    return (float)(200.0 + 2 * H * K + i) - before[2][i];
}

static void test_swaps(void)
{
    struct mi_error err = {0};
    double c[ROWS] = {0}, worst = 0;
    float d[D];
    char line[300];
    bool written;

    item_id = "c";
    snprintf(line, sizeof line, "swap z:1 %s from %s @ last", head_file, act_file);
    must(edit(line, MI_SITE_Z, 1, &written, &err), &err);
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < D; i++) {
            int h = i - i % K;
            double p = 0.6 * (double)gap(h) + 0.8 * (double)gap(h + 2);
            double step = r != 2 ? 0 : i == h ? 0.6 * p : i == h + 2 ? 0.8 * p : 0;

            worst = fmax(worst, fabs((double)after[r][i] - (double)before[r][i] - step));
        }
    ok(written && worst < 1e-3, "swap: in every head the part along its vector, off by %g", worst);
    snprintf(line, sizeof line, "swap z:1 %s from %s @ last", dir_file, act_file);
    must(edit(line, MI_SITE_Z, 1, &written, &err), &err);
    for (int i = 0; i < D; i++)
        d[i] = gap(i);
    c[2] = along(d, unit[1]);
    ok(written && far_from(c, unit[1], 2, 2) < 1e-3, "swap: of all heads as one, off by %g",
       far_from(c, unit[1], 2, 2));
    item_id = "new";
    ok(edit(line, MI_SITE_Z, 1, &written, &err) == -3 && strstr(err.text, "nothing for prompt"),
       "swap joins as patch does: %s", err.text);
    item_id = "a";
}

static void test_conditions(void)
{
    struct mi_error err = {0};
    const char *line =
        line_of("add resid_post:1 %s * 2 when proj(%s) > 0.1 at resid_post:0", dir_file);
    struct mi_editor e = {0};
    double c[ROWS];
    bool written;

    must(mi_editor_open(&e, &session, &line, 1, NULL, 0, NULL, false, 0, &err), &err);
    ok(mi_editor_wants(&e, MI_SITE_RESID_POST, 0) && mi_editor_wants(&e, MI_SITE_RESID_POST, 1) &&
           !mi_editor_wants(&e, MI_SITE_RESID_PRE, 1) && mi_editor_last_layer(&e) == 1,
       "a condition reads its own site");
    make_item();
    memcpy(after, before, sizeof after);
    must(apply(&e, MI_SITE_RESID_POST, 0, &written, &err), &err);
    ok(!written, "reading changes nothing");
    for (int r = 0; r < ROWS; r++)
        c[r] = along(before[r], unit[0]) > 0.1 ? 2 : 0;
    must(apply(&e, MI_SITE_RESID_POST, 1, &written, &err), &err);
    ok(written && far_from(c, unit[1], 0, 3) < 1e-6 && c[0] + c[1] + c[2] + c[3] > 0 &&
           c[0] * c[1] * c[2] * c[3] == 0,
       "rows that meet the condition are edited, others not");
    mi_editor_close(&e);
}

static void refuses(const char *line, int code, const char *text)
{
    struct mi_editor e = {0};
    struct mi_error err = {0};
    int r = mi_editor_open(&e, &session, &line, 1, NULL, 0, NULL, false, 0, &err);

    if (!ok(r == -code && strstr(err.text, text), "%s", err.text))
        diag("%d, expected %d and '%s'", r, -code, text);
    mi_editor_close(&e);
}

static void test_refusals(void)
{
    refuses(line_of("add resid_post:0-5 %s * 1", dir_file), 2, "layer 5");
    refuses(line_of("add z:1 %s * 1", bad_file), 3, "length 2");
    refuses(line_of("add mlp_post:1 %s * 1", dir_file), 3, "64 wide");
    refuses(line_of("add pattern:1 %s * 1", dir_file), 2, "no fixed width");
    refuses(line_of("mean-ablate z:0 from %s", stat_file), 3, "no mean for z:0");
    refuses(line_of("add resid_post:1 %s * 1 @ gen:-1", dir_file), 2, "from the end");
    refuses(line_of("add resid_post:0 %s * 1 when proj(%s) > 0 at resid_post:1", dir_file), 2,
            "comes after");
    refuses("add resid_post:0 /nonexistent/d.mi * 1", 4, "cannot open");
    refuses(line_of("add resid_post:1 %s * 1", stat_file), 3, "no directions");
    refuses("@run", 2, "no run stream");
}

/* What a header carries is enough to do the same again, without the files. */
static void test_replay(void)
{
    struct mi_error err = {0};
    struct mi_arena a = {0};
    const char *lines[2] = {"noise resid_post:0 * 0.5", NULL}, *run = "@run", *none = "none";
    struct mi_value header;
    struct mi_editor e = {0};
    float once[ROWS][D];
    bool written;

    lines[1] = line_of("add resid_post:0 %s * 2", dir_file);
    must(mi_editor_open(&e, &session, lines, 2, NULL, 0, NULL, false, 11, &err), &err);
    header = mi_header_new(&a, "run");
    mi_header_step(&a, &header, "test", NULL, mi_map(), 11);
    mi_editor_describe(&e, &a, &header);
    make_item();
    memcpy(after, before, sizeof after);
    must(apply(&e, MI_SITE_RESID_POST, 0, &written, &err), &err);
    memcpy(once, after, sizeof once);
    header = mi_value_copy(&a, &header);
    mi_editor_close(&e);
    unlink(dir_file);
    must(mi_editor_open(&e, &session, &run, 1, NULL, 0, &header, false, 99, &err), &err);
    memcpy(after, before, sizeof after);
    must(apply(&e, MI_SITE_RESID_POST, 0, &written, &err), &err);
    ok(memcmp(once, after, sizeof once) == 0, "@run: the same bits from the header alone");
    mi_editor_close(&e);
    ok(mi_editor_open(&e, &session, NULL, 0, NULL, 0, &header, false, 0, &err) == -3 &&
           strstr(err.text, "@run"),
       "a run with edits is refused without a word: %s", err.text);
    must(mi_editor_open(&e, &session, &none, 1, NULL, 0, &header, false, 0, &err), &err);
    ok(mi_editor_is_empty(&e), "none: it is meant");
    mi_editor_close(&e);
    mi_arena_free(&a);
}

int main(void)
{
    struct mi_session_options o = {.model = "fixtures/tiny/llama-f32.gguf"};
    struct mi_error err = {0};

    plan(41);
    if (!mkdtemp(folder) || mi_session_open(&session, &o, &err) < 0) {
        diag("%s", err.text);
        return 2;
    }
    write_files();
    write_acts();
    fill_before();
    test_directions();
    test_heads();
    test_elements();
    test_noise();
    test_patches();
    test_swaps();
    test_conditions();
    test_refusals();
    test_replay();
    mi_item_free(&item);
    mi_session_close(&session);
    unlink(head_file);
    unlink(stat_file);
    unlink(act_file);
    unlink(bad_file);
    rmdir(folder);
    return done();
}
