#include "text/pretokenizer.h"

#include "base/escape.h"
#include "base/mem.h"
#include "text/unicode.h"

#include <string.h>

/* \s is written \p{White_Space}: PCRE2's own \s counts U+180E, the tokenizers do not. */
#define WS "\\p{White_Space}"
#define NS "\\P{White_Space}"

/* clang-format off */
#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define SPACES WS "*[\\r\\n]+|" WS "+(?!" NS ")|" WS "+"
#define WORD "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define MARKS "| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n]*|"
#define MODERN(numbers) CONTRACTIONS "|" WORD "|" numbers MARKS SPACES
/* Words whose case changes once: "iPhone" is two. */
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define WORDS_OF(upper, lower, after) \
    "[^\\r\\n\\p{L}\\p{N}]?" upper "*" lower "+" after \
    "|[^\\r\\n\\p{L}\\p{N}]?" upper "+" lower "*" after
#define CASED(after, numbers, ends) WORDS_OF(UPPER, LOWER, after) \
    "|" numbers "| ?[^" WS "\\p{L}\\p{N}]+" ends "*|" SPACES
#define ASCII_MARK "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|"
#define MARKED_WORD "[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
#define DEEPSEEK ASCII_MARK MARKED_WORD " ?[\\p{P}\\p{S}]+[\\r\\n]*|" SPACES
#define NOT_HAN(class) "(?:(?!\\p{Han})" class ")"

#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" WS "\\p{L}\\p{N}]+|" \
    WS "+(?!" NS ")|" WS "+"
#define DIGITS "\\p{N}"
#define LLAMA3 MODERN("\\p{N}{1,3}")
#define QWEN2  MODERN("\\p{N}")
#define QWEN35 CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^" WS \
    "\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" SPACES
#define BLOOM  " ?[^(" WS "|.,!?…。，、।۔،)]+"
#define CJK    "[一-龥ࠀ-一가-퟿]+"
#define KANA   "[一-龥぀-ゟ゠-ヿ]+"
#define LINES  "[^\\n]+|[\\n]+"
#define THREE  "[0-9][0-9][0-9]"
/* Runs of space in powers of two. */
#define STEP(n) WS "{" n "}(?!" NS ")|"
#define STEPS STEP("512") STEP("256") STEP("128") STEP("64") STEP("32") STEP("16") STEP("8") \
    STEP("4") STEP("1,2") WS "{1}"
/* Letters that one vocabulary lists. */
#define LISTED \
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-Ⴥ" \
    "Ꭰ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ" \
    "-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭ" \
    "Ꚁ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"

/* A step that is no expression: digits by three from the right. */
#define BY_THREE       "3"  /* cut where a multiple of three is left */
#define THOUSANDS      "3w" /* the same, apart from the rest, where no word goes on */
#define NUMBERS        "3n" /* the same, with every number */

enum { IGNORE_MERGES = 1, NFC = 2, ADD_BOS = 4, TEXT = 8, STEPS_OF_ROW = 6 };

struct row {
    const char *names; /* separated by spaces */
    const char *step[STEPS_OF_ROW];
    int flags;
};

