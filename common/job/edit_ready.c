#include "job/editor_state.h"

#include "base/escape.h"
#include "base/mem.h"

#include <math.h>

static int ready_direction(const struct mi_ready *ready, struct mi_ready_place *at,
                           const struct mi_dims *dims, struct mi_error *err)
{
    const struct mi_edit *e = ready->edit;
    const struct mi_dir_record *dir = mi_material_dir(ready->directions, &at->place, err);
    const char *name = mi_quote(ready->directions->name);
    char text[48];
    double c = e->factor;
    int r;

    if (!dir)
        return -err->code;
    r = mi_subspace_take(&at->space, dir, &at->place, dims, err);
    if (r == 0 && (e->op == MI_EDIT_SWAP || (e->op == MI_EDIT_PROJECT_OUT && at->space.n > 1)))
        r = mi_subspace_orthonormalize(&at->space, err);
    if (r < 0)
        return mi_fail_in(err, "'%s'", name);
    if (e->op == MI_EDIT_PROJECT_OUT || e->op == MI_EDIT_SWAP)
        return 0;
    if (at->space.n > 1)
        return mi_fail(err, MI_EXIT_DATA, "'%s' has a subspace of %d vectors at %s; one is needed",
                       name, at->space.n, mi_place_text(&at->place, text));
    if (e->in_scale && !(dir->scale > 0))
        return mi_fail(err, MI_EXIT_DATA, "'%s' does not say the scale of its direction", name);
    if (e->in_scale)
        c *= dir->scale;
    at->c = (float)c;
    return isfinite(at->c) ? 0 : mi_fail(err, MI_EXIT_USAGE, "%g is too large", c);
}

int mi_ready_place(const struct mi_ready *ready, struct mi_ready_place *at,
                   const struct mi_dims *dims, struct mi_error *err)
{
    const struct mi_edit *e = ready->edit;
    int64_t n;
    char text[48];

    mi_place_shape(&at->place, dims, 0, &at->rows, &at->width);
    n = at->rows * at->width;
    at->c = (float)e->factor;
    if (e->directions)
        return ready_direction(ready, at, dims, err);
    if (e->op == MI_EDIT_FREEZE &&
        (at->place.site > MI_SITE_RESID_POST || at->place.site == MI_SITE_RESULT))
        return mi_fail(err, MI_EXIT_USAGE, "freeze: %s %s", mi_place_text(&at->place, text),
                       at->place.site == MI_SITE_RESULT ? "is not kept; freeze z"
                                                        : "comes after the blocks");
    if (e->op != MI_EDIT_MEAN_ABLATE)
        return 0;
    if (!at->width)
        return mi_fail(err, MI_EXIT_USAGE, "%s has no fixed width: it has no mean",
                       mi_place_text(&at->place, text));
    at->mean = mi_alloc_n((size_t)n, sizeof *at->mean);
    return mi_material_mean(ready->source, &at->place, n, at->mean, err);
}

int mi_ready_condition(struct mi_ready *ready, const struct mi_dims *dims, struct mi_error *err)
{
    const struct mi_edit *e = ready->edit;
    const struct mi_place *at = &e->when.at;
    const struct mi_dir_record *dir = mi_material_dir(ready->when_source, at, err);
    int64_t rows, width, order = mi_place_order(at->site, at->layer);
    struct mi_subspace *space = &ready->when_space;
    char text[48];
    int r;

    if (!dir)
        return -err->code;
    r = mi_subspace_take(space, dir, at, dims, err);
    if (r < 0)
        return mi_fail_in(err, "when: '%s'", mi_quote(ready->when_source->name));
    mi_place_shape(at, dims, 0, &rows, &width);
    if (space->n != 1 || space->width != rows * width)
        return mi_fail(err, MI_EXIT_DATA, "when: '%s' has no single direction %lld wide for %s",
                       mi_quote(ready->when_source->name), (long long)(rows * width),
                       mi_place_text(at, text));
    for (size_t i = 0; i < e->places.n; i++) {
        const struct mi_place *p = &e->places.item[i];
        int64_t own = mi_place_order(p->site, p->layer);

        if (own < order)
            return mi_fail(err, MI_EXIT_USAGE, "when: %s comes after the edited site",
                           mi_place_text(at, text));
        if (own == order)
            ready->when_inside = true;
    }
    return 0;
}

/* ---- where edits begin ----------------------------------------------------------- */

int64_t mi_editor_untouched(const struct mi_editor *e, const struct mi_item *item)
{
    struct mi_pos_tokens t = mi_item_tokens(item);
    struct mi_error ignored = {0};
    int64_t *pos = NULL, least;
    size_t cap = 0;

    t.n_tokens = t.n_prompt; /* positions are those of the prompt */
    least = mi_editor_has_twins(e) ? 0 : t.n_prompt;
    for (size_t i = 0; e->state && i < e->state->edits.n; i++) {
        int64_t n = mi_pos_resolve(&e->state->edits.item[i].pos, &t, &pos, &cap, &ignored);

        for (int64_t k = 0; k < n; k++)
            least = pos[k] < least ? pos[k] : least;
        least = n < 0 ? 0 : least;
    }
    mi_free(pos);
    return least;
}
