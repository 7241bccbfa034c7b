#include "text/prompt.h"

#include "base/escape.h"
#include "base/mem.h"
#include "data/json.h"
#include "text/prompt_fields.h"

#include <stdio.h>
#include <string.h>

enum { MAX_LINE = 16 * 1024 * 1024, CHUNK = 64 * 1024 };

enum form { UNKNOWN, OBJECTS, PLAIN };

/* Digests of the ids so far: 16 bytes a prompt. */
struct id_set {
    struct mi_digest *slot; /* [size]; all zero where empty */
    size_t size, n;
};

struct mi_prompts_state {
    struct mi_in in;
    char *text; /* of -p, instead of `in` */
    char *name;
    struct mi_buf buf; /* lines from `at` on are still to be read */
    size_t at;
    bool at_end;
    struct mi_hash hash;
    enum form form;
    int64_t line, n_prompts;
    struct id_set ids;
    struct mi_arena arena;
};

/* ---- ids ---------------------------------------------------------------------- */

static size_t id_slot(const struct id_set *s, const struct mi_digest *d)
{
    static const struct mi_digest none;
    size_t i = 0;

    memcpy(&i, d->byte, sizeof i);
    for (i &= s->size - 1; memcmp(&s->slot[i], &none, sizeof none) != 0;
         i = (i + 1) & (s->size - 1))
        if (memcmp(&s->slot[i], d, sizeof *d) == 0)
            break;
    return i;
}

/* False when it was there already. */
static bool add_id(struct id_set *s, const char *id)
{
    struct mi_digest d = mi_hash_bytes(id, strlen(id));
    struct id_set old = *s;
    size_t i;

    if (s->n + 1 > s->size / 2) {
        s->size = s->size ? 2 * s->size : 64;
        s->slot = mi_alloc_zero(s->size, sizeof *s->slot);
        for (size_t k = 0; k < old.size; k++) {
            static const struct mi_digest none;

            if (memcmp(&old.slot[k], &none, sizeof none) != 0)
                s->slot[id_slot(s, &old.slot[k])] = old.slot[k];
        }
        mi_free(old.slot);
    }
    i = id_slot(s, &d);
    if (memcmp(&s->slot[i], &d, sizeof d) == 0)
        return false;
    s->slot[i] = d;
    s->n++;
    return true;
}

/* ---- opening ------------------------------------------------------------------ */

int mi_prompts_open_in(struct mi_prompts *p, struct mi_in *in, struct mi_error *err)
{
    (void)err;
    p->state = mi_alloc_zero(1, sizeof *p->state);
    p->state->in = *in;
    *in = (struct mi_in){0};
    p->state->name = mi_strdup(p->state->in.name);
    mi_hash_init(&p->state->hash);
    return 0;
}

int mi_prompts_open(struct mi_prompts *p, const char *path, struct mi_error *err)
{
    struct mi_in in;
    int r;

    p->state = NULL;
    r = mi_in_open(&in, path, err);
    return r < 0 ? r : mi_prompts_open_in(p, &in, err);
}

int mi_prompts_open_text(struct mi_prompts *p, const char *text, struct mi_error *err)
{
    size_t len = strlen(text), valid = mi_utf8_valid(text, len);

    p->state = NULL;
    if (valid < len)
        return mi_fail(err, MI_EXIT_DATA, "--prompt: byte %zu is not UTF-8", valid);
    p->state = mi_alloc_zero(1, sizeof *p->state);
    p->state->text = mi_strdup(text);
    p->state->name = mi_strdup("--prompt");
    mi_hash_init(&p->state->hash);
    mi_hash_add(&p->state->hash, text, len);
    return 0;
}

void mi_prompts_close(struct mi_prompts *p)
{
    struct mi_prompts_state *s = p->state;

    if (!s)
        return;
    mi_in_close(&s->in);
    mi_free(s->text);
    mi_free(s->name);
    mi_buf_free(&s->buf);
    mi_hash_free(&s->hash);
    mi_free(s->ids.slot);
    mi_arena_free(&s->arena);
    mi_free(s);
    p->state = NULL;
}

struct mi_digest mi_prompts_digest(struct mi_prompts *p)
{
    return mi_hash_value(&p->state->hash);
}

/* ---- lines -------------------------------------------------------------------- */

static int read_more(struct mi_prompts_state *s, struct mi_error *err)
{
    int64_t n;

    if (s->at > 0) {
        memmove(s->buf.data, s->buf.data + s->at, s->buf.len - s->at);
        s->buf.len -= s->at;
        s->at = 0;
    }
    mi_buf_reserve(&s->buf, CHUNK);
    n = mi_in_read(&s->in, s->buf.data + s->buf.len, CHUNK, err);
    if (n < 0)
        return (int)n;
    if (n == 0) {
        s->at_end = true;
        return mi_in_unchanged(&s->in, err);
    }
    mi_hash_add(&s->hash, s->buf.data + s->buf.len, (size_t)n);
    s->buf.len += (size_t)n;
    return 0;
}

static int fail_line(const struct mi_prompts_state *s, struct mi_error *err)
{
    return mi_fail_in(err, "'%s': line %lld", mi_quote(s->name), (long long)s->line);
}

