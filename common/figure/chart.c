#include "figure/chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct mi_chart *mi_chart_new(struct mi_arena *a, enum mi_chart_kind kind)
{
    struct mi_chart *c = mi_arena_alloc(a, sizeof *c);

    *c = (struct mi_chart){.kind = kind,
                           .from = (double)NAN,
                           .to = (double)NAN,
                           .chance = (double)NAN,
                           .is_numeric = true,
                           .arena = a};
    return c;
}

/* Room for one more of `size` bytes; the arena keeps what was outgrown. */
static void *grow(struct mi_arena *a, void *old, size_t *cap, size_t n, size_t size)
{
    void *p = old;

    if (n == *cap) {
        *cap = n ? 2 * n : 8;
        p = mi_arena_alloc(a, *cap * size);
        if (n)
            memcpy(p, old, n * size);
    }
    return p;
}

int mi_chart_x(struct mi_chart *c, const char *label)
{
    size_t cap = c->cap_x, cap_at = c->cap_x, n = (size_t)c->n_x;
    char *end;

    for (int i = 0; i < c->n_x; i++)
        if (strcmp(c->x[i], label) == 0)
            return i;
    c->x = grow(c->arena, c->x, &cap, n, sizeof *c->x);
    c->x_at = grow(c->arena, c->x_at, &cap_at, n, sizeof *c->x_at);
    c->cap_x = cap;
    c->x[n] = mi_arena_dup(c->arena, label, strlen(label));
    c->x_at[n] = strtod(label, &end);
    c->is_numeric = c->is_numeric && *label && *end == '\0' &&
                    label[strspn(label, c->takes_reals ? "-+.0123456789" : "-0123456789")] == '\0';
    return c->n_x++;
}

static double *absent(struct mi_chart *c)
{
    double *x = mi_arena_alloc(c->arena, (size_t)c->n_x * sizeof *x);

    for (int i = 0; i < c->n_x; i++)
        x[i] = (double)NAN;
    return x;
}

struct mi_series *mi_chart_series(struct mi_chart *c, const char *name)
{
    struct mi_series *s;

    for (int i = 0; i < c->n; i++)
        if (strcmp(c->series[i].name, name) == 0)
            return &c->series[i];
    c->series = grow(c->arena, c->series, &c->cap, (size_t)c->n, sizeof *c->series);
    s = &c->series[c->n++];
    *s = (struct mi_series){.name = mi_arena_dup(c->arena, name, strlen(name)),
                            .y = absent(c),
                            .lo = absent(c),
                            .hi = absent(c)};
    return s;
}

void mi_chart_hint(struct mi_chart *c, struct mi_series *s, int x, const char *hint)
{
    if (!s->hint) {
        s->hint = mi_arena_alloc(c->arena, (size_t)c->n_x * sizeof *s->hint);
        for (int i = 0; i < c->n_x; i++)
            s->hint[i] = "";
    }
    s->hint[x] = mi_arena_dup(c->arena, hint, strlen(hint));
}
