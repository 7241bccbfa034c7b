/* data/pos.h: which tokens of a prompt are meant.
 *
 *     last   -2   3   2:5   all   prompt   gen   gen:0:4   gen:-1
 *     role:assistant   role:user:-1   turn:0   span:NAME   /regex/
 *     and lists: "last,span:subject"
 *
 * `last`, k and -k count in the prompt, on run streams too. `gen` are input tokens that
 * were generated (index >= n_prompt); gen:-1 is the last of the run. Ranges are half
 * open. span and role give every token that overlaps them: role:user the contents of all
 * turns of that role, role:user:K of turn K of them (negative: from the end), turn:K of
 * turn K of the conversation; turns without tokens do not count. /regex/ is matched
 * against the text of the tokens and gives those that overlap a match. */
#ifndef MI_DATA_POS_H
#define MI_DATA_POS_H

#include "base/error.h"
#include "base/regex.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mi_pos_kind { MI_POS_INDEX, MI_POS_RANGE, MI_POS_GEN, MI_POS_ROLE, MI_POS_SPAN, MI_POS_REGEX };

struct mi_pos_item {
    enum mi_pos_kind kind;
    bool has_from, has_to; /* of a range; an index and the number of a turn have `from` only */
    int64_t from, to;      /* negative: from the end */
    char *name;            /* of a role (NULL: of any) or span; the pattern of a regex */
    struct mi_regex regex;
};

/* A parsed specification. `{0}` is empty; free with mi_pos_free. */
struct mi_pos {
    struct mi_pos_item *item; /* [n] */
    size_t n;
    char *text; /* canonical form, for provenance */
};

/* A named range of tokens. */
struct mi_span {
    const char *name;
    int64_t begin, end; /* half open, in tokens */
};

/* What a specification is resolved against. */
struct mi_pos_tokens {
    int64_t n_tokens, n_prompt;
    const struct mi_span *spans;
    size_t n_spans;
    const struct mi_span *roles;
    size_t n_roles;
    const char *const *piece; /* [n_tokens] bytes of each token, for /regex/ */
    const size_t *piece_len;
};

/* MI_EXIT_USAGE on a text that is no specification. */
int mi_pos_parse(struct mi_pos *p, const char *text, struct mi_error *err) MI_MUST_USE;
/* Ascending distinct token indices into *out (grown with mi_grow; *cap in elements).
 * Returns how many. A position outside the prompt, or a span, role or match that is not
 * there, fails with MI_EXIT_DATA and names what there is. gen of a prompt without
 * generated tokens is empty (0). */
int64_t mi_pos_resolve(const struct mi_pos *p, const struct mi_pos_tokens *t, int64_t **out,
                       size_t *cap, struct mi_error *err) MI_MUST_USE;
/* For a pass that is still generating: does token `index` belong, given what is known now
 * (n_prompt fixed, generated tokens are those from n_prompt on)? Needs no n_tokens; the
 * forms that count generated tokens from the end are refused by the parser's caller:
 * mi_pos_needs_end says so. */
bool mi_pos_covers(const struct mi_pos *p, const struct mi_pos_tokens *t, int64_t index);
bool mi_pos_needs_end(const struct mi_pos *p);
void mi_pos_free(struct mi_pos *p);

#endif
