/* Scoring over the keys and values of another run, against one cache a token made by hand. */
#include "../tap.h"

#include "base/file.h"
#include "base/mem.h"
#include "job/generate.h"
#include "job/score.h"
#include "math/rows.h"
#include "stream/header.h"
#include "stream/reader.h"
#include "stream/run_record.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 64 };

static char folder[] = "/tmp/mi-crossed-test.XXXXXX";
static struct mi_session session;

/* What a run wrote of one prompt. */
struct scores {
    int64_t n;
    int32_t token[MOST];
    double logp[MOST], target;
};

static int open_edits(struct mi_editor *e, const char *line)
{
    struct mi_error err = {0};
    int r = mi_editor_open(e, &session, &line, 1, NULL, 0, NULL, false, 1, &err);

    if (r < 0)
        diag("%s", err.text);
    return r;
}

/* ---- by the program ------------------------------------------------------------- */

static int write_run(const char *input, const char *edit, const char *cache, int max_rows,
                     const char *path, struct mi_error *err)
{
    struct mi_editor edits = {0}, cache_edits = {0};
    struct mi_run_options o = {.max_rows = max_rows};
    struct mi_run_totals totals;
    struct mi_source src = {0};
    struct mi_writer out = {0};
    struct mi_arena a = {0};
    struct mi_value header = mi_header_new(&a, "run"), none = mi_array();
    int r = mi_writer_open(&out, path, err);

    if (r == 0 && (r = open_edits(&edits, edit)) == 0 && cache) {
        r = open_edits(&cache_edits, cache);
        o.cache_from = &cache_edits;
    }
    if (r == 0)
        r = mi_source_open(&src, input, NULL, (struct mi_shard){0}, err);
    if (r == 0 && (r = mi_writer_header(&out, &header, err)) == 0 &&
        (r = mi_run(&session, &src, &edits, &o, &out, &totals, err)) == 0)
        r = mi_writer_end(&out, &none, err);
    mi_writer_close(&out);
    if (src.state)
        mi_source_close(&src);
    mi_editor_close(&edits);
    mi_editor_close(&cache_edits);
    mi_arena_free(&a);
    return r;
}

/* Runs and reads back; the number of prompts. */
static int score(struct scores *s, int most, const char *input, const char *edit, const char *cache,
                 int max_rows)
{
    char path[256];
    struct mi_error err = {0};
    struct mi_arena a = {0};
    struct mi_reader in = {0};
    struct mi_record rec;
    int n = 0, r;

    snprintf(path, sizeof path, "%s/out.mi", folder);
    r = write_run(input, edit, cache, max_rows, path, &err);
    if (r == 0)
        r = mi_reader_open(&in, path, &err);
    while (r >= 0 && (r = mi_reader_next(&in, &rec, &err)) > 0) {
        struct mi_run_record run;

        if (strcmp(rec.kind, "run") != 0 || n == most)
            continue;
        if ((r = mi_run_read(&a, rec.body, &run, &err)) < 0)
            break;
        s[n] = (struct scores){.n = run.n_tokens, .target = run.target_logp};
        for (int64_t t = 0; t < run.n_tokens; t++) {
            s[n].token[t] = run.tokens[t];
            s[n].logp[t] = run.logp[t];
        }
        n++;
    }
    if (r < 0)
        diag("%s", err.text);
    mi_reader_close(&in);
    mi_arena_free(&a);
    return n;
}

/* ---- by hand -------------------------------------------------------------------- */

struct hook {
    struct mi_editor *edits;
    const struct mi_item *item;
    int32_t next; /* token whose log-probability is wanted */
    double logp;
};

static bool wants(void *self, enum mi_site site, int layer)
{
    const struct hook *h = self;

    return site == MI_SITE_LOGITS || mi_editor_wants(h->edits, site, layer);
}

static int visit(void *self, struct mi_view *view, struct mi_error *err)
{
    struct hook *h = self;

    if (view->site == MI_SITE_LOGITS)
        h->logp = (double)view->x[h->next] - mi_log_normalizer(view->x, view->width);
    return mi_editor_wants(h->edits, view->site, view->layer)
               ? mi_editor_apply(h->edits, view, &h->item, err)
               : 0;
}

static int feed(struct hook *h, struct mi_cache *cache, const int32_t *tokens, int n, bool scores)
{
    const int last = n - 1;
    struct mi_sequence q = {
        .tokens = tokens, .n = n, .cache = cache, .logit_rows = &last, .n_logit_rows = scores};
    struct mi_hooks hooks = {h, wants, visit};
    struct mi_error err = {0};

    return mi_forward(&session.forward, &session.model, &q, 1, 0, &hooks, &err);
}

