#include "text/pretokenizer.h"

#include "base/escape.h"
#include "base/mem.h"
#include "text/split.h"

#include <string.h>

/* \s is written \p{White_Space}: PCRE2's own \s counts U+180E, the tokenizers do not. */
#define WS "\\p{White_Space}"
#define NS "\\P{White_Space}"

struct step {
    const char *pattern;
    mi_split_fn *split; /* the same written out, or NULL */
};

/* clang-format off */
#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define SPACES WS "*[\\r\\n]+|" WS "+(?!" NS ")|" WS "+"
#define MODERN(numbers) CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers \
    "| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n]*|" SPACES
/* Words whose case changes once: "iPhone" is two. */
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED(after, numbers) \
    "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" after \
    "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER "*" after \
    "|" numbers "| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES

#define GPT2   {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" WS "\\p{L}\\p{N}]+|" \
                WS "+(?!" NS ")|" WS "+", mi_split_gpt2}
#define DIGITS {"\\p{N}", mi_split_digits}
#define LLAMA3 {MODERN("\\p{N}{1,3}"), mi_split_llama3}
#define QWEN2  {MODERN("\\p{N}"), mi_split_qwen2}
#define QWEN35 {CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^" WS \
                "\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" SPACES, NULL}
#define BLOOM  {" ?[^(" WS "|.,!?…。，、।۔،)]+", NULL}
#define CJK    "[一-龥ࠀ-一가-퟿]+"
#define KANA   "[一-龥぀-ゟ゠-ヿ]+"

enum { IGNORE_MERGES = 1, NFC = 2, ADD_BOS = 4 };

struct mi_pre_row {
    const char *names; /* separated by spaces */
    struct step step[MI_PRETOKENIZER_STEPS];
    int flags;
};

static const struct mi_pre_row rows[] = {
    {"gpt-2 phi-2 jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code roberta-bpe "
     "gigachat a.x-4.0 mellum jais trillion exaone4", {GPT2}, 0},
    {"mpt olmo", {GPT2}, NFC},
    {"smollm starcoder refact command-r codeshell exaone minerva-7b", {DIGITS, GPT2}, 0},
    {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2", {LLAMA3},
     IGNORE_MERGES | ADD_BOS},
    {"dbrx smaug-bpe chatglm-bpe glm4", {LLAMA3}, 0},
    {"qwen2", {QWEN2}, NFC},
    {"stablelm2 deepseek-r1-qwen kormo megrez hunyuan grok-2", {QWEN2}, 0},
    {"qwen35", {QWEN35}, NFC},
    {"tekken", {{CASED("", "\\p{N}"), NULL}}, IGNORE_MERGES | ADD_BOS},
    {"gpt-4o llama4", {{CASED(CONTRACTIONS "?", "\\p{N}{1,3}"), NULL}}, 0},
    {"deepseek-v3", {{"\\p{N}{1,3}", NULL}, {KANA, NULL},
     {"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|"
      "[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|" SPACES, NULL}}, 0},
    {"deepseek-coder", {{"[\\r\\n]", NULL}, {WS "?\\p{L}+", NULL}, {WS "?\\p{P}+", NULL},
     {CJK, NULL}, DIGITS}, 0},
    {"falcon", {{"[\\p{P}\\$\\+<=>\\^~\\|`]+", NULL}, GPT2, {"[0-9][0-9][0-9]", NULL}}, 0},
    {"bloom poro-chat gpt3-finnish", {BLOOM}, 0},
    {"viking", {BLOOM, DIGITS}, 0},
    {"default", {{"[\\p{P}\\$\\+<=>\\^~\\|]+", NULL}, GPT2, {"\\p{N}+", NULL},
     {"[0-9][0-9][0-9]", NULL}}, 0},
};
/* clang-format on */

enum { N_ROWS = sizeof rows / sizeof rows[0] };

/* ---- names -------------------------------------------------------------------- */

static bool holds_name(const char *names, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = names; *at;) {
        size_t k = strcspn(at, " ");

        if (k == n && memcmp(at, name, n) == 0)
            return true;
        at += k + (at[k] == ' ');
    }
    return false;
}

const char *mi_pretokenizer_names(size_t i)
{
    return i < N_ROWS ? rows[i].names : NULL;
}

