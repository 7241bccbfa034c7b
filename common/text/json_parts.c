/* The small parts of a tokenizer.json: normalizer, pre_tokenizer. */
#include "base/escape.h"
#include "text/json_reader.h"
#include "text/onig.h"

#include <string.h>

static int unknown(struct mi_json_reader *r, const char *part, const char *kind)
{
    return mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: %s '%s' is not supported", part,
                   mi_quote(kind));
}

static bool get_flag(const struct mi_value *v, const char *key, bool otherwise)
{
    const struct mi_value *f = mi_get(v, key);

    return mi_is(f, MI_BOOL) ? f->as.flag : otherwise;
}

/* A string of v that outlives the reading. */
static const char *get_text(struct mi_json_reader *r, const struct mi_value *v, const char *key,
                            size_t *len)
{
    const struct mi_value *s = mi_get(v, key);

    if (!mi_is(s, MI_STR))
        return NULL;
    *len = s->as.bytes.len;
    return mi_arena_dup(&r->st->arena, s->as.bytes.at, *len);
}

/* {"Regex": "..."} as an expression, or {"String": "..."} as a text. */
static int get_pattern(struct mi_json_reader *r, const struct mi_value *v, struct mi_buf *regex,
                       const char **text, size_t *len)
{
    const struct mi_value *p = mi_get(v, "pattern"), *s = mi_get(p, "Regex");

    *text = NULL;
    if (mi_is(s, MI_STR))
        return mi_onig_translate(regex, s->as.bytes.at, s->as.bytes.len, r->err);
    *text = get_text(r, p, "String", len);
    if (!*text || *len == 0)
        return mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: a pattern that is none");
    return 0;
}

/* ---- normalizer ---------------------------------------------------------------------- */

static struct mi_normal_step *add_normal(struct mi_json_reader *r, enum mi_normal_kind kind)
{
    struct mi_normaliser *n = &r->st->normaliser;

    if (n->n == MI_NORMAL_STEPS) {
        (void)mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: normalizer: more than %d steps",
                      (int)MI_NORMAL_STEPS);
        return NULL;
    }
    n->step[n->n] = (struct mi_normal_step){.kind = kind};
    return &n->step[n->n++];
}

static int add_replace(struct mi_json_reader *r, const struct mi_value *v)
{
    struct mi_normal_step *s = add_normal(r, MI_NORMAL_REPLACE);
    struct mi_buf regex = {0};
    int rc;

    if (!s)
        return -MI_EXIT_DATA;
    s->to = get_text(r, v, "content", &s->to_len);
    if (!s->to)
        return mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: Replace without content");
    rc = get_pattern(r, v, &regex, &s->what, &s->what_len);
    if (rc == 0 && !s->what)
        rc = mi_regex_compile(&s->regex, mi_buf_text(&regex), r->err);
    mi_buf_free(&regex);
    return rc;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static int add_charmap(struct mi_json_reader *r, const struct mi_value *v)
{
    struct mi_normal_step *s;
    const struct mi_value *text = mi_get(v, "precompiled_charsmap");
    struct mi_buf blob = {0};
    uint32_t bits = 0;
    int n_bits = 0, rc = 0;

    if (!mi_is(text, MI_STR) || text->as.bytes.len == 0)
        return 0; /* none: nothing is mapped */
    s = add_normal(r, MI_NORMAL_CHARMAP);
    if (!s)
        return -MI_EXIT_DATA;
    for (size_t i = 0; i < text->as.bytes.len && text->as.bytes.at[i] != '=' && rc == 0; i++) {
        int d = base64_digit(text->as.bytes.at[i]);

        if (d < 0)
            rc = mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: precompiled_charsmap: no base64");
        bits = bits << 6 | (uint32_t)(d & 63);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            mi_buf_add_char(&blob, (char)(bits >> n_bits & 255));
        }
    }
    if (rc == 0)
        rc = mi_charmap_init(&s->charmap, blob.data, blob.len, r->err);
    mi_buf_free(&blob);
    return rc;
}

