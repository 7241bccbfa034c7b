/* mi-view: streams as text and back; check, head, filter, merge. */
#include "base/bytes.h"
#include "base/escape.h"
#include "base/opt.h"
#include "base/progress.h"
#include "base/tool.h"
#include "job/stat.h"
#include "stream/header.h"
#include "stream/merge.h"
#include "stream/select.h"
#include "stream/text.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

enum { SHOWN = 8 }; /* numbers of a tensor on a terminal */

static const char *const verbs[] = {
    "head",   "[-n N] [FILE]           the first records as a stream",
    "filter", "[OPTION]... [FILE]      the records that fit",
    "merge",  "-o OUT PART...          the parts of a sharded run as the run",
    NULL,
};

static const struct mi_tool tool = {
    .name = "mi-view",
    .synopsis = "[--full] [--header | --check | --encode] [FILE]\n"
                "       mi-view head|filter|merge [OPTION]... [FILE]...",
    .about = "Show any stream as JSON Lines, one object a record, and take such lines back.\n"
             "Verbs make a stream of a stream; on a terminal they show it.",
    .examples = "  mi-view acts.mi | jq 'select(.kind==\"act\") | .site'\n"
                "  mi-view --check *.mi\n"
                "  mi-view acts.mi | mi-view --encode -o same.mi\n"
                "  mi-view filter --layer 4-12 --position last acts.mi | mi-view head -n 3\n"
                "  mi-view merge acts.*.mi -o acts.mi\n",
    .verbs = verbs,
};

struct options {
    const char *output, *max_record;
    bool full, check, header, encode;
    long n;
    int64_t max_bytes;
    struct mi_strings id, label, group, site, layer, kind;
    const char *position;
    /* for the provenance of a verb: {name: text} */
    struct mi_arena arena;
    struct mi_value given;
};

/* ---- where records go --------------------------------------------------------- */

/* A stream, or lines of text. `{0}` is closed. */
struct sink {
    struct mi_writer stream;
    struct mi_out text;
    bool is_text;
    struct mi_json_style style;
    struct mi_buf line;
};

static int open_text(struct sink *s, const struct options *o, struct mi_error *err)
{
    int status = mi_out_open(&s->text, o->output, err);

    s->is_text = true;
    s->style.shorten = status == 0 && mi_out_is_terminal(&s->text) && !o->full ? SHOWN : 0;
    return status;
}

/* What a verb makes is a stream, but a person at a terminal gets to see it. */
static int open_stream(struct sink *s, const struct options *o, struct mi_error *err)
{
    if ((!o->output || strcmp(o->output, "-") == 0) && isatty(STDOUT_FILENO))
        return open_text(s, o, err);
    return mi_writer_open(&s->stream, o->output, err);
}

static int put_line(struct sink *s, const char *kind, const struct mi_value *body,
                    struct mi_error *err)
{
    mi_buf_clear(&s->line);
    mi_text_print(&s->line, kind, body, s->style);
    return mi_out_write(&s->text, s->line.data, s->line.len, err);
}

static int put_header(struct sink *s, const struct mi_value *header, struct mi_error *err)
{
    return s->is_text ? put_line(s, "header", header, err)
                      : mi_writer_header(&s->stream, header, err);
}

static int put_record(void *sink, const char *kind, const struct mi_value *body,
                      struct mi_error *err)
{
    struct sink *s = sink;

    return s->is_text ? put_line(s, kind, body, err) : mi_writer_put(&s->stream, kind, body, err);
}

static int end_sink(struct sink *s, const struct mi_value *inputs, struct mi_error *err)
{
    return s->is_text ? mi_out_commit(&s->text, err) : mi_writer_end(&s->stream, inputs, err);
}

static void close_sink(struct sink *s)
{
    mi_writer_close(&s->stream);
    mi_out_close(&s->text);
    mi_buf_free(&s->line);
}

/* ---- a stream as text --------------------------------------------------------- */

static int open_reader(struct mi_reader *in, const char *path, const struct options *o,
                       struct mi_error *err)
{
    int status = mi_reader_open(in, path, err);

    if (status == 0)
        mi_reader_limit(in, (uint64_t)o->max_bytes);
    return status;
}

static int show(struct mi_reader *in, struct sink *out, const char *path, const struct options *o,
                struct mi_error *err)
{
    struct mi_record rec;
    int status;

