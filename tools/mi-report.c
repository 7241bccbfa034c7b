/* mi-report: what streams say, for people: tables, bar charts, texts side by side. */
#include "base/escape.h"
#include "base/file.h"
#include "base/intern.h"
#include "base/opt.h"
#include "base/tool.h"
#include "data/metric.h"
#include "figure/directions.h"
#include "figure/scores.h"
#include "figure/table.h"
#include "figure/texts.h"
#include "stream/reader.h"
#include "stream/record.h"

#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const struct mi_tool tool = {
    .name = "mi-report",
    .synopsis = "[OPTION]... [STREAM]...",
    .about = "Show streams to people: scores as tables with intervals, controls and bar charts,\n"
             "directions and effects as tables, the texts of runs side by side.",
    .examples = "  mi-probe eval -d honesty.mi acts-test.mi | mi-report -\n"
                "  mi-report plain.mi steered.mi            # the same prompts, two runs\n"
                "  mi-report --format tsv scores.mi > scores.tsv\n",
};

enum format { TEXT, TSV };
static const char *const formats[] = {"text", "tsv", NULL};

enum { PROMPT_SHOWN = 240, LEAST_WIDTH = 40, MOST_WIDTH = 1000 };

struct options {
    const char *output, *metric;
    const char *const *inputs; /* [n_inputs] */
    int n_inputs, format;
    long width, n_shown;
    bool ascii, full;
};

/* What was read of one stream. */
struct stream {
    const char *name, *content;
    struct mi_value header;
    struct mi_value bodies;  /* array: records of the main kind; of act and stat their shapes */
    struct mi_intern ids;    /* of prompts */
    struct mi_value prompts; /* array by number: the rendered text */
};

struct report {
    struct mi_arena arena;
    struct stream *stream; /* [n] */
    int n;
    struct mi_style style;
};

/* ---- the command line -------------------------------------------------------- */

static void check_inputs(const struct options *opt)
{
    int n_stdin = 0;

    for (int i = 0; i < opt->n_inputs; i++) {
        n_stdin += strcmp(opt->inputs[i], "-") == 0;
        if (opt->output && strcmp(opt->output, "-") != 0 &&
            mi_same_file(opt->inputs[i], opt->output))
            mi_tool_misuse("input and output are the same file: '%s'", mi_quote(opt->output));
    }
    if (n_stdin > 1)
        mi_tool_misuse("only one input can be standard input");
    if (n_stdin == 1 && isatty(STDIN_FILENO))
        mi_tool_misuse("expects a stream: a file, or a pipe on standard input");
}

static void parse_options(struct options *opt, int argc, char **argv)
{
    static const char *const standard_input[] = {"-"};
    const struct mi_opt table[] = {
        MI_STRING('o', "output", "FILE", &opt->output, "write here"),
        MI_CHOICE('f', "format", "FORM", &opt->format, formats, "for people or programs"),
        MI_STRING(0, "metric", "NAME", &opt->metric, "metric of the bar charts (auroc)"),
        MI_INT('w', "width", "N", &opt->width, 0, MOST_WIDTH, "columns; 0: the terminal's, or 80"),
        MI_INT('n', "texts", "N", &opt->n_shown, 0, INT_MAX, "texts of runs to show; 0: all"),
        MI_FLAG(0, "full", &opt->full, "show whole prompts"),
        MI_FLAG(0, "ascii", &opt->ascii, "draw with ASCII only"),
    };
    int i = mi_opt_parse(table, (int)(sizeof table / sizeof *table), argc, argv);
    const struct mi_metric *m;
    struct mi_error err = {0};

    opt->inputs = i < argc ? (const char *const *)argv + i : standard_input;
    opt->n_inputs = i < argc ? argc - i : 1;
    if (opt->metric && mi_metric_need(opt->metric, &m, &err) < 0)
        mi_tool_misuse("--metric: %s", err.text);
    if (opt->width && opt->width < LEAST_WIDTH)
        mi_tool_misuse("--width: at least %d columns are needed", LEAST_WIDTH);
    check_inputs(opt);
}

/* ---- reading ------------------------------------------------------------------ */