static int fail_unknown(const char *name, struct mi_error *err)
{
    struct mi_buf known = {0};
    int r;

    for (size_t i = 0; i < N_ROWS; i++) {
        mi_buf_add_text(&known, i ? ", " : "");
        mi_buf_add(&known, rows[i].names, strcspn(rows[i].names, " "));
    }
    r = mi_fail(err, MI_EXIT_DATA,
                "pre-tokenizer '%s' is not known; the known ones (and their like) are %s",
                mi_quote(name), mi_buf_text(&known));
    mi_buf_free(&known);
    return r;
}

int mi_pretokenizer_open(struct mi_pretokenizer *p, const char *name, bool by_regex,
                         struct mi_error *err)
{
    *p = (struct mi_pretokenizer){0};
    for (size_t r = 0; r < N_ROWS && !p->row; r++) {
        if (holds_name(rows[r].names, name))
            p->row = &rows[r];
    }
    if (!p->row)
        return fail_unknown(name, err);
    for (int i = 0; i < MI_PRETOKENIZER_STEPS && p->row->step[i].pattern; i++) {
        if (p->row->step[i].split && !by_regex)
            continue;
        if (mi_regex_compile(&p->regex[i], p->row->step[i].pattern, err) < 0) {
            mi_pretokenizer_close(p);
            return mi_fail_in(err, "pre-tokenizer '%s'", mi_quote(name));
        }
    }
    p->ignore_merges = (p->row->flags & IGNORE_MERGES) != 0;
    p->nfc = (p->row->flags & NFC) != 0;
    p->adds_bos = (p->row->flags & ADD_BOS) != 0;
    return 0;
}

void mi_pretokenizer_close(struct mi_pretokenizer *p)
{
    for (int i = 0; i < MI_PRETOKENIZER_STEPS; i++)
        mi_regex_free(&p->regex[i]);
    *p = (struct mi_pretokenizer){0};
}

/* ---- cutting ------------------------------------------------------------------ */

static void add_cut(struct mi_cuts *cuts, size_t end)
{
    cuts->end = mi_grow(cuts->end, &cuts->cap, cuts->n + 1, sizeof *cuts->end);
    cuts->end[cuts->n++] = end;
}

/* Matches and what lies between them become pieces of their own. */
static int cut_by_regex(struct mi_regex *re, const char *s, size_t from, size_t to,
                        struct mi_cuts *cuts, struct mi_error *err)
{
    size_t len = to - from, done = 0, at = 0;

    while (at < len) {
        size_t begin = 0, end = 0;
        int found = mi_regex_find(re, s + from, len, at, &begin, &end, err);

        if (found < 0)
            return found;
        if (!found)
            break;
        if (end == begin) { /* no pattern of the table does this */
            at = end + 1;
            while (at < len && ((unsigned char)s[from + at] & 0xc0) == 0x80)
                at++;
            continue;
        }
        if (begin > done)
            add_cut(cuts, from + begin);
        add_cut(cuts, from + end);
        done = at = end;
    }
    if (done < len)
        add_cut(cuts, to);
    return 0;
}

static int cut_piece(struct mi_pretokenizer *p, int step, const char *s, size_t from, size_t to,
                     struct mi_cuts *cuts, struct mi_error *err)
{
    mi_split_fn *split = p->row->step[step].split;

    if (p->regex[step].code)
        return cut_by_regex(&p->regex[step], s, from, to, cuts, err);
    while (from < to) {
        from = split(s, from, to);
        add_cut(cuts, from);
    }
    return 0;
}

int mi_pretokenizer_cut(struct mi_pretokenizer *p, const char *s, size_t len, struct mi_cuts *cuts,
                        struct mi_error *err)
{
    cuts->n = 0;
    if (len == 0)
        return 0;
    add_cut(cuts, len);
    for (int i = 0; i < MI_PRETOKENIZER_STEPS && p->row->step[i].pattern; i++) {
        size_t n = cuts->n, from = 0;
        size_t *pieces = cuts->end, cap = cuts->cap;

        cuts->end = cuts->spare;
        cuts->cap = cuts->spare_cap;
        cuts->spare = pieces;
        cuts->spare_cap = cap;
        cuts->n = 0;
        for (size_t k = 0; k < n; k++) {
            int r = cut_piece(p, i, s, from, pieces[k], cuts, err);

            if (r < 0)
                return r;
            from = pieces[k];
        }
    }
    return 0;
}

void mi_cuts_free(struct mi_cuts *cuts)
{
    mi_free(cuts->end);
    mi_free(cuts->spare);
    *cuts = (struct mi_cuts){0};
}