    if ((status = open_reader(in, path, o, err)) < 0 || (status = open_text(out, o, err)) < 0 ||
        (status = put_header(out, mi_reader_header(in), err)) < 0)
        return status;
    while (!o->header && (status = mi_reader_next(in, &rec, err)) > 0)
        if ((status = put_record(out, rec.kind, rec.body, err)) < 0)
            return status;
    if (status == 0 && !o->header)
        status = put_line(out, "end", mi_reader_end(in), err);
    return status < 0 ? status : end_sink(out, NULL, err);
}

/* One line about one stream, or a message. Returns the exit code. */
static int check_one(const char *path, const struct options *o)
{
    struct mi_reader in = {0};
    struct mi_error err = {0};
    struct mi_record rec;
    int status = open_reader(&in, path, o, &err);

    if (status == 0)
        while ((status = mi_reader_next(&in, &rec, &err)) > 0)
            ;
    if (status == 0) {
        const struct mi_value *end = mi_reader_end(&in);

        printf("%s: %lld records, %lld bytes, digest %s\n", mi_quote(mi_reader_name(&in)),
               (long long)mi_get_int(end, "records", 0), (long long)mi_get_int(end, "bytes", 0),
               mi_get_str(end, "digest", ""));
    }
    mi_reader_close(&in);
    return status < 0 ? mi_tool_failed(&err) : MI_EXIT_OK;
}

/* Every stream is looked at, whatever the ones before were. */
static int check(char **paths, int n, const struct options *o)
{
    int worst = n == 0 ? check_one("-", o) : MI_EXIT_OK;

    for (int i = 0; i < n; i++) {
        int code = check_one(paths[i], o);

        worst = code > worst ? code : worst;
    }
    return worst;
}

static int show_main(char **paths, int n, const struct options *o)
{
    struct mi_reader in = {0};
    struct sink out = {0};
    struct mi_error err = {0};
    int status = show(&in, &out, n ? paths[0] : NULL, o, &err);

    mi_reader_close(&in);
    close_sink(&out);
    return status < 0 ? mi_tool_failed(&err) : MI_EXIT_OK;
}

static int encode_main(char **paths, int n, const struct options *o)
{
    struct mi_text in = {0};
    struct mi_writer out = {0};
    struct mi_error err = {0};
    int status = mi_text_open(&in, n ? paths[0] : NULL, &err);

    if (status == 0)
        status = mi_writer_open(&out, o->output, &err);
    if (status == 0)
        status = mi_text_encode(&in, &out, &err);
    mi_text_close(&in);
    mi_writer_close(&out);
    return status < 0 ? mi_tool_failed(&err) : MI_EXIT_OK;
}

/* ---- verbs -------------------------------------------------------------------- */

/* The header of a stream made of another: the same, with this step. */
static int put_next_header(struct sink *out, struct mi_reader *in, struct options *o,
                           const char *verb, struct mi_error *err)
{
    struct mi_value header = mi_value_copy(&o->arena, mi_reader_header(in));

    mi_header_step(&o->arena, &header, tool.name, verb, o->given, 0);
    return put_header(out, &header, err);
}

/* What the input had read, and the input itself. */
static int end_with_inputs(struct sink *out, struct mi_reader *in, struct options *o,
                           struct mi_error *err)
{
    const struct mi_value *end = mi_reader_end(in);
    struct mi_value list = mi_value_copy(&o->arena, mi_get(end, "inputs")), one = mi_map();

    mi_set(&o->arena, &one, "name", mi_str(mi_get_str(mi_reader_header(in), "content", "stream")));
    mi_set(&o->arena, &one, "digest", mi_str(mi_get_str(end, "digest", "")));
    mi_push(&o->arena, &list, one);
    return end_sink(out, &list, err);
}

/* Reads all of the input, so that what it gave is known to be right; puts what `take`
 * lets through. */
static int pass(struct mi_reader *in, struct sink *out, struct options *o, const char *verb,
                int (*take)(void *ctx, const struct mi_record *rec, struct sink *out,
                            struct mi_error *err),
                void *ctx, struct mi_error *err)
{
    struct mi_record rec;
    int status = put_next_header(out, in, o, verb, err);

    while (status == 0 && (status = mi_reader_next(in, &rec, err)) > 0) {
        status = take(ctx, &rec, out, err);
        if (status < 0)
            mi_reader_blame(in, err);
    }
    return status < 0 ? status : end_with_inputs(out, in, o, err);
}