/* The bytes of the prompt's tokens, end to end. */
static int take_prompt(struct report *r, struct stream *s, const struct mi_value *body,
                       struct mi_error *err)
{
    struct mi_arena scratch = {0};
    struct mi_prompt_record rec;
    struct mi_buf text = {0};
    int64_t n = s->ids.n;
    int status = mi_prompt_read(&scratch, body, &rec, err);

    if (status == 0 && mi_intern_add(&s->ids, rec.id, strlen(rec.id)) == n) {
        for (int64_t i = 0; i < rec.n_prompt; i++)
            mi_buf_add(&text, rec.piece[i], rec.piece_len[i]);
        mi_push(&r->arena, &s->prompts,
                mi_bin(mi_arena_dup(&r->arena, text.data ? text.data : "", text.len), text.len));
    }
    mi_buf_free(&text);
    mi_arena_free(&scratch);
    return status;
}

/* Of activations and statistics only the kind and shape of each place is said. */
static int take_shape(struct report *r, struct stream *s, const struct mi_value *body)
{
    static const char *const tensors[] = {"x", "mean"};
    struct mi_value line = mi_map();
    struct mi_place p;

    if (mi_place_get(body, &p, NULL) < 0)
        return 0;
    mi_place_set(&r->arena, &line, &p);
    for (int i = 0; i < 2; i++)
        if (mi_is(mi_get(body, tensors[i]), MI_TENSOR))
            mi_set(&r->arena, &line, "last", mi_value_copy(&r->arena, mi_get(body, tensors[i])));
    mi_set(&r->arena, &line, "records", mi_int(1));
    for (size_t i = 0; i < s->bodies.as.array.n; i++) {
        struct mi_value *old = &s->bodies.as.array.item[i];
        struct mi_place q;

        if (mi_place_get(old, &q, NULL) == 0 && q.site == p.site && q.layer == p.layer &&
            q.head == p.head) {
            mi_set(&r->arena, old, "records", mi_int(mi_get_int(old, "records", 0) + 1));
            return 0;
        }
    }
    mi_push(&r->arena, &s->bodies, line);
    return 0;
}

static int take_record(struct report *r, struct stream *s, const struct mi_record *rec,
                       struct mi_error *err)
{
    if (strcmp(rec->kind, "prompt") == 0)
        return take_prompt(r, s, rec->body, err);
    if (strcmp(rec->kind, s->content) != 0)
        return 0;
    if (strcmp(rec->kind, "act") == 0 || strcmp(rec->kind, "stat") == 0)
        return take_shape(r, s, rec->body);
    mi_push(&r->arena, &s->bodies, mi_value_copy(&r->arena, rec->body));
    return 0;
}

static int read_stream(struct report *r, struct stream *s, const char *path, struct mi_error *err)
{
    struct mi_reader in = {0};
    struct mi_record rec;
    int status = mi_reader_open(&in, path, err);

    s->bodies = s->prompts = mi_array();
    if (status < 0)
        return status;
    s->name = mi_arena_dup(&r->arena, path, strlen(path));
    s->header = mi_value_copy(&r->arena, mi_reader_header(&in));
    s->content = mi_get_str(&s->header, "content", "");
    while (status == 0 && (status = mi_reader_next(&in, &rec, err)) > 0)
        if ((status = take_record(r, s, &rec, err)) < 0)
            mi_reader_blame(&in, err);
    mi_reader_close(&in);
    return status;
}

/* ---- runs --------------------------------------------------------------------- */

/* "A: add resid_post:10-20 ... @ all", or "A: no edits". */
static void add_legend(struct mi_buf *b, const struct report *r)
{
    for (int i = 0; i < r->n; i++) {
        const struct mi_value *edits = mi_get(mi_get(&r->stream[i].header, "edits"), "edits");

        mi_buf_addf(b, "%c: ", 'A' + i % 26);
        if (!mi_is(edits, MI_ARRAY) || edits->as.array.n == 0)
            mi_buf_add_text(b, "no edits");
        for (size_t k = 0; mi_is(edits, MI_ARRAY) && k < edits->as.array.n; k++) {
            const struct mi_value *e = &edits->as.array.item[k];

            mi_buf_add_text(b, k ? "; " : "");
            if (mi_is(e, MI_STR))
                mi_add_safe(b, e->as.bytes.at, e->as.bytes.len);
        }
        mi_buf_add_char(b, '\n');
    }
}

