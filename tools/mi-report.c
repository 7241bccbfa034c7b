/* mi-report: what streams say, for people: tables, bar charts, texts side by side. */
#include "base/escape.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/opt.h"
#include "base/tool.h"
#include "data/metric.h"
#include "figure/source.h"
#include "job/survey.h"
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
    .synopsis = "[OPTION]... [[TITLE=]STREAM]...",
    .about = "Show streams to people: scores with intervals and controls, directions, effects,\n"
             "texts of runs side by side, verdicts and the evaluation card; on a terminal, as\n"
             "one HTML file, or as tab-separated values.",
    .examples = "  mi-probe eval -d honesty.mi acts-test.mi | mi-report -\n"
                "  mi-report plain.mi steered.mi            # the same prompts, two runs\n"
                "  mi-report -t Honesty Reading=scores.mi Patching=sweep.mi -o report.html\n"
                "  mi-report --format tsv scores.mi > scores.tsv\n",
};

enum format { AUTO, TEXT, TSV, HTML };
static const char *const formats[] = {"auto", "text", "tsv", "html", NULL};

enum { LEAST_WIDTH = 40, MOST_WIDTH = 1000, PLOTLY_MAX = 64 << 20 };
#define PLOTLY_NAME "plotly.min.js"

struct options {
    const char *output, *metric, *title, *plotly;
    const char *const *inputs; /* [n_inputs] */
    int n_inputs, format;
    long width, n_shown;
    bool ascii, full, spreadsheet, dry_run;
};

struct report {
    struct mi_arena arena;
    struct mi_source *source; /* [n] */
    int n;
    struct mi_style style;
};

/* ---- the command line -------------------------------------------------------- */

/* Where the file begins in "TITLE=FILE": a '/' before the '=' makes all of it a file. */
static const char *file_of(const char *input)
{
    const char *equals = strchr(input, '='), *slash = strchr(input, '/');

    return equals && (!slash || slash > equals) ? equals + 1 : input;
}

static void check_inputs(const struct options *opt)
{
    struct mi_tool_io io = {.output = opt->output, .is_dry_run = opt->dry_run};

    for (int i = 0; i < opt->n_inputs; i++)
        mi_tool_input(&io, file_of(opt->inputs[i]));
}