static int take_first(void *left, const struct mi_record *rec, struct sink *out,
                      struct mi_error *err)
{
    long *n = left;

    return (*n)-- > 0 ? put_record(out, rec->kind, rec->body, err) : 0;
}

static int head_main(char **paths, int n, struct options *o)
{
    struct mi_reader in = {0};
    struct sink out = {0};
    struct mi_error err = {0};
    long left = o->n;
    int status = open_reader(&in, n ? paths[0] : NULL, o, &err);

    if (status == 0)
        status = open_stream(&out, o, &err);
    if (status == 0)
        status = pass(&in, &out, o, "head", take_first, &left, &err);
    mi_reader_close(&in);
    close_sink(&out);
    return status < 0 ? mi_tool_failed(&err) : MI_EXIT_OK;
}

struct counted {
    struct mi_select select;
    struct sink *out;
    uint64_t kept;
};

static int count_and_put(void *ctx, const char *kind, const struct mi_value *body,
                         struct mi_error *err)
{
    struct counted *c = ctx;

    c->kept++;
    return put_record(c->out, kind, body, err);
}

static int take_fitting(void *ctx, const struct mi_record *rec, struct sink *out,
                        struct mi_error *err)
{
    struct counted *c = ctx;

    c->out = out;
    return mi_select_next(&c->select, rec, count_and_put, c, err);
}

static int filter_main(char **paths, int n, struct options *o)
{
    struct mi_wanted wanted = {.id = o->id.item,
                               .n_id = o->id.n,
                               .label = o->label.item,
                               .n_label = o->label.n,
                               .group = o->group.item,
                               .n_group = o->group.n,
                               .site = o->site.item,
                               .n_site = o->site.n,
                               .layer = o->layer.item,
                               .n_layer = o->layer.n,
                               .kind = o->kind.item,
                               .n_kind = o->kind.n,
                               .position = o->position};
    struct counted c = {0};
    struct mi_reader in = {0};
    struct sink out = {0};
    struct mi_error err = {0};
    int status = mi_select_open(&c.select, &wanted, &err);

    if (status == 0)
        status = open_reader(&in, n ? paths[0] : NULL, o, &err);
    if (status == 0)
        status = open_stream(&out, o, &err);
    if (status == 0)
        status = pass(&in, &out, o, "filter", take_fitting, &c, &err);
    mi_reader_close(&in);
    mi_select_close(&c.select);
    close_sink(&out);
    if (status < 0)
        return mi_tool_failed(&err);
    return c.kept ? MI_EXIT_OK : MI_EXIT_NO;
}

static int merge_main(char **paths, int n, struct options *o)
{
    struct mi_writer out = {0};
    struct mi_error err = {0};
    struct mi_stat_merge sums = {0};
    struct mi_combine combine = mi_stat_merge_open(&sums);
    int status = mi_writer_open(&out, o->output, &err);

    if (status == 0)
        status = mi_merge(&out, (const char *const *)paths, n, &combine, &err);
    mi_stat_merge_close(&sums);
    mi_writer_close(&out);
    return status < 0 ? mi_tool_failed(&err) : MI_EXIT_OK;
}

/* ---- the command line --------------------------------------------------------- */

/* An option that was given several times has one line for each. */
static void note_option(void *ctx, const char *name, const char *value)
{
    struct options *o = ctx;
    const char *there = mi_get_str(&o->given, name, NULL);
    struct mi_buf both = {0};

    if (there)
        mi_buf_addf(&both, "%s\n", there);
    mi_buf_add_text(&both, value);
    mi_set_dup(&o->arena, &o->given, name, mi_str_dup(&o->arena, mi_buf_text(&both)));
    mi_buf_free(&both);
}

/* Options are right, and no input would be written over. */
static void check_line(struct options *o, char **paths, int n, int most)
{
    struct mi_error err = {0};

    o->max_bytes = MI_MAX_RECORD;
    if (o->max_record && mi_bytes_parse(o->max_record, &o->max_bytes, &err) < 0)
        mi_tool_misuse("--max-record: %s", err.text);
    if (n > most)
        mi_tool_misuse("one stream at a time; 'mi-view merge' joins the parts of a run");
    if (n == 0 && isatty(STDIN_FILENO))
        mi_tool_misuse("expects a stream on standard input or a file");
    for (int i = 0; i < n; i++) {
        if (mi_same_file(o->output, paths[i]))
            mi_tool_misuse("'%s' is input and output", mi_quote(paths[i]));
        for (int j = 0; j < i; j++)
            if (strcmp(paths[i], "-") == 0 && strcmp(paths[j], "-") == 0)
                mi_tool_misuse("standard input is named twice");
    }
}