/* Log-probability of token t: tokens before t - 1 under `cache`, token t - 1 under `edit`. */
static double score_by_hand(const struct scores *s, int64_t t, const char *edit, const char *cache)
{
    const char *piece[MOST];
    size_t piece_len[MOST] = {0};
    struct mi_item item = {.number = 0};
    struct mi_editor e = {0}, f = {0};
    struct hook own = {&e, &item, s->token[t], 0}, other = {&f, &item, 0, 0};
    struct mi_cache c;

    for (int i = 0; i < MOST; i++)
        piece[i] = "";
    item.prompt = (struct mi_prompt_record){.id = "a",
                                            .tokens = s->token,
                                            .n_tokens = s->n,
                                            .n_prompt = s->n,
                                            .piece = piece,
                                            .piece_len = piece_len};
    if (open_edits(&e, edit) < 0 || open_edits(&f, cache) < 0)
        return (double)NAN;
    mi_cache_init(&c, &session.model, s->n);
    if ((t > 1 && feed(&other, &c, s->token, (int)t - 1, false) < 0) ||
        feed(&own, &c, s->token + t - 1, 1, true) < 0)
        own.logp = (double)NAN;
    mi_cache_free(&c);
    mi_editor_close(&e);
    mi_editor_close(&f);
    return own.logp;
}

static bool is_same(const struct scores *a, const struct scores *b, int n)
{
    bool same = true;

    for (int i = 0; i < n; i++)
        same = same && a[i].n == b[i].n &&
               memcmp(a[i].logp + 1, b[i].logp + 1, (size_t)(a[i].n - 1) * sizeof(double)) == 0 &&
               memcmp(&a[i].target, &b[i].target, sizeof(double)) == 0;
    return same;
}

static void test_against_hand(const char *input, const char *edit, const char *cache)
{
    struct scores s[3], cut[3];
    int64_t n_wrong = 0, n_moved = 0;

    ok(score(s, 3, input, edit, cache, 0) == 3, "scored: %s over %s", edit, cache);
    for (int64_t t = 1; t < s[0].n; t++) {
        n_wrong += score_by_hand(&s[0], t, edit, cache) != s[0].logp[t];
        n_moved += score_by_hand(&s[0], t, edit, edit) != s[0].logp[t];
    }
    ok(n_wrong == 0 && s[0].n > 3, "%d tokens as by hand, %d differ", (int)s[0].n, (int)n_wrong);
    ok(n_moved >= s[0].n - 2, "the cache matters at %d tokens", (int)n_moved);
    ok(score(cut, 3, input, edit, cache, 5) == 3 && is_same(s, cut, 3), "passes change no bit");
}

static void test_equal_edits(const char *input, const char *edit)
{
    struct scores own[3], crossed[3];

    ok(score(own, 3, input, edit, NULL, 0) == 3 && score(crossed, 3, input, edit, edit, 0) == 3 &&
           is_same(own, crossed, 3) && isfinite(own[0].target),
       "%s over itself is an ordinary run, bit for bit", edit);
}

int main(void)
{
    static const char prompts[] =
        "{\"id\":\"a\",\"text\":\"the quick brown fox jumps over\",\"target\":\" the dog\"}\n"
        "{\"id\":\"b\",\"text\":\"he\",\"target\":\" the dog and all\",\"foil\":\" it\"}\n"
        "{\"id\":\"c\",\"text\":\"once upon a time there was a hill\",\"target\":\" x\"}\n";
    struct mi_session_options o = {.model = "fixtures/tiny/llama-f32.gguf"};
    struct mi_error err = {0};
    char input[256];
    FILE *f;

    plan(11);
    if (!mkdtemp(folder) || mi_session_open(&session, &o, &err) < 0) {
        diag("%s", err.text);
        return 2;
    }
    snprintf(input, sizeof input, "%s/p.jsonl", folder);
    f = fopen(input, "w");
    fputs(prompts, f);
    fclose(f);
    test_against_hand(input, "zero mlp_out:0", "none");
    test_against_hand(input, "zero attn_out:0 @ 0:2", "scale resid_post:0 * -2 @ 1:");
    test_equal_edits(input, "zero mlp_out:0");
    test_equal_edits(input, "noise resid_post:0 * 0.5");
    test_equal_edits(input, "none");
    unlink(input);
    snprintf(input, sizeof input, "%s/out.mi", folder);
    unlink(input);
    rmdir(folder);
    mi_session_close(&session);
    return done();
}