static bool ends_in(const char *text, const char *end)
{
    size_t n = text ? strlen(text) : 0, m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static void parse_options(struct options *opt, int argc, char **argv)
{
    static const char *const standard_input[] = {"-"};
    const struct mi_opt table[] = {
        MI_STRING('o', "output", "FILE", &opt->output, "write here"),
        MI_CHOICE('f', "format", "FORM", &opt->format, formats, "auto: HTML when -o says .html"),
        MI_STRING('t', "title", "TEXT", &opt->title, "heading of an HTML report"),
        MI_STRING(0, "plotly", "FILE", &opt->plotly, "plotly.js to put into an HTML report"),
        MI_STRING(0, "metric", "NAME", &opt->metric, "metric of the bar charts (auroc)"),
        MI_INT('w', "width", "N", &opt->width, 0, MOST_WIDTH, "columns; 0: the terminal's, or 80"),
        MI_INT('n', "texts", "N", &opt->n_shown, 0, INT_MAX, "texts of runs to show; 0: all"),
        MI_FLAG(0, "full", &opt->full, "show whole prompts, and what was made from what"),
        MI_FLAG(0, "spreadsheet", &opt->spreadsheet, "of tsv: a quote before what looks a formula"),
        MI_FLAG(0, "dry-run", &opt->dry_run, "say what the streams hold; draw nothing"),
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
    if (opt->format == AUTO)
        opt->format = ends_in(opt->output, ".html") || ends_in(opt->output, ".htm") ? HTML : TEXT;
}

/* ---- reading ------------------------------------------------------------------ */

static int take_prompt(struct report *r, struct mi_source *s, const struct mi_value *body,
                       struct mi_error *err)
{
    struct mi_arena scratch = {0};
    struct mi_prompt_record rec;
    int64_t n = s->ids.n;
    int status = mi_prompt_read(&scratch, body, &rec, err);

    if (status == 0 && mi_intern_add(&s->ids, rec.id, strlen(rec.id)) == n)
        mi_push(&r->arena, &s->prompts, mi_value_copy(&r->arena, body));
    mi_arena_free(&scratch);
    return status;
}

/* Of activations and statistics only the kind and shape of each place is said. */
static int take_shape(struct report *r, struct mi_source *s, const struct mi_value *body)
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

static int take_record(struct report *r, struct mi_source *s, const struct mi_record *rec,
                       struct mi_error *err)
{
    if (strcmp(rec->kind, "prompt") == 0)
        return take_prompt(r, s, rec->body, err);
    if (strcmp(rec->kind, "verdict") == 0)
        mi_push(&r->arena, &s->others, mi_value_copy(&r->arena, rec->body));
    if (strcmp(rec->kind, s->content) != 0)
        return 0;
    if (strcmp(rec->kind, "act") == 0 || strcmp(rec->kind, "stat") == 0)
        return take_shape(r, s, rec->body);
    mi_push(&r->arena, &s->bodies, mi_value_copy(&r->arena, rec->body));
    return 0;
}

/* What the end record says: the digest, and what the stream was made from. */
static void take_end(struct report *r, struct mi_source *s, const struct mi_reader *in)
{
    const struct mi_value *inputs = mi_get(mi_reader_end(in), "inputs");
    struct mi_digest digest = mi_reader_digest(in);
    char text[33];

    s->digest = mi_arena_dup(&r->arena, mi_digest_text(&digest, text), 32);
    for (size_t i = 0; mi_is(inputs, MI_ARRAY) && i < inputs->as.array.n; i++)
        mi_push(&r->arena, &s->inputs, mi_value_copy(&r->arena, &inputs->as.array.item[i]));
}

static int read_stream(struct report *r, struct mi_source *s, const char *input,
                       struct mi_error *err)
{
    const char *path = file_of(input);
    struct mi_reader in = {0};
    struct mi_record rec;
    int status = mi_reader_open(&in, path, err);

    s->bodies = s->prompts = s->others = s->inputs = mi_array();
    if (status < 0)
        return status;
    s->name = mi_arena_dup(&r->arena, path, strlen(path));
    if (path > input)
        s->title = mi_arena_dup(&r->arena, input, (size_t)(path - input) - 1);
    s->header = mi_value_copy(&r->arena, mi_reader_header(&in));
    s->content = mi_get_str(&s->header, "content", "");
    while (status == 0 && (status = mi_reader_next(&in, &rec, err)) > 0)
        if ((status = take_record(r, s, &rec, err)) < 0)
            mi_reader_blame(&in, err);
    if (status == 0)
        take_end(r, s, &in);
    mi_reader_close(&in);
    return status;
}

/* ---- writing ------------------------------------------------------------------------ */

static void add_row(struct report *r, struct mi_value *rows, int stream,
                    const struct mi_value *body)
{
    struct mi_value row = mi_map();

    if (r->n > 1)
        mi_set(&r->arena, &row, "stream", mi_int(stream));
    for (size_t m = 0; m < body->as.map.n; m++)
        mi_set(&r->arena, &row, body->as.map.member[m].key, body->as.map.member[m].value);
    mi_push(&r->arena, rows, row);
}

/* All streams as one table; with several the first column numbers them. */
static void print_tsv(struct mi_buf *b, struct report *r, const struct options *opt)
{
    struct mi_value all = mi_array();
    struct mi_table t = {0};

    for (int i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->source[i].bodies.as.array.n; k++) {
            const struct mi_value *body = &r->source[i].bodies.as.array.item[k];
            struct mi_value tokens;

            if (!mi_is_scan(body)) {
                add_row(r, &all, i, body);
                continue;
            }
            tokens = mi_scan_lines(&r->arena, &r->source[i], body);
            for (size_t j = 0; j < tokens.as.array.n; j++)
                add_row(r, &all, i, &tokens.as.array.item[j]);
        }
    mi_table_of_records(&t, &all, NULL, true);
    mi_table_print_tsv(b, &t, opt->spreadsheet);
    mi_table_free(&t);
}

static int check_contents(const struct report *r, const struct options *opt, struct mi_error *err)
{
    size_t n = 0;

    for (int i = 0; i < r->n; i++) {
        n += r->source[i].bodies.as.array.n + r->source[i].others.as.array.n;
        if (opt->format == TSV && strcmp(r->source[0].content, r->source[i].content) != 0)
            return mi_fail(err, MI_EXIT_DATA,
                           "'%s' holds '%s' records, '%s' '%s' records: they do "
                           "not go into one table",
                           mi_quote(r->source[0].name), mi_quote(r->source[0].content),
                           mi_quote(r->source[i].name), mi_quote(r->source[i].content));
    }
    return n ? 0 : mi_fail(err, MI_EXIT_NO, "there are no records to show");
}

/* plotly.js: as told, else beside the folder of the tool, else where it was installed. */
static int read_plotly(struct mi_buf *text, const char *path, struct mi_error *err)
{
    static const char installed[] = MI_DATADIR "/" PLOTLY_NAME;
    char own[4096];
    ssize_t n = readlink("/proc/self/exe", own, sizeof own - 64);

    if (!path && n > 0) {
        char *slash;

        own[n] = '\0';
        slash = strrchr(own, '/');
        strcpy(slash ? slash : own, "/../share/mi-tools/" PLOTLY_NAME);
        path = access(own, R_OK) == 0 ? own : NULL;
    }
    if (!path && access(installed, R_OK) != 0)
        return mi_fail(err, MI_EXIT_SYS,
                       "the charts need plotly.js, which is not at '%s': run 'make deps' and "
                       "build again, or say --plotly FILE",
                       mi_quote(installed));
    path = path ? path : installed;
    if (mi_file_read(path, PLOTLY_MAX, text, err) < 0)
        return -err->code;
    mi_buf_text(text);
    if (strstr(text->data, "</script") || strlen(text->data) != text->len)
        return mi_fail(err, MI_EXIT_DATA, "'%s' cannot stand in a page", mi_quote(path));
    return 0;
}

static int print_html(struct mi_buf *b, const struct report *r, const struct mi_page *page,
                      const struct options *opt, struct mi_error *err)
{
    const char *title = opt->title ? opt->title : r->n == 1 ? r->source[0].name : "Report";
    struct mi_buf plotly = {0};
    int status = mi_page_has_charts(page) ? read_plotly(&plotly, opt->plotly, err) : 0;

    if (status == 0)
        mi_page_html(b, page, title, &plotly);
    mi_buf_free(&plotly);
    return status;
}

static int print_report(struct report *r, const struct options *opt, struct mi_out *out,
                        struct mi_error *err)
{
    struct mi_report_options choice = {opt->metric, (int)opt->n_shown,
                                       opt->format == HTML || opt->full};
    struct mi_buf b = {0};
    struct mi_page page = {0};
    int status = check_contents(r, opt, err);

    if (status == 0) {
        if (opt->format == TSV) {
            print_tsv(&b, r, opt);
        } else {
            mi_report_page(&page, r->source, r->n, &choice);
            if (opt->format == HTML)
                status = print_html(&b, r, &page, opt, err);
            else
                mi_page_print(&b, &page, &r->style);
        }
    }
    if (status == 0)
        status = mi_out_write(out, b.data, b.len, err);
    mi_page_free(&page);
    mi_buf_free(&b);
    return status;
}

/* ---- the whole ------------------------------------------------------------------ */

static struct mi_style choose_style(const struct options *opt, const struct mi_out *out)
{
    struct mi_style s = {.width = (int)opt->width, .is_ascii = opt->ascii, .is_full = opt->full};
    struct winsize w;

    if (s.width == 0)
        s.width = mi_out_is_terminal(out) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 &&
                          w.ws_col >= LEAST_WIDTH
                      ? (w.ws_col < MOST_WIDTH ? w.ws_col : MOST_WIDTH)
                      : 80;
    if (setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        s.is_ascii = true;
    setlocale(LC_CTYPE, "C");
    s.has_colour = mi_out_is_terminal(out) && mi_color_wanted(STDOUT_FILENO);
    return s;
}

/* What each stream holds. */
static int print_plan(const struct options *opt, struct mi_error *err)
{
    struct mi_buf b = {0};
    int status = 0;

    for (int i = 0; i < opt->n_inputs && status == 0; i++) {
        struct mi_survey s = {0};

        status = mi_survey_stream(&s, file_of(opt->inputs[i]), NULL, err);
        mi_buf_addf(&b, "%s%s:\n", i ? "\n" : "", mi_quote(opt->inputs[i]));
        mi_survey_print(&b, &s);
        mi_survey_free(&s);
    }
    if (status == 0)
        fputs(mi_buf_text(&b), stdout);
    mi_buf_free(&b);
    return status;
}

static int run(const struct options *opt)
{
    struct report r = {.n = opt->n_inputs};
    struct mi_out out = {0};
    struct mi_error err = {0};
    int status;

    if (opt->dry_run)
        return print_plan(opt, &err) < 0 ? mi_tool_failed(&err) : MI_EXIT_OK;
    status = mi_out_open(&out, opt->output, &err);

    r.source = mi_alloc_zero((size_t)r.n, sizeof *r.source);
    r.style = choose_style(opt, &out);
    for (int i = 0; i < r.n && status == 0; i++)
        status = read_stream(&r, &r.source[i], opt->inputs[i], &err);
    if (status == 0)
        status = print_report(&r, opt, &out, &err);
    if (status == 0)
        status = mi_out_commit(&out, &err);
    mi_out_close(&out);
    for (int i = 0; i < r.n; i++)
        mi_intern_free(&r.source[i].ids);
    mi_free(r.source);
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