static const struct mi_value *find_run(const struct stream *s, const char *id)
{
    for (size_t i = 0; i < s->bodies.as.array.n; i++)
        if (strcmp(mi_get_str(&s->bodies.as.array.item[i], "id", ""), id) == 0)
            return &s->bodies.as.array.item[i];
    return NULL;
}

static void add_prompt(struct mi_buf *b, const struct report *r, const char *id, bool is_full)
{
    const struct stream *s = &r->stream[0];
    int64_t k = mi_intern_find(&s->ids, id, strlen(id));
    struct mi_text text = {"", 0};

    mi_buf_addf(b, "[%s]\n", mi_quote(id));
    if (k < 0)
        return;
    text.at = s->prompts.as.array.item[k].as.bytes.at;
    text.len = s->prompts.as.array.item[k].as.bytes.len;
    if (!is_full && text.len > PROMPT_SHOWN) {
        text.at += text.len - PROMPT_SHOWN;
        text.len = PROMPT_SHOWN;
        while (text.len && (*text.at & 0xc0) == 0x80) { /* not in the middle of a character */
            text.at++;
            text.len--;
        }
        mi_buf_add_text(b, "... ");
    }
    mi_texts_print(b, &text, 1, &r->style);
}

/* The runs of one prompt in columns; a run that lacks it has an empty one. */
static void add_texts(struct mi_buf *b, const struct report *r, const char *id)
{
    struct mi_text *text = mi_alloc_zero((size_t)r->n, sizeof *text);
    struct mi_buf *own = mi_alloc_zero((size_t)r->n, sizeof *own);

    for (int i = 0; i < r->n; i++) {
        const struct mi_value *run = find_run(&r->stream[i], id), *t = mi_get(run, "text");

        if (r->n > 1)
            mi_buf_addf(&own[i], "%c: ", 'A' + i % 26);
        if (mi_is(t, MI_STR) || mi_is(t, MI_BIN))
            mi_buf_add(&own[i], t->as.bytes.at, t->as.bytes.len);
        text[i] = (struct mi_text){mi_buf_text(&own[i]), own[i].len};
    }
    mi_texts_print(b, text, r->n, &r->style);
    for (int i = 0; i < r->n; i++)
        mi_buf_free(&own[i]);
    mi_free(own);
    mi_free(text);
}

static void print_runs(struct mi_buf *b, const struct report *r, const struct options *opt)
{
    const struct mi_value *runs = &r->stream[0].bodies;
    size_t n = runs->as.array.n;

    if (opt->n_shown && n > (size_t)opt->n_shown)
        n = (size_t)opt->n_shown;
    if (r->n > 1)
        add_legend(b, r);
    for (size_t i = 0; i < n; i++) {
        const char *id = mi_get_str(&runs->as.array.item[i], "id", "");

        if (b->len)
            mi_buf_add_char(b, '\n');
        add_prompt(b, r, id, opt->full);
        add_texts(b, r, id);
    }
    if (n < runs->as.array.n)
        mi_buf_addf(b, "\n(%zu of %zu texts)\n", n, runs->as.array.n);
}

/* ---- everything else ------------------------------------------------------------ */

static void print_plain(struct mi_buf *b, const struct stream *s, const struct mi_style *style)
{
    struct mi_table t = {0};

    mi_table_of_records(&t, &s->bodies, NULL, false);
    mi_table_print(b, &t, style);
    mi_table_free(&t);
}

static void print_stream(struct mi_buf *b, const struct report *r, const struct stream *s,
                         const struct options *opt)
{
    struct mi_buf part = {0};

    if (strcmp(s->content, "score") == 0)
        mi_figure_scores(&part, &s->bodies, opt->metric, &r->style);
    else if (strcmp(s->content, "dir") == 0)
        mi_figure_directions(&part, &s->bodies, &r->style);
    else
        print_plain(&part, s, &r->style);
    if (r->n > 1)
        mi_buf_addf(b, "%s%s\n", b->len ? "\n" : "", mi_quote(s->name));
    mi_buf_add(b, part.data, part.len);
    mi_buf_free(&part);
}

