#include "stream/select.h"

#include "base/buf.h"
#include "base/intern.h"
#include "base/mem.h"
#include "base/near.h"
#include "data/json.h"
#include "data/site.h"
#include "stream/codec.h"
#include "stream/record.h"

#include <stdlib.h>
#include <string.h>

/* A prompt record that fits, as its canonical bytes: a tenth of it as a value. */
struct prompt {
    char *bytes; /* [n]; NULL when it does not fit, or nobody will ask again */
    size_t n;
    bool fits, is_put;
};

struct layers {
    int64_t from, to;
};

struct mi_select_state {
    struct mi_wanted wanted;
    struct layers *layer; /* [n_layer] */
    size_t n_layer, cap_layer;
    struct mi_pos pos;
    struct mi_intern ids; /* of the prompts */
    struct prompt *prompt;
    size_t cap_prompt;
    struct mi_arena arena; /* of the record in hand */
    int64_t *position;     /* [n_position] of prompt `resolved` */
    size_t cap_position;
    int64_t n_position, resolved;
};

typedef int put_function(void *ctx, const char *kind, const struct mi_value *body,
                         struct mi_error *err);

/* ---- what is wanted ----------------------------------------------------------- */

/* "4-12,20" */
static int read_layers(struct mi_select_state *s, const char *text, struct mi_error *err)
{
    for (const char *p = text;; p++) {
        char *end = NULL;
        struct layers one = {-1, -1};

        if (*p >= '0' && *p <= '9') {
            one.from = one.to = strtol(p, &end, 10);
            if (*end == '-' && end[1] >= '0' && end[1] <= '9')
                one.to = strtol(end + 1, &end, 10);
        }
        if (!end || (*end && *end != ',') || one.to < one.from)
            return mi_fail(err, MI_EXIT_USAGE,
                           "--layer: '%.60s' is no layer or range, as 9 or 4-12", text);
        s->layer = mi_grow(s->layer, &s->cap_layer, s->n_layer + 1, sizeof one);
        s->layer[s->n_layer++] = one;
        if (!*end)
            return 0;
        p = end;
    }
}

static int check_site(const char *name, struct mi_error *err)
{
    const char *names[MI_SITES];
    char near[128];

    if (mi_site_find(name) >= 0)
        return 0;
    for (int i = 0; i < MI_SITES; i++)
        names[i] = mi_site_info((enum mi_site)i)->name;
    if (*mi_near_names(name, names, MI_SITES, near, sizeof near))
        return mi_fail(err, MI_EXIT_USAGE, "--site: no site '%.60s'; did you mean %s?", name, near);
    return mi_fail(err, MI_EXIT_USAGE, "--site: no site '%.60s' (as resid_post, z, mlp_out)", name);
}

int mi_select_open(struct mi_select *sel, const struct mi_wanted *wanted, struct mi_error *err)
{
    struct mi_select_state *s = mi_alloc_zero(1, sizeof *s);
    int status = 0;

    sel->state = s;
    s->wanted = *wanted;
    s->resolved = -1;
    for (int i = 0; i < wanted->n_layer && status == 0; i++)
        status = read_layers(s, wanted->layer[i], err);
    for (int i = 0; i < wanted->n_site && status == 0; i++)
        status = check_site(wanted->site[i], err);
    if (wanted->position && status == 0)
        status = mi_pos_parse(&s->pos, wanted->position, err);
    if (status < 0)
        mi_select_close(sel);
    return status;
}

void mi_select_close(struct mi_select *sel)
{
    struct mi_select_state *s = sel->state;

    sel->state = NULL;
    if (!s)
        return;
    for (int64_t i = 0; i < s->ids.n; i++)
        mi_free(s->prompt[i].bytes);
    mi_free(s->prompt);
    mi_free(s->layer);
    mi_free(s->position);
    mi_pos_free(&s->pos);
    mi_intern_free(&s->ids);
    mi_arena_free(&s->arena);
    mi_free(s);
}

/* ---- does it fit? ------------------------------------------------------------- */

/* Labels may be numbers: they are compared as text. */
static bool value_in(const struct mi_value *v, const char *const *list, int n)
{
    struct mi_buf b = {0};
    const char *text;
    bool found = n == 0;

    if (!v || v->kind == MI_NIL)
        return found;
    if (v->kind == MI_STR)
        text = v->as.bytes.at;
    else {
        mi_json_print(&b, v, (struct mi_json_style){0});
        text = mi_buf_text(&b);
    }
    for (int i = 0; i < n && !found; i++)
        found = strcmp(text, list[i]) == 0;
    mi_buf_free(&b);
    return found;
}