/* clean_text, handle_chinese_chars, strip_accents (null: as lowercase), lowercase. */
static int add_bert(struct mi_json_reader *r, const struct mi_value *v)
{
    bool lower = get_flag(v, "lowercase", true);
    bool strip = get_flag(v, "strip_accents", lower);
    struct mi_normal_step *s;

    if (get_flag(v, "clean_text", true) && !add_normal(r, MI_NORMAL_CLEAN))
        return -MI_EXIT_DATA;
    if (get_flag(v, "handle_chinese_chars", true) && !add_normal(r, MI_NORMAL_CHINESE))
        return -MI_EXIT_DATA;
    if (strip) {
        s = add_normal(r, MI_NORMAL_FORM);
        if (!s)
            return -MI_EXIT_DATA;
        s->form = MI_NFD;
        s = add_normal(r, MI_NORMAL_ACCENTS);
        if (!s)
            return -MI_EXIT_DATA;
        s->is_nonspacing = true;
    }
    return lower && !add_normal(r, MI_NORMAL_LOWER) ? -MI_EXIT_DATA : 0;
}

static int add_strip(struct mi_json_reader *r, const struct mi_value *v)
{
    struct mi_normal_step *s = add_normal(r, MI_NORMAL_STRIP);

    if (!s)
        return -MI_EXIT_DATA;
    s->left = get_flag(v, "strip_left", true);
    s->right = get_flag(v, "strip_right", true);
    return 0;
}

static int add_prepend(struct mi_json_reader *r, const struct mi_value *v)
{
    struct mi_normal_step *s = add_normal(r, MI_NORMAL_PREPEND);

    if (!s)
        return -MI_EXIT_DATA;
    s->to = get_text(r, v, "prepend", &s->to_len);
    return s->to ? 0 : mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: Prepend without text");
}

static int add_sequence(struct mi_json_reader *r, const struct mi_value *v, const char *key,
                        int (*add)(struct mi_json_reader *r, const struct mi_value *v))
{
    const struct mi_value *list = mi_get(v, key);
    int rc = 0;

    if (!mi_is(list, MI_ARRAY))
        return mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: a Sequence without its list");
    for (size_t i = 0; i < list->as.array.n && rc == 0; i++)
        rc = add(r, &list->as.array.item[i]);
    return rc;
}

static const struct {
    const char *name;
    enum mi_normal_kind kind;
    enum mi_form form;
} plain[] = {
    {"NFC", MI_NORMAL_FORM, MI_NFC},        {"NFD", MI_NORMAL_FORM, MI_NFD},
    {"NFKC", MI_NORMAL_FORM, MI_NFKC},      {"NFKD", MI_NORMAL_FORM, MI_NFKD},
    {"Lowercase", MI_NORMAL_LOWER, MI_NFC}, {"StripAccents", MI_NORMAL_ACCENTS, MI_NFC},
    {"Nmt", MI_NORMAL_NMT, MI_NFC},
};

int mi_json_normaliser(struct mi_json_reader *r, const struct mi_value *v)
{
    const char *type = mi_get_str(v, "type", "");

    if (!v || v->kind == MI_NIL)
        return 0;
    if (r->is_bytes)
        return mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: a normalizer behind ByteLevel");
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        struct mi_normal_step *s;

        if (strcmp(type, plain[i].name) != 0)
            continue;
        s = add_normal(r, plain[i].kind);
        if (s)
            s->form = plain[i].form;
        return s ? 0 : -MI_EXIT_DATA;
    }
    if (strcmp(type, "Sequence") == 0)
        return add_sequence(r, v, "normalizers", mi_json_normaliser);
    if (strcmp(type, "Replace") == 0)
        return add_replace(r, v);
    if (strcmp(type, "Prepend") == 0)
        return add_prepend(r, v);
    if (strcmp(type, "Strip") == 0)
        return add_strip(r, v);
    if (strcmp(type, "Precompiled") == 0)
        return add_charmap(r, v);
    if (strcmp(type, "BertNormalizer") == 0)
        return add_bert(r, v);
    if (strcmp(type, "ByteLevel") == 0) { /* what follows sees characters for bytes */
        r->is_bytes = true;
        return mi_pretokenizer_add(&r->st->pre, MI_PRE_BYTES) ? 0 : -MI_EXIT_DATA;
    }
    return unknown(r, "normalizer", type);
}

/* ---- pre_tokenizer --------------------------------------------------------------------- */

static struct mi_pre_step *add_pre(struct mi_json_reader *r, enum mi_pre_kind kind)
{
    struct mi_pre_step *s = mi_pretokenizer_add(&r->st->pre, kind);