/* 1 and the next line [*len] without its end, 0 at the end of the input. */
static int next_line(struct mi_prompts_state *s, const char **line, size_t *len,
                     struct mi_error *err)
{
    size_t seen = 0;
    const char *end = NULL;
    int r;

    for (;;) {
        size_t left = s->buf.len - s->at;

        if (left > seen)
            end = memchr(s->buf.data + s->at + seen, '\n', left - seen);
        seen = left;
        if (end || s->at_end)
            break;
        if (left > MAX_LINE) {
            s->line++;
            mi_fail(err, MI_EXIT_DATA, "longer than %d MiB", (int)(MAX_LINE >> 20));
            return fail_line(s, err);
        }
        r = read_more(s, err);
        if (r < 0)
            return r;
    }
    if (seen == 0)
        return 0;
    *line = s->buf.data + s->at;
    *len = end ? (size_t)(end - *line) : seen;
    s->at += *len + (end != NULL);
    s->line++;
    if (*len > 0 && (*line)[*len - 1] == '\r')
        --*len;
    if (s->line == 1 && *len >= 3 && memcmp(*line, "\xef\xbb\xbf", 3) == 0) {
        *line += 3;
        *len -= 3;
    }
    return 1;
}

static size_t skip_blanks(const char *s, size_t len)
{
    size_t i = 0;

    while (i < len && (s[i] == ' ' || s[i] == '\t' || s[i] == '\r'))
        i++;
    return i;
}

/* ---- prompts ------------------------------------------------------------------ */

static int check_text(const char *s, size_t len, struct mi_error *err)
{
    size_t valid = mi_utf8_valid(s, len);
    const char *nul = memchr(s, '\0', len);

    if (valid < len)
        return mi_fail(err, MI_EXIT_DATA, "byte %zu is not UTF-8", valid);
    if (nul)
        return mi_fail(err, MI_EXIT_DATA, "byte %zu is NUL", (size_t)(nul - s));
    return 0;
}

static int read_prompt(struct mi_prompts_state *s, const char *line, size_t len,
                       struct mi_prompt *out, struct mi_error *err)
{
    struct mi_value object;
    int r = check_text(line, len, err);

    if (r < 0)
        return r;
    if (s->form == OBJECTS) {
        r = mi_json_parse(&s->arena, line, len, &object, err);
        return r < 0 ? r : mi_prompt_from_object(&s->arena, &object, out, err);
    }
    *out = (struct mi_prompt){
        .text = mi_arena_dup(&s->arena, line, len),
        .text_len = len,
        .label = mi_nil(),
        .fields = mi_map(),
    };
    return 0;
}

/* By the first text of the input. One JSON array over many lines would otherwise pass as plain
 * lines. */
static int choose_form(struct mi_prompts_state *s, const char *first, size_t len,
                       struct mi_error *err)
{
    size_t behind = 1;

    if (s->form != UNKNOWN)
        return 0;
    s->form = first[0] == '{' ? OBJECTS : PLAIN;
    if (first[0] != '[')
        return 0;
    behind += skip_blanks(first + 1, len - 1);
    if (behind < len && first[behind] != '{')
        return 0;
    return mi_fail(err, MI_EXIT_DATA,
                   "looks like a JSON array; wanted is one object a line (jq -c '.[]')");
}

static int finish_prompt(struct mi_prompts_state *s, struct mi_prompt *out, struct mi_error *err)
{
    char number[24];

    out->line = s->line;
    if (!out->id) {
        int n = snprintf(number, sizeof number, "%lld", (long long)s->line);

        out->id = mi_arena_dup(&s->arena, number, (size_t)n);
    }
    if (!add_id(&s->ids, out->id))
        return mi_fail(err, MI_EXIT_DATA, "id '%s' was used before", mi_quote(out->id));
    s->n_prompts++;
    return 1;
}

static int next_of_text(struct mi_prompts_state *s, struct mi_prompt *out, struct mi_error *err)
{
    if (s->n_prompts > 0)
        return 0;
    s->line = 1;
    *out = (struct mi_prompt){
        .text = s->text,
        .text_len = strlen(s->text),
        .label = mi_nil(),
        .fields = mi_map(),
    };
    return finish_prompt(s, out, err);
}

int mi_prompts_next(struct mi_prompts *p, struct mi_prompt *out, struct mi_error *err)
{
    struct mi_prompts_state *s = p->state;
    const char *line = NULL;
    size_t len = 0;
    int r;

    mi_arena_reset(&s->arena);
    if (s->text)
        return next_of_text(s, out, err);
    while ((r = next_line(s, &line, &len, err)) > 0) {
        size_t blank = skip_blanks(line, len);

        if (blank == len)
            continue;
        r = choose_form(s, line + blank, len - blank, err);
        if (r == 0)
            r = read_prompt(s, line, len, out, err);
        if (r == 0)
            r = finish_prompt(s, out, err);
        return r < 0 ? fail_line(s, err) : r;
    }
    if (r == 0 && s->n_prompts == 0)
        return mi_fail(err, MI_EXIT_DATA, "no prompts in '%s'", mi_quote(s->name));
    return r;
}