static bool is_listed(const char *name, const char *const *list, int n)
{
    bool found = n == 0;

    for (int i = 0; i < n && !found && name; i++)
        found = strcmp(name, list[i]) == 0;
    return found;
}

static bool layer_fits(const struct mi_select_state *s, const struct mi_value *body)
{
    const struct mi_value *v = mi_get(body, "layer");

    for (size_t i = 0; i < s->n_layer && mi_is(v, MI_INT); i++)
        if (v->as.integer >= s->layer[i].from && v->as.integer <= s->layer[i].to)
            return true;
    return s->n_layer == 0;
}

static bool prompt_fits(const struct mi_select_state *s, const struct mi_value *body)
{
    const struct mi_wanted *w = &s->wanted;
    const struct mi_value *fields = mi_get(body, "fields");

    return value_in(mi_get(body, "id"), w->id, w->n_id) &&
           value_in(mi_get(fields, "label"), w->label, w->n_label) &&
           value_in(mi_get(fields, "group"), w->group, w->n_group);
}

/* By its own id, label and group, or for want of these by its prompt's. */
static bool origin_fits(const struct mi_select_state *s, const struct mi_value *body,
                        const struct prompt *p)
{
    const struct mi_wanted *w = &s->wanted;
    const struct mi_value *label = mi_get(body, "label"), *group = mi_get(body, "group");
    bool by_prompt = p && p->fits;

    return value_in(mi_get(body, "id"), w->id, w->n_id) &&
           (label ? value_in(label, w->label, w->n_label) : w->n_label == 0 || by_prompt) &&
           (group ? value_in(group, w->group, w->n_group) : w->n_group == 0 || by_prompt);
}

/* ---- prompts ------------------------------------------------------------------ */

static struct prompt *find_prompt(struct mi_select_state *s, const struct mi_value *body,
                                  int64_t *number)
{
    const char *id = mi_get_str(body, "id", NULL);

    *number = id ? mi_intern_find(&s->ids, id, strlen(id)) : -1;
    return *number < 0 ? NULL : &s->prompt[*number];
}

/* Nothing but the prompt itself decides: it goes out where it stands. */
static bool is_prompt_wanted(const struct mi_wanted *w)
{
    return w->n_site == 0 && w->n_layer == 0 && !w->position &&
           is_listed("prompt", w->kind, w->n_kind);
}

static int take_prompt(struct mi_select_state *s, const struct mi_record *rec, put_function *put,
                       void *ctx, struct mi_error *err)
{
    const char *id = mi_get_str(rec->body, "id", NULL);
    struct prompt *p;
    struct mi_buf b = {0};
    int64_t number, before = s->ids.n;

    if (!id)
        return mi_fail(err, MI_EXIT_DATA, "a prompt record without an 'id'");
    number = mi_intern_add(&s->ids, id, strlen(id));
    if (s->ids.n == before)
        return mi_fail(err, MI_EXIT_DATA, "a second prompt record of id '%.60s'", id);
    s->prompt = mi_grow(s->prompt, &s->cap_prompt, (size_t)s->ids.n, sizeof *p);
    p = &s->prompt[number];
    *p = (struct prompt){.fits = prompt_fits(s, rec->body)};
    p->is_put = p->fits && is_prompt_wanted(&s->wanted);
    if (p->fits && (!p->is_put || s->wanted.position)) {
        mi_codec_put(&b, 0, "prompt", rec->body, false);
        p->n = b.len;
        p->bytes = mi_realloc_n(b.data, b.len, 1);
    }
    return p->is_put ? put(ctx, rec->kind, rec->body, err) : 0;
}

static int decode_prompt(struct mi_select_state *s, const struct prompt *p,
                         struct mi_wire_record *out, struct mi_error *err)
{
    return mi_codec_get(&s->arena, p->bytes, p->n, out, err);
}

static int put_prompt(struct mi_select_state *s, struct prompt *p, put_function *put, void *ctx,
                      struct mi_error *err)
{
    struct mi_wire_record prompt;
    int status;

    if (!p || p->is_put || !p->bytes)
        return 0;
    p->is_put = true;
    status = decode_prompt(s, p, &prompt, err);
    if (status == 0)
        status = put(ctx, "prompt", &prompt.body, err);
    if (!s->wanted.position) {
        mi_free(p->bytes);
        p->bytes = NULL;
    }
    return status;
}