    if (!s)
        (void)mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: pre_tokenizer: more than %d steps",
                      (int)MI_PRE_STEPS);
    return s;
}

static int get_behaviour(struct mi_json_reader *r, const struct mi_value *v,
                         enum mi_pre_behaviour *out)
{
    static const struct {
        const char *name;
        enum mi_pre_behaviour behaviour;
    } names[] = {
        {"Isolated", MI_PRE_ISOLATED},
        {"Removed", MI_PRE_REMOVED},
        {"MergedWithPrevious", MI_PRE_PREVIOUS},
        {"MergedWithNext", MI_PRE_NEXT},
        {"Contiguous", MI_PRE_RUNS},
    };
    const char *name = mi_get_str(v, "behavior", "Isolated");

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i].name) == 0) {
            *out = names[i].behaviour;
            return 0;
        }
    }
    return unknown(r, "behavior", name);
}

/* Expressions that look ahead over all digits at each of them: written out, in linear time. */
static bool add_thousands(struct mi_json_reader *r, const struct mi_value *v)
{
    const char *pattern = mi_get_str(mi_get(v, "pattern"), "Regex", "");
    bool is_whole = strcmp(pattern, "\\d{1,3}(?=(?:\\d{3})*\\b)") == 0;
    struct mi_pre_step *s;

    if (!is_whole && strcmp(pattern, "(?=(\\d{3})+(?!\\d))") != 0)
        return false;
    s = mi_pretokenizer_add(&r->st->pre, MI_PRE_THOUSANDS);
    if (!s)
        return false;
    s->is_match = mi_is_decimal;
    s->is_whole = is_whole;
    s->is_inverted = !is_whole;
    return true;
}

static int add_split(struct mi_json_reader *r, const struct mi_value *v)
{
    enum mi_pre_behaviour behaviour = MI_PRE_ISOLATED;
    bool is_inverted = get_flag(v, "invert", false);
    struct mi_buf regex = {0};
    struct mi_pre_step *s;
    const char *text;
    size_t len = 0;
    int rc = get_behaviour(r, v, &behaviour);

    if (rc == 0 && behaviour == MI_PRE_ISOLATED && !is_inverted && add_thousands(r, v))
        return 0;
    if (rc == 0)
        rc = get_pattern(r, v, &regex, &text, &len);
    if (rc == 0 && !text) {
        rc = mi_pretokenizer_add_regex(&r->st->pre, mi_buf_text(&regex), behaviour, is_inverted,
                                       r->err);
    } else if (rc == 0) {
        s = add_pre(r, MI_PRE_TEXT);
        if (!s)
            return -MI_EXIT_DATA;
        s->text = text;
        s->text_len = len;
        s->behaviour = behaviour;
        s->is_inverted = is_inverted;
    }
    mi_buf_free(&regex);
    return rc;
}

static int add_class(struct mi_json_reader *r, bool (*is_match)(uint32_t cp),
                     enum mi_pre_behaviour behaviour)
{
    struct mi_pre_step *s = add_pre(r, MI_PRE_CLASS);

    if (!s)
        return -MI_EXIT_DATA;
    s->is_match = is_match;
    s->behaviour = behaviour;
    return 0;
}

static int add_bytes(struct mi_json_reader *r, const struct mi_value *v)
{
    int rc = 0;

    if (get_flag(v, "add_prefix_space", true) && !add_pre(r, MI_PRE_SPACE))
        return -MI_EXIT_DATA;
    if (get_flag(v, "use_regex", true))
        rc = mi_pretokenizer_add_gpt2(&r->st->pre, r->err);
    if (rc == 0 && !add_pre(r, MI_PRE_BYTES))
        rc = -MI_EXIT_DATA;
    r->is_bytes = true;
    return rc;
}