/* All streams as one table; with several the first column numbers them. */
static void print_tsv(struct mi_buf *b, struct report *r)
{
    struct mi_value all = mi_array();
    struct mi_table t = {0};

    for (int i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->stream[i].bodies.as.array.n; k++) {
            const struct mi_value *body = &r->stream[i].bodies.as.array.item[k];
            struct mi_value row = mi_map();

            if (r->n > 1)
                mi_set(&r->arena, &row, "stream", mi_int(i));
            for (size_t m = 0; m < body->as.map.n; m++)
                mi_set(&r->arena, &row, body->as.map.member[m].key, body->as.map.member[m].value);
            mi_push(&r->arena, &all, row);
        }
    mi_table_of_records(&t, &all, NULL, true);
    mi_table_print_tsv(b, &t);
    mi_table_free(&t);
}

static int check_contents(const struct report *r, const struct options *opt, struct mi_error *err)
{
    size_t n = 0;

    for (int i = 0; i < r->n; i++) {
        bool is_run = strcmp(r->stream[i].content, "run") == 0;

        n += r->stream[i].bodies.as.array.n;
        if (strcmp(r->stream[0].content, r->stream[i].content) != 0 &&
            (opt->format == TSV || is_run || strcmp(r->stream[0].content, "run") == 0))
            return mi_fail(err, MI_EXIT_DATA,
                           "'%s' holds '%s' records, '%s' '%s' records: they do "
                           "not go into one %s",
                           mi_quote(r->stream[0].name), mi_quote(r->stream[0].content),
                           mi_quote(r->stream[i].name), mi_quote(r->stream[i].content),
                           is_run ? "comparison" : "table");
    }
    return n ? 0 : mi_fail(err, MI_EXIT_NO, "there are no records to show");
}

static int print_report(struct report *r, const struct options *opt, struct mi_out *out,
                        struct mi_error *err)
{
    struct mi_buf b = {0};
    int status = check_contents(r, opt, err);

    if (status == 0) {
        if (opt->format == TSV)
            print_tsv(&b, r);
        else if (strcmp(r->stream[0].content, "run") == 0)
            print_runs(&b, r, opt);
        else
            for (int i = 0; i < r->n; i++)
                print_stream(&b, r, &r->stream[i], opt);
        status = mi_out_write(out, b.data, b.len, err);
    }
    mi_buf_free(&b);
    return status;
}

/* ---- the whole ------------------------------------------------------------------ */

static struct mi_style choose_style(const struct options *opt, const struct mi_out *out)
{
    struct mi_style s = {.width = (int)opt->width, .is_ascii = opt->ascii};
    struct winsize w;

    if (s.width == 0)
        s.width = mi_out_is_terminal(out) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 &&
                          w.ws_col >= LEAST_WIDTH
                      ? (w.ws_col < MOST_WIDTH ? w.ws_col : MOST_WIDTH)
                      : 80;
    if (setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        s.is_ascii = true;
    setlocale(LC_CTYPE, "C");
    return s;
}

static int run(const struct options *opt)
{
    struct report r = {.n = opt->n_inputs};
    struct mi_out out = {0};
    struct mi_error err = {0};
    int status = mi_out_open(&out, opt->output, &err);

    r.stream = mi_alloc_zero((size_t)r.n, sizeof *r.stream);
    r.style = choose_style(opt, &out);
    for (int i = 0; i < r.n && status == 0; i++)
        status = read_stream(&r, &r.stream[i], opt->inputs[i], &err);
    if (status == 0)
        status = print_report(&r, opt, &out, &err);
    if (status == 0)
        status = mi_out_commit(&out, &err);
    mi_out_close(&out);
    for (int i = 0; i < r.n; i++)
        mi_intern_free(&r.stream[i].ids);
    mi_free(r.stream);
    mi_arena_free(&r.arena);
    return status < 0 ? mi_tool_failed(&err) : MI_EXIT_OK;
}

int main(int argc, char **argv)
{
    struct options opt = {.n_shown = 0};

    mi_tool_start(&tool, argv);
    parse_options(&opt, argc, argv);
    return mi_tool_end(run(&opt));
}
