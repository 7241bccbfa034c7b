/* Every site of every fixture against transformers (tests/parity/golden_forward.py). */
#include "../tap.h"
#include "fixture.h"
#include "math/rows.h"

enum { MAX_GOLDEN = 256, MAX_NUMBERS = 4096 };

/* One line of a golden file. */
struct golden {
    char site[24];
    int layer, row, n;
    double *x;          /* [n] */
    double error, size; /* squared norms, of the difference and of x */
    double worst;       /* largest difference */
    bool is_seen;
};

struct goldens {
    struct golden item[MAX_GOLDEN];
    int n;
    int32_t tokens[MAX_TOKENS];
    int n_tokens;
};

static void read_goldens(struct goldens *g, const char *path)
{
    FILE *f = fopen(path, "r");
    char number[32];

    g->n = 0;
    if (!f || fscanf(f, "tokens %d", &g->n_tokens) != 1 || g->n_tokens > MAX_TOKENS) {
        printf("Bail out! %s cannot be read\n", path);
        exit(1);
    }
    for (int i = 0; i < g->n_tokens; i++)
        if (fscanf(f, "%d", &g->tokens[i]) != 1)
            exit(1);
    for (struct golden *x = g->item;
         g->n < MAX_GOLDEN && fscanf(f, "%23s %d %d %d", x->site, &x->layer, &x->row, &x->n) == 4;
         x++, g->n++) {
        x->x = mi_alloc_n((size_t)x->n, sizeof(double));
        x->error = x->size = x->worst = 0;
        x->is_seen = false;
        for (int i = 0; i < x->n && fscanf(f, "%31s", number) == 1; i++)
            x->x[i] = strtod(number, NULL);
    }
    fclose(f);
}

static void compare_number(struct golden *x, int i, double y)
{
    double d = isinf(x->x[i]) && isinf(y) ? 0 : y - x->x[i];

    x->error += d * d;
    x->size += isinf(x->x[i]) ? 0 : x->x[i] * x->x[i];
    x->worst = fabs(d) > x->worst ? fabs(d) : x->worst;
}

static int compare_view(struct watcher *w, struct mi_view *v, struct mi_error *err)
{
    struct goldens *g = w->edit_self;
    const char *name = v->site == MI_SITE_LOGITS ? "logp" : mi_site_info(v->site)->name;

    (void)err;
    for (int j = 0; j < g->n; j++) {
        struct golden *x = &g->item[j];

        if (strcmp(x->site, name) != 0 || x->layer != v->layer)
            continue;
        for (int r = 0; r < v->n_rows; r++) {
            const float *y = v->x + r * v->ld;
            int64_t n = has_keys(v->site) ? x->row + 1 : v->width;
            double shift = v->site == MI_SITE_LOGITS ? mi_log_normalizer(y, n) : 0;

            if (v->row[r].position != x->row)
                continue;
            x->is_seen = x->n == n * v->n_heads;
            for (int i = 0; x->is_seen && i < x->n; i++)
                compare_number(x, i, (double)y[i / n * v->ld_head + i % n] - shift);
        }
    }
    return 0;
}

static void test_fixture(const char *name)
{
    char path[64];
    int rows[MAX_TOKENS], wrong = 0;
    double worst = 0, worst_logp = 0;
    struct goldens *g = mi_alloc(sizeof(*g));
    struct watcher w = {.edit = compare_view, .edit_self = g};
    struct mi_hooks hooks = hooks_of(&w);
    struct mi_forward f = {0};
    struct mi_error err = {0};
    struct mi_model m;

    snprintf(path, sizeof(path), "fixtures/tiny/%s.gguf", name);
    open_fixture(&m, path);
    snprintf(path, sizeof(path), "tests/golden/forward/%s.txt", name);
    read_goldens(g, path);
    want_all(&w);
    for (int i = 0; i < g->n_tokens; i++)
        rows[i] = i;
    must(mi_forward(&f, &m,
                    &(struct mi_sequence){.tokens = g->tokens,
                                          .n = g->n_tokens,
                                          .logit_rows = rows,
                                          .n_logit_rows = g->n_tokens},
                    1, 0, &hooks, &err),
         &err);
    for (int j = 0; j < g->n; j++) {
        struct golden *x = &g->item[j];
        bool is_logp = strcmp(x->site, "logp") == 0;
        double relative = sqrt(x->error / x->size);
        bool is_good = x->is_seen && (is_logp ? x->worst <= 5e-5 : relative <= 1e-5);

        if (is_logp)
            worst_logp = x->worst > worst_logp ? x->worst : worst_logp;
        else
            worst = relative > worst ? relative : worst;
        if (!is_good)
            diag("%s layer %d row %d: %s, relative %g, worst %g", x->site, x->layer, x->row,
                 x->is_seen ? "differs" : "was not shown", relative, x->worst);
        wrong += !is_good;
        mi_free(x->x);
    }
    ok(wrong == 0 && g->n > 0, "%s: %d site rows are as in transformers", name, g->n);
    diag("%s: largest relative error %.2g, of log-probabilities %.2g", name, worst, worst_logp);
    mi_forward_free(&f);
    mi_model_close(&m);
    mi_free(g);
}

int main(void)
{
    plan(N_FIXTURES);
    test_fixture("llama-f32");
    test_fixture("llama-mixed");
    test_fixture("llama-k");
    test_fixture("qwen2-f16");
    return done();
}