/* The old key add_prefix_space is "always" or "never". */
static int add_metaspace(struct mi_json_reader *r, const struct mi_value *v)
{
    const char *scheme =
        mi_get_str(v, "prepend_scheme", get_flag(v, "add_prefix_space", true) ? "always" : "never");
    struct mi_pre_step *s = add_pre(r, MI_PRE_METASPACE);

    if (!s)
        return -MI_EXIT_DATA;
    s->text = get_text(r, v, "replacement", &s->text_len);
    if (!s->text) {
        s->text = "\xe2\x96\x81";
        s->text_len = 3;
    }
    s->scheme = strcmp(scheme, "always") == 0  ? MI_PRE_ALWAYS
                : strcmp(scheme, "first") == 0 ? MI_PRE_FIRST
                                               : MI_PRE_NEVER;
    s->behaviour = MI_PRE_NEXT;
    s->is_whole = !get_flag(v, "split", true);
    if (s->text_len == 0 || (s->scheme == MI_PRE_NEVER && strcmp(scheme, "never") != 0))
        return unknown(r, "Metaspace", scheme);
    return 0;
}

static int add_delimiter(struct mi_json_reader *r, const struct mi_value *v)
{
    struct mi_pre_step *s = add_pre(r, MI_PRE_TEXT);

    if (!s)
        return -MI_EXIT_DATA;
    s->text = get_text(r, v, "delimiter", &s->text_len);
    s->behaviour = MI_PRE_REMOVED;
    return s->text && s->text_len > 0 ? 0 : unknown(r, "CharDelimiterSplit", "");
}

static int add_length(struct mi_json_reader *r, const struct mi_value *v)
{
    struct mi_pre_step *s = add_pre(r, MI_PRE_LENGTH);
    int64_t n = mi_get_int(v, "length", 5);

    if (!s)
        return -MI_EXIT_DATA;
    s->length = (size_t)n;
    return n > 0 && n < INT32_MAX ? 0 : unknown(r, "FixedLength", "length");
}

/* Words and what stands between spaces. */
static int add_words(struct mi_json_reader *r)
{
    static const char word[] = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200c}\\x{200d}";
    struct mi_buf regex = {0};
    int rc;

    mi_buf_addf(&regex, "[%s]+|[^%s\\p{White_Space}]+", word, word);
    rc = mi_pretokenizer_add_regex(&r->st->pre, mi_buf_text(&regex), MI_PRE_REMOVED, true, r->err);
    mi_buf_free(&regex);
    return rc;
}

static int add_kind(struct mi_json_reader *r, const struct mi_value *v, const char *type)
{
    enum mi_pre_behaviour behaviour = MI_PRE_ISOLATED;
    int rc;

    if (strcmp(type, "Split") == 0)
        return add_split(r, v);
    if (strcmp(type, "Digits") == 0)
        return add_class(r, mi_is_number,
                         get_flag(v, "individual_digits", false) ? MI_PRE_ISOLATED : MI_PRE_RUNS);
    if (strcmp(type, "Punctuation") == 0) {
        rc = get_behaviour(r, v, &behaviour);
        return rc < 0 ? rc : add_class(r, mi_is_punctuation, behaviour);
    }
    if (strcmp(type, "WhitespaceSplit") == 0)
        return add_class(r, mi_is_space, MI_PRE_REMOVED);
    if (strcmp(type, "Whitespace") == 0)
        return add_words(r);
    if (strcmp(type, "BertPreTokenizer") == 0) {
        rc = add_class(r, mi_is_space, MI_PRE_REMOVED);
        return rc < 0 ? rc : add_class(r, mi_is_punctuation, MI_PRE_ISOLATED);
    }
    if (strcmp(type, "CharDelimiterSplit") == 0)
        return add_delimiter(r, v);
    if (strcmp(type, "FixedLength") == 0)
        return add_length(r, v);
    return unknown(r, "pre_tokenizer", type);
}

int mi_json_pretokenizer(struct mi_json_reader *r, const struct mi_value *v)
{
    const char *type = mi_get_str(v, "type", "");

    if (!v || v->kind == MI_NIL)
        return 0;
    if (strcmp(type, "Sequence") == 0)
        return add_sequence(r, v, "pretokenizers", mi_json_pretokenizer);
    if (r->is_bytes && (strcmp(type, "ByteLevel") == 0 || strcmp(type, "Metaspace") == 0))
        return mi_fail(r->err, MI_EXIT_DATA, "tokenizer.json: %s behind ByteLevel", type);
    if (strcmp(type, "ByteLevel") == 0)
        return add_bytes(r, v);
    if (strcmp(type, "Metaspace") == 0)
        return add_metaspace(r, v);
    return add_kind(r, v, type);
}