static int run_plain(int argc, char **argv, struct options *o)
{
    const struct mi_opt table[] = {
        MI_STRING('o', "output", "FILE", &o->output, "write there instead of standard output"),
        MI_FLAG(0, "full", &o->full, "whole tensors on a terminal too"),
        MI_FLAG(0, "header", &o->header, "only the header; nothing behind it is read"),
        MI_FLAG(0, "check", &o->check, "verify everything; one line a stream"),
        MI_FLAG(0, "encode", &o->encode, "read such lines and write the stream"),
        MI_STRING(0, "max-record", "SIZE", &o->max_record, "largest record to read [1G]"),
    };
    int at = mi_opt_parse(table, sizeof table / sizeof *table, argc, argv);

    if (o->header + o->check + o->encode > 1)
        mi_tool_misuse("--header, --check and --encode exclude each other");
    if (o->check && o->output)
        mi_tool_misuse("--check has no output");
    check_line(o, argv + at, argc - at, o->check ? INT_MAX : 1);
    if (o->check)
        return check(argv + at, argc - at, o);
    return o->encode ? encode_main(argv + at, argc - at, o) : show_main(argv + at, argc - at, o);
}

static int run_head(int argc, char **argv, struct options *o)
{
    const struct mi_opt table[] = {
        MI_STRING('o', "output", "FILE", &o->output, "write there instead of standard output"),
        MI_INT('n', "count", "N", &o->n, 0, (double)LONG_MAX, "how many records after the header"),
        MI_STRING(0, "max-record", "SIZE", &o->max_record, "largest record to read [1G]"),
    };
    int n = sizeof table / sizeof *table, at = mi_opt_parse(table, n, argc, argv);

    mi_opt_each_that_matters(table, n, note_option, o);
    check_line(o, argv + at, argc - at, 1);
    return head_main(argv + at, argc - at, o);
}

static int run_filter(int argc, char **argv, struct options *o)
{
    const struct mi_opt table[] = {
        MI_STRING('o', "output", "FILE", &o->output, "write there instead of standard output"),
        MI_LIST(0, "id", "ID", &o->id, "of these prompts (each list option: again for more)"),
        MI_LIST(0, "label", "LABEL", &o->label, "of prompts with this label"),
        MI_LIST(0, "group", "GROUP", &o->group, "of prompts of this group"),
        MI_LIST(0, "kind", "KIND", &o->kind, "of this kind: act, run, dir, score ..."),
        MI_LIST(0, "site", "SITE", &o->site, "at this site, as resid_post"),
        MI_LIST(0, "layer", "LAYERS", &o->layer, "of these layers, as 9 or 4-12,20"),
        MI_STRING(0, "position", "POSITIONS", &o->position, "rows of these positions, as last"),
        MI_STRING(0, "max-record", "SIZE", &o->max_record, "largest record to read [1G]"),
    };
    int n = sizeof table / sizeof *table, at = mi_opt_parse(table, n, argc, argv);

    mi_opt_each_that_matters(table, n, note_option, o);
    check_line(o, argv + at, argc - at, 1);
    return filter_main(argv + at, argc - at, o);
}

static int run_merge(int argc, char **argv, struct options *o)
{
    const struct mi_opt table[] = {
        MI_STRING('o', "output", "FILE", &o->output, "write there instead of standard output"),
    };
    int at = mi_opt_parse(table, sizeof table / sizeof *table, argc, argv);

    if (at == argc)
        mi_tool_misuse("merge: which parts?");
    check_line(o, argv + at, argc - at, INT_MAX);
    return merge_main(argv + at, argc - at, o);
}

int main(int argc, char **argv)
{
    static int (*const run[])(int, char **, struct options *) = {run_head, run_filter, run_merge};
    struct options o = {.n = 10, .given = mi_map()};
    int status;

    mi_tool_start(&tool, argv);
    for (size_t i = 0; verbs[2 * i] && argc > 1; i++)
        if (strcmp(argv[1], verbs[2 * i]) == 0) {
            mi_tool_verb(argc, argv);
            status = run[i](argc - 1, argv + 1, &o);
            mi_arena_free(&o.arena);
            return mi_tool_end(status);
        }
    return mi_tool_end(run_plain(argc, argv, &o));
}
