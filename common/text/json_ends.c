/* The other small parts of a tokenizer.json: post_processor, decoder. */
#include "base/escape.h"
#include "text/json_reader.h"

#include <string.h>

static int unknown(struct mi_json_reader *r, const char *part, const char *kind)
{
    return mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: %s '%s' is not supported", part,
                   mi_quote(kind));
}

/* ---- post_processor -------------------------------------------------------------------- */

enum { MAX_BEFORE = 16 };

static int put_before(struct mi_json_reader *r, int64_t id)
{
    struct mi_tokenizer_state *st = r->st;
    size_t cap = st->n_before;

    if (id < 0 || (uint64_t)id >= r->n || st->n_before >= MAX_BEFORE)
        return mi_fail(r->err, MI_EXIT_DATA,
                       "tokenizer.json: post_processor: token %lld is not in the vocabulary",
                       (long long)id);
    st->before = mi_grow(st->before, &cap, st->n_before + 1, sizeof *st->before);
    st->before[st->n_before++] = (int32_t)id;
    return 0;
}

/* The ids of a special token of a template. */
static int put_special(struct mi_json_reader *r, const struct mi_value *v, const char *name)
{
    const struct mi_value *list = mi_get(v, "special_tokens"), *ids = NULL;
    int rc = 0;

    if (mi_is(list, MI_MAP))
        ids = mi_get(mi_get(list, name), "ids");
    if (!mi_is(ids, MI_ARRAY) || ids->as.array.n == 0)
        return mi_fail(r->err, MI_EXIT_DATA,
                       "tokenizer.json: post_processor: special token '%s' has no ids",
                       mi_quote(name));
    for (size_t i = 0; i < ids->as.array.n && rc == 0; i++) {
        const struct mi_value *id = &ids->as.array.item[i];

        rc = put_before(r, mi_is(id, MI_INT) ? id->as.integer : -1);
    }
    return rc;
}

/* What stands before {"Sequence": "A"}. What stands behind it would end a prompt that is to go
 * on: it is left out. */
