/* job/sweep_bases.c: the subspaces that patches along and across directions act in; see sweep.h. */
#include "base/escape.h"
#include "base/mem.h"
#include "job/sweep_state.h"

#include <string.h>

static int take_basis(struct mi_sweep_state *w, struct mi_sweep_bases *b, const struct mi_place *at,
                      const struct mi_dir_record *dir, struct mi_error *err)
{
    struct mi_sweep_basis *x = &b->item[b->n];
    char text[48];
    int r;

    *x =
        (struct mi_sweep_basis){.method = dir->method, .draw = mi_get_int(&dir->extra, "draw", -1)};
    for (int i = 0; i < b->n; i++)
        if (b->item[i].draw == x->draw && strcmp(b->item[i].method, x->method) == 0)
            return mi_fail(err, MI_EXIT_DATA,
                           "two directions '%s' for %s; keep one "
                           "(mi-direction select)",
                           mi_quote(x->method), mi_place_text(at, text));
    b->n++;
    r = mi_subspace_take(&x->space, dir, at, w->dims, err);
    return r < 0 ? r : mi_subspace_orthonormalize(&x->space, err);
}

int mi_sweep_open_bases(struct mi_sweep_state *w, struct mi_error *err)
{
    struct mi_material *m = w->o->directions;
    const struct mi_places *places = &w->o->places;
    const struct mi_dir_record **dir;
    int r = 0;

    if (!m)
        return 0;
    w->bases = mi_alloc_zero(places->n, sizeof *w->bases);
    dir = mi_alloc_n(m->n_dirs, sizeof *dir);
    for (size_t i = 0; i < places->n && r >= 0; i++) {
        int n = r = mi_material_dirs(m, &places->item[i], dir, err);

        w->bases[i].item = mi_alloc_zero(m->n_dirs, sizeof *w->bases[i].item);
        for (int k = 0; k < n && r >= 0; k++)
            if ((r = take_basis(w, &w->bases[i], &places->item[i], dir[k], err)) < 0)
                mi_fail_in(err, "'%s'", mi_quote(m->name));
    }
    mi_free(dir);
    return r < 0 ? r : 0;
}

void mi_sweep_free_bases(struct mi_sweep_state *w)
{
    for (size_t i = 0; w->bases && i < w->o->places.n; i++) {
        for (int k = 0; k < w->bases[i].n; k++)
            mi_subspace_free(&w->bases[i].item[k].space);
        mi_free(w->bases[i].item);
    }
    mi_free(w->bases);
}
