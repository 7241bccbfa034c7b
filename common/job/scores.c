#include "job/scores.h"

#include "base/escape.h"

#include <string.h>

bool mi_scores_owns(const char *key)
{
    static const char *const own[] = {"kind", "metric", "value",   "lo",
                                      "hi",   "n",      "control", "seed"};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(key, own[i]) == 0)
            return true;
    return false;
}

int mi_scores_key(struct mi_arena *a, struct mi_value *of, const char *text, struct mi_error *err)
{
    const char *equal = strchr(text, '=');
    const char *key = equal ? mi_arena_dup(a, text, (size_t)(equal - text)) : "";

    if (!equal || equal == text)
        return mi_fail(err, MI_EXIT_USAGE, "'%s' is no KEY=VALUE", mi_quote(text));
    if (mi_scores_owns(key))
        return mi_fail(err, MI_EXIT_USAGE, "'%s' is a key of every score", mi_quote(key));
    if (mi_utf8_valid(text, strlen(text)) != strlen(text))
        return mi_fail(err, MI_EXIT_USAGE, "'%s' is no UTF-8", mi_quote(text));
    if (of->kind != MI_MAP)
        *of = mi_map();
    mi_set(a, of, key, mi_str(equal + 1));
    return 0;
}

void mi_scores_add_keys(struct mi_arena *a, struct mi_value *to, const struct mi_value *of)
{
    for (size_t i = 0; mi_is(of, MI_MAP) && i < of->as.map.n; i++)
        mi_set(a, to, of->as.map.member[i].key, of->as.map.member[i].value);
}

int mi_scores_put(struct mi_scores *s, const struct mi_value *of, const char *metric,
                  const struct mi_figure *f, const char *control, struct mi_error *err)
{
    struct mi_score_record rec = {.of = mi_map(),
                                  .metric = metric,
                                  .value = f->value,
                                  .lo = f->lo,
                                  .hi = f->hi,
                                  .n = f->n,
                                  .control = control,
                                  .seed = (int64_t)s->seed};
    struct mi_value body;

    mi_arena_reset(&s->arena);
    mi_scores_add_keys(&s->arena, &rec.of, of);
    mi_scores_add_keys(&s->arena, &rec.of, &s->of);
    body = mi_score_body(&s->arena, &rec);
    s->n++;
    return mi_writer_put(s->out, "score", &body, err);
}

int mi_scores_resample(const struct mi_scores *s, struct mi_resamples *r, int64_t n_groups,
                       const char *where, struct mi_error *err)
{
    *r = (struct mi_resamples){0};
    if (s->n_bootstrap == 0)
        return 0;
    if (n_groups < MI_BOOTSTRAP_MIN_GROUPS)
        return mi_fail(err, MI_EXIT_DATA,
                       "%s: %lld group%s: an interval needs at least %d (--bootstrap 0 goes "
                       "without)",
                       where, (long long)n_groups, n_groups == 1 ? "" : "s",
                       MI_BOOTSTRAP_MIN_GROUPS);
    mi_resamples_init(r, (int32_t)n_groups, s->n_bootstrap, s->seed);
    return 0;
}

void mi_scores_free(struct mi_scores *s)
{
    mi_arena_free(&s->arena);
}
