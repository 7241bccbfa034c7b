#include "base/regex.h"

#include "base/escape.h"

#include <stdint.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    MAX_PATTERN = 8 * 1024,
    MATCHES_PER_KIB = 1000000, /* steps of the matcher for each KiB of subject */
    MAX_DEPTH = 10000,         /* nested backtracking, without JIT */
    MAX_HEAP_KIB = 64 * 1024,
    JIT_STACK = 8 * 1024 * 1024, /* mapped, used only as far as it is needed */
};

static int refuse_callout(pcre2_callout_enumerate_block *block, void *data)
{
    (void)block;
    (void)data;
    return 1;
}

static int fail_compile(const char *pattern, int code, size_t at, struct mi_error *err)
{
    PCRE2_UCHAR text[160];

    pcre2_get_error_message(code, text, sizeof text);
    return mi_fail(err, MI_EXIT_DATA, "regular expression '%s': %s at byte %zu", mi_quote(pattern),
                   (const char *)text, at);
}

int mi_regex_compile(struct mi_regex *re, const char *pattern, struct mi_error *err)
{
    const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
    size_t len = strlen(pattern);
    PCRE2_SIZE at;
    int code;

    *re = (struct mi_regex){0};
    if (len > MAX_PATTERN)
        return mi_fail(err, MI_EXIT_DATA, "regular expression of %zu bytes; the limit is %d", len,
                       (int)MAX_PATTERN);
    re->code = pcre2_compile((PCRE2_SPTR)pattern, len, options, &code, &at, NULL);
    if (!re->code)
        return fail_compile(pattern, code, at, err);
    if (pcre2_callout_enumerate(re->code, refuse_callout, NULL) != 0) {
        mi_regex_free(re);
        return mi_fail(err, MI_EXIT_DATA, "regular expression '%s': callouts are refused",
                       mi_quote(pattern));
    }
    re->match = pcre2_match_data_create(1, NULL);
    re->context = pcre2_match_context_create(NULL);
    if (!re->match || !re->context) {
        mi_regex_free(re);
        return mi_fail(err, MI_EXIT_SYS, "out of memory for a regular expression");
    }
    pcre2_set_depth_limit(re->context, MAX_DEPTH);
    pcre2_set_heap_limit(re->context, MAX_HEAP_KIB);
    /* Where code cannot be generated the interpreter does the same, slower. */
    if (pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE) == 0) {
        re->stack = pcre2_jit_stack_create(32 * 1024, JIT_STACK, NULL);
        if (re->stack)
            pcre2_jit_stack_assign(re->context, NULL, re->stack);
    }
    return 0;
}

int mi_regex_find(struct mi_regex *re, const char *s, size_t len, size_t from, size_t *begin,
                  size_t *end, struct mi_error *err)
{
    uint64_t limit = ((uint64_t)(len - from) / 1024 + 1) * MATCHES_PER_KIB;
    const PCRE2_SIZE *range;
    PCRE2_UCHAR text[160];
    int r;

    pcre2_set_match_limit(re->context, limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit);
    r = pcre2_match(re->code, (PCRE2_SPTR)s, len, from, PCRE2_NO_UTF_CHECK, re->match, re->context);
    if (r == PCRE2_ERROR_NOMATCH)
        return 0;
    if (r < 0) {
        pcre2_get_error_message(r, text, sizeof text);
        return mi_fail(err, MI_EXIT_DATA, "regular expression: %s at byte %zu", (const char *)text,
                       from);
    }
    range = pcre2_get_ovector_pointer(re->match);
    if (range[1] < range[0]) /* \K in a lookahead can do that */
        return mi_fail(err, MI_EXIT_DATA, "regular expression: a match ends before it begins");
    *begin = range[0];
    *end = range[1];
    return 1;
}

void mi_regex_free(struct mi_regex *re)
{
    pcre2_code_free(re->code);
    pcre2_match_data_free(re->match);
    pcre2_match_context_free(re->context);
    pcre2_jit_stack_free(re->stack);
    *re = (struct mi_regex){0};
}
