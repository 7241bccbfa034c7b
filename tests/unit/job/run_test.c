/* Runs on the tiny models: figures against transformers, and the same bytes whatever the
 * batch, the passes, the threads, the instruction set, the company and the cache. */
#include "../tap.h"

#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/par.h"
#include "data/json.h"
#include "job/generate.h"
#include "stream/header.h"
#include "stream/reader.h"
#include "stream/run_record.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/mi-run-test.XXXXXX";

/* ---- running ----------------------------------------------------------------- */

static const char *file_in(const char *name)
{
    static char path[4][256];
    static unsigned next;
    char *p = path[next++ % 4];

    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static int write_run(struct mi_session *s, const char *input, const struct mi_run_options *o,
                     const char *output, struct mi_error *err)
{
    struct mi_source src = {0};
    struct mi_writer out = {0};
    struct mi_arena a = {0};
    struct mi_run_totals totals;
    struct mi_value header, inputs;
    int r = mi_writer_open(&out, output, err);

    if (r == 0)
        r = mi_source_open(&src, input, NULL, (struct mi_shard){0}, err);
    if (r == 0) {
        header = mi_header_from(&a, mi_source_header(&src), "run");
        r = mi_session_header(s, &a, &header, err);
    }
    if (r == 0)
        r = mi_writer_header(&out, &header, err);
    if (r == 0)
        r = mi_run(s, &src, NULL, o, &out, &totals, err);
    if (r == 0) {
        inputs = mi_source_inputs(&src, &a);
        r = mi_writer_end(&out, &inputs, err);
    }
    mi_writer_close(&out);
    if (src.state)
        mi_source_close(&src);
    mi_arena_free(&a);
    return r;
}

/* All run records of a stream, borrowed from the arena; their number. */
static int read_runs(struct mi_arena *a, const char *path, struct mi_run_record *run, int most,
                     struct mi_error *err)
{
    struct mi_reader in = {0};
    struct mi_record rec;
    int n = 0, r = mi_reader_open(&in, path, err);

    while (r >= 0 && (r = mi_reader_next(&in, &rec, err)) > 0)
        if (strcmp(rec.kind, "run") == 0 && n < most) {
            struct mi_value *copy = mi_arena_alloc(a, sizeof *copy);

            *copy = mi_value_copy(a, rec.body);
            if ((r = mi_run_read(a, copy, &run[n], err)) < 0)
                break;
            n++;
        }
    mi_reader_close(&in);
    return r < 0 ? r : n;
}

static struct mi_digest digest_of(struct mi_session *s, const char *input,
                                  const struct mi_run_options *o)
{
    struct mi_error err = {0};
    struct mi_reader in = {0};
    struct mi_record rec;
    struct mi_digest d = {{0}};
    const char *path = file_in("digest.mi");

    if (write_run(s, input, o, path, &err) < 0 || mi_reader_open(&in, path, &err) < 0) {
        diag("%s", err.text);
        return d;
    }
    while (mi_reader_next(&in, &rec, &err) > 0)
        ;
    if (err.code)
        diag("%s", err.text);
    d = mi_reader_digest(&in);
    mi_reader_close(&in);
    return d;
}

static bool is_same(struct mi_digest a, struct mi_digest b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static struct mi_run_options greedy(int64_t n_new, int n_top)
{
    return (struct mi_run_options){
        .n_new = n_new, .sampling = {.top_p = 1, .repetition_penalty = 1}, .n_top = n_top};
}

/* ---- against transformers ----------------------------------------------------- */

static double worst_of(const struct mi_value *list, const double *x, int64_t n)
{
    double worst = 0;

    for (int64_t t = 1; t < n; t++)
        worst = fmax(worst, fabs(list->as.array.item[t].as.real - x[t]));
    return worst;
}

static int count_wrong_top(const struct mi_value *top, const struct mi_run_record *r)
{
    int n = 0;

    for (int64_t t = 1; t < r->n_tokens; t++)
        for (int i = 0; i < r->n_top; i++) {
            const struct mi_value *pair = top->as.array.item[t].as.array.item[i].as.array.item;

            n += r->top_token[t * r->n_top + i] != pair[0].as.integer ||
                 fabs(r->top_logp[t * r->n_top + i] - pair[1].as.real) > 1e-4;
        }
    return n;
}

static int count_wrong_ranks(const struct mi_value *rank, const struct mi_run_record *r)
{
    int n = 0;

    for (int64_t t = 1; t < r->n_tokens; t++)
        n += r->rank[t] != rank->as.array.item[t].as.integer;
    return n;
}

static void check_record(const char *name, const struct mi_value *e, const struct mi_run_record *r)
{
    const struct mi_value *tokens = mi_get(e, "tokens");
    int64_t n = (int64_t)tokens->as.array.n, same = 0;

    while (same < n && same < r->n_tokens &&
           tokens->as.array.item[same].as.integer == r->tokens[same])
        same++;
    ok(same == n, "%s %s: %lld ids as transformers has them", name, r->id, (long long)n);
    if (same < n) {
        diag("token %lld differs", (long long)same);
        n = same;
    }
    near(worst_of(mi_get(e, "logp"), r->logp, n), 0, 2e-5, "%s %s: logp", name, r->id);
    near(worst_of(mi_get(e, "entropy"), r->entropy, n), 0, 2e-5, "%s %s: entropy", name, r->id);
    {
        struct mi_run_record part = *r;

        part.n_tokens = n;
        ok(count_wrong_ranks(mi_get(e, "rank"), &part) == 0, "%s %s: rank", name, r->id);
        ok(count_wrong_top(mi_get(e, "top"), &part) == 0, "%s %s: top", name, r->id);
    }
    ok(isnan(r->target_logp) == !mi_get(e, "target_logp") &&
           (isnan(r->target_logp) ||
            fabs(r->target_logp - mi_get_real(e, "target_logp", 0)) < 1e-4),
       "%s %s: target %g", name, r->id, r->target_logp);
    ok(isnan(r->foil_logp) == !mi_get(e, "foil_logp") &&
           (isnan(r->foil_logp) || fabs(r->foil_logp - mi_get_real(e, "foil_logp", 0)) < 1e-4),
       "%s %s: foil %g", name, r->id, r->foil_logp);
}

static void check_golden(struct mi_session *s, const char *name)
{
    struct mi_run_options o = greedy(24, 3);
    struct mi_run_record run[16];
    struct mi_arena a = {0};
    struct mi_buf text = {0};
    struct mi_error err = {0};
    char path[128];
    const char *line;
    int n;

    snprintf(path, sizeof path, "tests/golden/run/%s.jsonl", name);
    n = write_run(s, path, &o, file_in("golden.mi"), &err);
    if (n == 0)
        n = read_runs(&a, file_in("golden.mi"), run, 16, &err);
    ok(n > 0, "%s: %d prompts run %s", name, n, err.text);
    snprintf(path, sizeof path, "tests/golden/run/%s.expect.jsonl", name);
    if (mi_file_read(path, 1 << 24, &text, &err) < 0)
        diag("%s", err.text);
    line = mi_buf_text(&text);
    for (int i = 0; i < n; i++) {
        const char *end = strchr(line, '\n');
        struct mi_value e;

        if (mi_json_parse(&a, line, (size_t)(end - line), &e, &err) < 0)
            diag("%s", err.text);
        check_record(name, &e, &run[i]);
        line = end + 1;
    }
    mi_buf_free(&text);
    mi_arena_free(&a);
}

/* ---- the same bytes ------------------------------------------------------------ */

static void check_company(struct mi_session *s, const char *input, const char *what,
                          struct mi_run_options o)
{
    static const int batches[] = {1, 2, 3, 64}, rows[] = {1, 3, 16, 512};
    struct mi_digest first = digest_of(s, input, &o);

    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        struct mi_run_options other = o;

        other.max_items = batches[i];
        other.max_rows = rows[i];
        ok(is_same(first, digest_of(s, input, &other)),
           "%s: the same bytes with %d prompts at once and passes of %d rows", what, batches[i],
           rows[i]);
    }
}

static void check_machine(struct mi_session *s, const char *input, const char *what,
                          struct mi_run_options o)
{
    static const int threads[] = {1, 2, 3, 7};
    struct mi_digest first = digest_of(s, input, &o);
    enum mi_isa best = mi_cpu_isa();

    for (int i = 0; i < 4; i++) {
        mi_par_set(threads[i]);
        ok(is_same(first, digest_of(s, input, &o)), "%s: the same bytes with %d threads", what,
           threads[i]);
    }
    mi_par_set(1);
    for (int isa = MI_ISA_PORTABLE; isa <= (int)mi_cpu_best(); isa++) {
        mi_cpu_set_isa(mi_isa_name((enum mi_isa)isa));
        ok(is_same(first, digest_of(s, input, &o)), "%s: the same bytes with %s", what,
           mi_isa_name((enum mi_isa)isa));
    }
    mi_cpu_set_isa(mi_isa_name(best));
}

static bool same_doubles(const double *a, const double *b, int64_t n)
{
    for (int64_t t = 0; t < n; t++)
        if (memcmp(&a[t], &b[t], sizeof *a) != 0 && !(isnan(a[t]) && isnan(b[t])))
            return false;
    return true;
}

static bool same_record(const struct mi_run_record *a, const struct mi_run_record *b)
{
    size_t n = (size_t)a->n_tokens, n_top = n * (size_t)a->n_top;

    return a->n_tokens == b->n_tokens && a->n_top == b->n_top &&
           memcmp(a->tokens, b->tokens, n * sizeof *a->tokens) == 0 &&
           same_doubles(a->logp, b->logp, a->n_tokens) &&
           same_doubles(a->entropy, b->entropy, a->n_tokens) &&
           memcmp(a->rank, b->rank, n * sizeof *a->rank) == 0 &&
           memcmp(a->top_token, b->top_token, n_top * sizeof *a->top_token) == 0 &&
           same_doubles(a->top_logp, b->top_logp, (int64_t)n_top);
}

/* The text that was generated token by token over a cache, scored in one pass. */
static void check_score_again(struct mi_session *s, const char *input)
{
    struct mi_run_options o = greedy(24, 4);
    struct mi_run_record made[16], scored[16];
    struct mi_arena a = {0};
    struct mi_error err = {0};
    int n, m, n_same = 0;

    o.sampling.temperature = 1.5;
    n = write_run(s, input, &o, file_in("made.mi"), &err);
    o.n_new = 0;
    if (n == 0)
        n = write_run(s, file_in("made.mi"), &o, file_in("scored.mi"), &err);
    n = n < 0 ? n : read_runs(&a, file_in("made.mi"), made, 16, &err);
    m = n < 0 ? n : read_runs(&a, file_in("scored.mi"), scored, 16, &err);
    for (int i = 0; i < n && i < m; i++)
        n_same += same_record(&made[i], &scored[i]) && !scored[i].stop && made[i].stop &&
                  made[i].text_len == scored[i].text_len;
    ok(n > 0 && n == m && n_same == n, "scoring %d generated texts gives the same bits (%d) %s", n,
       n_same, err.text);
    mi_arena_free(&a);
}

/* Each line of the input by itself, and all in reverse. */
static void check_alone(struct mi_session *s, const char *input)
{
    struct mi_run_options o = greedy(12, 2);
    struct mi_run_record all[16], one[16];
    struct mi_arena a = {0};
    struct mi_buf text = {0};
    struct mi_error err = {0};
    int n, n_same = 0;
    char *line;

    o.sampling.temperature = 0.9;
    o.sampling.seed = 3;
    n = write_run(s, input, &o, file_in("all.mi"), &err);
    n = n < 0 ? n : read_runs(&a, file_in("all.mi"), all, 16, &err);
    if (mi_file_read(input, 1 << 20, &text, &err) < 0)
        diag("%s", err.text);
    line = text.data;
    for (int i = 0; i < n; i++) {
        char *end = memchr(line, '\n', (size_t)(text.data + text.len - line));
        FILE *f = fopen(file_in("one.jsonl"), "w");

        fwrite(line, 1, (size_t)(end - line) + 1, f);
        fclose(f);
        if (write_run(s, file_in("one.jsonl"), &o, file_in("one.mi"), &err) == 0 &&
            read_runs(&a, file_in("one.mi"), one, 16, &err) == 1)
            n_same += same_record(&all[i], &one[0]);
        line = end + 1;
    }
    ok(n > 1 && n_same == n, "%d prompts alone give the bits that they give together (%d) %s", n,
       n_same, err.text);
    mi_buf_free(&text);
    mi_arena_free(&a);
}

static void check_refused(struct mi_session *s)
{
    static const char *const bad[] = {
        "{\"tokens\": []}",
        "{\"tokens\": [5, 300]}",
        "{\"tokens\": [-1]}",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct mi_run_options o = greedy(0, 0);
        struct mi_error err = {0};
        FILE *f = fopen(file_in("bad.jsonl"), "w");

        fprintf(f, "%s\n", bad[i]);
        fclose(f);
        ok(write_run(s, file_in("bad.jsonl"), &o, file_in("bad.mi"), &err) == -MI_EXIT_DATA &&
               access(file_in("bad.mi"), F_OK) != 0,
           "%s is refused, and no file stands: %s", bad[i], err.text);
    }
}

static void check_limits(struct mi_session *s, const char *input)
{
    struct mi_run_options o = greedy(4, 0);
    struct mi_error err = {0};
    struct mi_run_record run[16];
    struct mi_arena a = {0};
    int n;

    o.max_memory = 1 << 16;
    ok(write_run(s, input, &o, file_in("small.mi"), &err) == -MI_EXIT_SYS,
       "too little memory is refused: %s", err.text);
    o = greedy(100000, 0);
    n = write_run(s, input, &o, file_in("full.mi"), &err);
    n = n < 0 ? n : read_runs(&a, file_in("full.mi"), run, 16, &err);
    for (int i = 0; i < n; i++)
        if (strcmp(run[i].stop, "end") != 0 &&
            (strcmp(run[i].stop, "context") != 0 || run[i].n_tokens != 512))
            n = -1;
    ok(n > 0, "a generation ends at an end token or when the context is full %s", err.text);
    mi_arena_free(&a);
}

static void check_model(const char *name)
{
    char model[128], input[128];
    struct mi_session_options so = {.model = model};
    struct mi_session s = {0};
    struct mi_error err = {0};

    snprintf(model, sizeof model, "fixtures/tiny/%s.gguf", name);
    snprintf(input, sizeof input, "tests/golden/run/%s.jsonl", name);
    if (!ok(mi_session_open(&s, &so, &err) == 0, "%s opens %s", name, err.text))
        return;
    check_golden(&s, name);
    if (strcmp(name, "llama-f32") == 0) {
        struct mi_run_options hot = greedy(20, 2);

        hot.sampling.temperature = 1.2;
        hot.sampling.top_p = 0.9;
        check_company(&s, input, "greedy", greedy(20, 2));
        check_company(&s, input, "sampled", hot);
        check_company(&s, input, "scored", greedy(0, 2));
        check_machine(&s, input, "sampled", hot);
        check_refused(&s);
        check_limits(&s, input);
    }
    check_machine(&s, input, name, greedy(6, 0));
    check_score_again(&s, input);
    check_alone(&s, input);
    mi_session_close(&s);
}

int main(void)
{
    mi_par_set(1); /* but where threads are what is looked at: waiting ones cost */
    if (!mkdtemp(folder))
        return 1;
    check_model("llama-f32");
    check_model("llama-mixed");
    check_model("qwen2-f16");
    {
        char command[64];

        snprintf(command, sizeof command, "rm -rf %s", folder);
        if (system(command) != 0)
            diag("%s stays", folder);
    }
    return done();
}