static int read_template(struct mi_json_reader *r, const struct mi_value *v)
{
    const struct mi_value *single = mi_get(v, "single");

    r->has_template = true;
    if (!mi_is(single, MI_ARRAY))
        return mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: post_processor: no 'single' list");
    r->st->n_before = 0;
    for (size_t i = 0; i < single->as.array.n; i++) {
        const struct mi_value *special = mi_get(&single->as.array.item[i], "SpecialToken");
        int rc;

        if (!special)
            break;
        rc = put_special(r, v, mi_get_str(special, "id", ""));
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* "cls": ["<s>", 0] */
static int read_roberta(struct mi_json_reader *r, const struct mi_value *v)
{
    const struct mi_value *cls = mi_get(v, "cls");

    r->has_template = true;
    r->st->n_before = 0;
    if (!mi_is(cls, MI_ARRAY) || cls->as.array.n != 2 || !mi_is(&cls->as.array.item[1], MI_INT))
        return mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: post_processor: 'cls' is no pair");
    return put_before(r, cls->as.array.item[1].as.integer);
}

int mi_json_post(struct mi_json_reader *r, const struct mi_value *v)
{
    const char *type = mi_get_str(v, "type", "");
    const struct mi_value *list = mi_get(v, "processors");
    int rc = 0;

    if (!v || v->kind == MI_NIL || strcmp(type, "ByteLevel") == 0)
        return 0;
    if (strcmp(type, "TemplateProcessing") == 0)
        return read_template(r, v);
    if (strcmp(type, "RobertaProcessing") == 0 || strcmp(type, "BertProcessing") == 0)
        return read_roberta(r, v);
    if (strcmp(type, "Sequence") != 0 || !mi_is(list, MI_ARRAY))
        return unknown(r, "post_processor", type);
    for (size_t i = 0; i < list->as.array.n && rc == 0; i++)
        rc = mi_json_post(r, &list->as.array.item[i]);
    return rc;
}

/* ---- decoder ----------------------------------------------------------------------------- */

static struct mi_decode_step *add_step(struct mi_json_reader *r, enum mi_decode_kind kind)
{
    struct mi_decoder *d = &r->st->decoder;

    if (d->n == MI_DECODE_STEPS) {
        (void)mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: decoder: more than %d steps",
                      (int)MI_DECODE_STEPS);
        return NULL;
    }
    d->step[d->n] = (struct mi_decode_step){.kind = kind};
    return &d->step[d->n++];
}

static const char *get_text(struct mi_json_reader *r, const struct mi_value *v, const char *key,
                            const char *otherwise, size_t *len)
{
    const char *s = mi_get_str(v, key, otherwise);

    *len = strlen(s);
    return mi_arena_dup(&r->st->arena, s, *len);
}

static int add_replace(struct mi_json_reader *r, const struct mi_value *v)
{
    struct mi_decode_step *s = add_step(r, MI_DECODE_REPLACE);
    const struct mi_value *pattern = mi_get(v, "pattern");

    if (!s)
        return -MI_EXIT_DATA;
    s->text = get_text(r, pattern, "String", "", &s->text_len);
    s->to = get_text(r, v, "content", "", &s->to_len);
    if (s->text_len == 0)
        return unknown(r, "decoder", "Replace of a regular expression");
    /* else steps could make any length of one token */
    return s->to_len <= s->text_len ? 0 : unknown(r, "decoder", "Replace by something longer");
}

/* Behind Fuse tokens are one text: its ends are what is stripped. */
static int add_strip(struct mi_json_reader *r, const struct mi_value *v, bool is_fused)
{
    struct mi_decoder *d = &r->st->decoder;
    int64_t start = mi_get_int(v, "start", 0), stop = mi_get_int(v, "stop", 0);
    struct mi_decode_step step = {.kind = MI_DECODE_STRIP}, *s;

    step.text = get_text(r, v, "content", " ", &step.text_len);
    if (start < 0 || stop < 0 || start > 1000 || stop > 1000 || step.text_len == 0 ||
        (is_fused && step.text_len != 1))
        return unknown(r, "decoder", "Strip of this kind");
    step.start = (size_t)start;
    step.stop = (size_t)stop;
    if (is_fused) {
        d->strip = step.text[0];
        d->strip_start = step.start;
        d->strip_stop = step.stop;
        return 0;
    }
    s = add_step(r, MI_DECODE_STRIP);
    if (!s)
        return -MI_EXIT_DATA;
    *s = step;
    return 0;
}

static int add_metaspace(struct mi_json_reader *r, const struct mi_value *v)
{
    struct mi_decode_step *s = add_step(r, MI_DECODE_REPLACE);
    const struct mi_value *old = mi_get(v, "add_prefix_space");
    const char *scheme =
        mi_get_str(v, "prepend_scheme", mi_is(old, MI_BOOL) && !old->as.flag ? "never" : "always");

    if (!s)
        return -MI_EXIT_DATA;
    s->text = get_text(r, v, "replacement", "\xe2\x96\x81", &s->text_len);
    s->to = " ";
    s->to_len = 1;
    r->st->decoder.strip = ' ';
    r->st->decoder.strip_start = strcmp(scheme, "never") != 0;
    return 0;
}

static int add_words(struct mi_json_reader *r, const struct mi_value *v, const char *type)
{
    bool is_wordpiece = strcmp(type, "WordPiece") == 0;
    struct mi_decode_step *s = add_step(r, is_wordpiece ? MI_DECODE_WORDPIECE : MI_DECODE_SUFFIX);

    if (!s)
        return -MI_EXIT_DATA;
    s->text = is_wordpiece ? get_text(r, v, "prefix", "##", &s->text_len)
                           : get_text(r, v, "suffix", "</w>", &s->text_len);
    r->st->decoder.strip = ' ';
    r->st->decoder.strip_start = is_wordpiece;
    r->st->decoder.strip_stop = !is_wordpiece;
    return 0;
}

static int add_decoder(struct mi_json_reader *r, const struct mi_value *v, bool *is_fused)
{
    const char *type = mi_get_str(v, "type", "");
    const struct mi_value *list = mi_get(v, "decoders");
    int rc = 0;

    if (strcmp(type, "Fuse") == 0) {
        *is_fused = true;
        return 0;
    }
    if (strcmp(type, "Strip") == 0)
        return add_strip(r, v, *is_fused);
    if (strcmp(type, "ByteLevel") == 0)
        return r->is_bytes ? 0 : unknown(r, "decoder", type);
    if (r->is_bytes || *is_fused)
        return mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: decoder '%s' in this place",
                       mi_quote(type));
    if (strcmp(type, "Replace") == 0)
        return add_replace(r, v);
    if (strcmp(type, "ByteFallback") == 0)
        return add_step(r, MI_DECODE_BYTES) ? 0 : -MI_EXIT_DATA;
    if (strcmp(type, "Metaspace") == 0)
        return add_metaspace(r, v);
    if (strcmp(type, "WordPiece") == 0 || strcmp(type, "BPEDecoder") == 0)
        return add_words(r, v, type);
    if (strcmp(type, "Sequence") != 0 || !mi_is(list, MI_ARRAY))
        return unknown(r, "decoder", type);
    for (size_t i = 0; i < list->as.array.n && rc == 0; i++)
        rc = add_decoder(r, &list->as.array.item[i], is_fused);
    return rc;
}

int mi_json_decoder(struct mi_json_reader *r, const struct mi_value *v)
{
    bool is_fused = false;
    const struct mi_value *list = mi_get(v, "decoders");
    int rc = 0;

    if (!v || v->kind == MI_NIL)
        return 0;
    if (!r->is_bytes || !mi_is(list, MI_ARRAY))
        return add_decoder(r, v, &is_fused);
    for (size_t i = 0; i < list->as.array.n && rc == 0; i++)
        rc = add_decoder(r, &list->as.array.item[i], &is_fused);
    return rc;
}