/* ---- positions ---------------------------------------------------------------- */

/* The wanted tokens of a prompt; none when it has no such place. */
static int resolve(struct mi_select_state *s, const struct prompt *p, int64_t number,
                   struct mi_error *err)
{
    struct mi_wire_record record;
    struct mi_prompt_record prompt;
    struct mi_pos_tokens t;
    struct mi_error none = {0};
    int status;

    if (number == s->resolved)
        return 0;
    if ((status = decode_prompt(s, p, &record, err)) < 0 ||
        (status = mi_prompt_read(&s->arena, &record.body, &prompt, err)) < 0)
        return status;
    t = (struct mi_pos_tokens){.n_tokens = prompt.n_tokens,
                               .n_prompt = prompt.n_prompt,
                               .spans = prompt.spans,
                               .n_spans = prompt.n_spans,
                               .roles = prompt.roles,
                               .n_roles = prompt.n_roles,
                               .piece = prompt.piece,
                               .piece_len = prompt.piece_len};
    s->n_position = mi_pos_resolve(&s->pos, &t, &s->position, &s->cap_position, &none);
    if (s->n_position < 0)
        s->n_position = 0;
    s->resolved = number;
    return 0;
}

static bool is_wanted_position(const struct mi_select_state *s, int64_t at)
{
    for (int64_t i = 0; i < s->n_position; i++)
        if (s->position[i] == at)
            return true;
    return false;
}

/* Cuts `positions` and the rows of `x` to those wanted; returns how many are left. */
static int64_t cut_rows(struct mi_select_state *s, const struct mi_act_record *act,
                        struct mi_value *body)
{
    struct mi_value positions = mi_array();
    struct mi_tensor x = act->x;
    size_t row = act->n_positions ? mi_tensor_bytes(&x) / (size_t)act->n_positions : 0;
    char *to = mi_arena_alloc(&s->arena, mi_tensor_bytes(&x));

    x.data = to;
    x.shape[0] = 0;
    for (int64_t i = 0; i < act->n_positions; i++) {
        if (!is_wanted_position(s, act->positions[i]))
            continue;
        memcpy(to, (const char *)act->x.data + (size_t)i * row, row);
        to += row;
        x.shape[0]++;
        mi_push(&s->arena, &positions, mi_int(act->positions[i]));
    }
    mi_set(&s->arena, body, "positions", positions);
    mi_set(&s->arena, body, "x", mi_tensor_value(x));
    return x.shape[0];
}

/* 1 when something of the record is left in *body, else 0. */
static int cut_record(struct mi_select_state *s, const struct mi_record *rec,
                      const struct prompt *p, int64_t number, struct mi_value *body,
                      struct mi_error *err)
{
    const struct mi_value *position = mi_get(rec->body, "position");
    struct mi_act_record act;
    int status;

    if (!p || !p->bytes)
        return 0;
    if ((status = resolve(s, p, number, err)) < 0)
        return status;
    if (strcmp(rec->kind, "act") != 0)
        return mi_is(position, MI_INT) && is_wanted_position(s, position->as.integer);
    if ((status = mi_act_read(&s->arena, rec->body, &act, err)) < 0)
        return status;
    *body = mi_value_copy(&s->arena, rec->body);
    return cut_rows(s, &act, body) > 0;
}

/* ---- the whole ---------------------------------------------------------------- */

int mi_select_next(struct mi_select *sel, const struct mi_record *rec, put_function *put, void *ctx,
                   struct mi_error *err)
{
    struct mi_select_state *s = sel->state;
    const struct mi_wanted *w = &s->wanted;
    struct mi_value body = *rec->body;
    struct prompt *p;
    int64_t number;
    int status;

    mi_arena_reset(&s->arena);
    if (strcmp(rec->kind, "prompt") == 0)
        return take_prompt(s, rec, put, ctx, err);
    p = find_prompt(s, rec->body, &number);
    if (!origin_fits(s, rec->body, p) || !is_listed(rec->kind, w->kind, w->n_kind) ||
        !is_listed(mi_get_str(rec->body, "site", NULL), w->site, w->n_site) ||
        !layer_fits(s, rec->body))
        return 0;
    if (w->position) {
        status = cut_record(s, rec, p, number, &body, err);
        if (status <= 0)
            return status;
    }
    status = put_prompt(s, p, put, ctx, err);
    return status < 0 ? status : put(ctx, rec->kind, &body, err);
}