static const struct row rows[] = {
    {"gpt-2 phi-2 jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code roberta-bpe "
     "gigachat a.x-4.0 mellum modern-bert jais trillion granite-docling exaone4", {GPT2}, 0},
    {"mpt olmo", {GPT2}, NFC},
    {"smollm starcoder refact command-r codeshell exaone minerva-7b mellum2", {DIGITS, GPT2}, 0},
    {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano", {LLAMA3},
     IGNORE_MERGES | ADD_BOS},
    {"dbrx smaug-bpe chatglm-bpe", {LLAMA3}, 0},
    {"glm4 glm5", {LLAMA3}, IGNORE_MERGES},
    {"qwen2 f2llmv2", {QWEN2}, NFC},
    {"stablelm2 deepseek-r1-qwen kormo megrez hunyuan grok-2 solar-open", {QWEN2}, 0},
    {"qwen35", {QWEN35}, NFC},
    {"tekken", {CASED("", "\\p{N}", "[\\r\\n/]")}, IGNORE_MERGES | ADD_BOS},
    {"gpt-4o llama4 kanana2 talkie minimax-m2",
     {CASED(CONTRACTIONS "?", "\\p{N}{1,3}", "[\\r\\n/]")}, 0},
    {"granite-embed-multi-97m", {CASED(CONTRACTIONS "?", "\\p{N}{1,3}", "[\\r\\n/]")},
     IGNORE_MERGES},
    {"tiny_aya cohere2moe",
     {THOUSANDS, CASED(CONTRACTIONS "?", "\\p{N}{1,3}", "[\\r\\n/]")}, 0},
    {"kimi-k2", {"[\\p{Han}]+|" WORDS_OF(NOT_HAN(UPPER), NOT_HAN(LOWER), CONTRACTIONS "?")
      "|\\p{N}{1,3}" MARKS SPACES}, 0},
    {"deepseek-v3 hunyuan-dense joyai-llm hy_v4", {"\\p{N}{1,3}", KANA, DEEPSEEK}, 0},
    {"afmoe", {NUMBERS, "[一-鿿㐀-䶿豈-﫿぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+", DEEPSEEK}, 0},
    {"spark2_5", {"\\p{N}{1,3}", KANA, ASCII_MARK MARKED_WORD " ?[\\p{P}\\p{S}]+|[\\r\\n]|"
      WS "+(?!" NS ")|" WS "+", DIGITS}, 0},
    {"youtu", {"[가-힣ㄱ-ㆎ]+"
     "|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+",
     CASED(CONTRACTIONS "?", "\\p{N}", "[\\r\\n/]")}, IGNORE_MERGES},
    {"deepseek-coder", {"[\\r\\n]", WS "?\\p{L}+", WS "?\\p{P}+", CJK, DIGITS}, 0},
    {"deepseek-llm", {"[\\r\\n]", WS "?[" LISTED "]+", WS "?[!-/:-~！-／：-～‘-‟　-。]+",
     WS "+$", CJK, "\\p{N}+"}, 0},
    {"falcon", {"[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2, THREE}, 0},
    {"bloom poro-chat gpt3-finnish", {BLOOM}, 0},
    {"viking", {BLOOM, DIGITS}, 0},
    {"jais-2", {CONTRACTIONS "|" WORD "|\\p{N}{1,3}" MARKS WS "*[\\r\\n]+|" STEPS}, 0},
    {"bailingmoe bailingmoe2 llada-moe", {"'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|"
      "\\p{N}| ?[^" WS "\\p{L}\\p{N}]++[\\r\\n]*|" WS "*[\\r\\n]|" WS "+(?!" NS ")|" WS "+"}, 0},
    {"seed-coder", {CONTRACTIONS "|" WORD "|\\p{N}{1}| ?[^" WS "\\p{L}\\p{N}\\r\\n]+|" SPACES}, 0},
    {"ufakzeka", {WORD "|\\p{N}" MARKS SPACES}, 0},
    {"laguna", {LINES, QWEN2}, 0},
    {"exaone-moe", {CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|"
      "\\p{N}| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n/]?|" WS "*[\\r\\n]|" WS "+(?!" NS ")|" WS "+"}, 0},
    {"minicpm5", {"\\p{N}{1,3}", MODERN("\\p{N}+")}, IGNORE_MERGES},
    {"superbpe", {"\\p{N}+", BY_THREE}, 0},
    {"chameleon", {"<sentinel:[0-9]+>|IMGIMG[A-I]{1,4}Z", "[\\t\\n]|    |  ", DIGITS,
      "[\\p{P}!-/:-@\\[-`{-~]", GPT2}, ADD_BOS},
    {"gemma4 granite-embed-multi-311m sarvam-moe", {LINES}, TEXT},
    {"default", {"[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", THREE}, 0},
};
/* clang-format on */

/* Expressions that are written out as well. */
static const struct {
    const char *pattern;
    mi_split_fn *split;
} written[] = {
    {GPT2, mi_split_gpt2},
    {DIGITS, mi_split_digits},
    {LLAMA3, mi_split_llama3},
    {QWEN2, mi_split_qwen2},
};

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

bool mi_pretokenizer_is_text(const char *name)
{
    for (size_t r = 0; name && r < N_ROWS; r++)
        if (holds_name(rows[r].names, name))
            return (rows[r].flags & TEXT) != 0;
    return false;
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

static int add_pattern(struct mi_pretokenizer *p, const char *pattern, bool by_regex,
                       struct mi_error *err)
{
    struct mi_pre_step *s;

    if (pattern[0] == '3') {
        s = mi_pretokenizer_add(p, MI_PRE_THOUSANDS);
        s->is_inverted = pattern[1] == '\0';
        s->is_whole = pattern[1] == 'w';
        s->is_match = pattern[1] == 'n' ? mi_is_number : mi_is_decimal;
        return 0;
    }
    s = mi_pretokenizer_add(p, MI_PRE_REGEX);
    for (size_t i = 0; i < sizeof written / sizeof written[0] && !by_regex; i++) {
        if (strcmp(written[i].pattern, pattern) != 0)
            continue;
        s->kind = MI_PRE_WRITTEN;
        s->split = written[i].split;
        return 0;
    }
    return mi_regex_compile(&s->regex, pattern, err);
}

int mi_pretokenizer_add_gpt2(struct mi_pretokenizer *p, struct mi_error *err)
{
    if (p->n == MI_PRE_STEPS)
        return mi_fail(err, MI_EXIT_DATA, "pre-tokenizer: more than %d steps", (int)MI_PRE_STEPS);
    return add_pattern(p, GPT2, false, err);
}

int mi_pretokenizer_add_regex(struct mi_pretokenizer *p, const char *pattern,
                              enum mi_pre_behaviour behaviour, bool is_inverted,
                              struct mi_error *err)
{
    struct mi_pre_step *s;
    int r;

    if (p->n == MI_PRE_STEPS)
        return mi_fail(err, MI_EXIT_DATA, "pre-tokenizer: more than %d steps", (int)MI_PRE_STEPS);
    /* written out are cuts at both ends of matches that cover the text */
    r = add_pattern(p, pattern, behaviour != MI_PRE_ISOLATED || pattern[0] == '3', err);
    s = &p->step[p->n - 1];
    s->behaviour = behaviour;
    s->is_inverted = is_inverted;
    return r;
}

int mi_pretokenizer_open(struct mi_pretokenizer *p, const char *name, bool by_regex,
                         struct mi_error *err)
{
    const struct row *row = NULL;

    *p = (struct mi_pretokenizer){0};
    for (size_t r = 0; r < N_ROWS && !row; r++) {
        if (holds_name(rows[r].names, name))
            row = &rows[r];
    }
    if (!row)
        return fail_unknown(name, err);
    for (int i = 0; i < STEPS_OF_ROW && row->step[i]; i++) {
        if (add_pattern(p, row->step[i], by_regex, err) < 0) {
            mi_pretokenizer_close(p);
            return mi_fail_in(err, "pre-tokenizer '%s'", mi_quote(name));
        }
    }
    p->ignore_merges = (row->flags & IGNORE_MERGES) != 0;
    p->nfc = (row->flags & NFC) != 0;
    p->adds_bos = (row->flags & ADD_BOS) != 0;
    p->is_text = (row->flags & TEXT) != 0;
    return 0;
}
