/* data/pull.h: JSON text walked value by value, without building a tree.
 *
 * For large files of known shape (headers of weights, vocabularies): memory is that of one
 * string. The caller says what it expects next; anything else is refused with its byte.
 *
 *     mi_pull_enter(&p, '{');
 *     while ((rc = mi_pull_next(&p)) > 0)         p.key holds the key
 *         ... take one value: string, integer, enter, or skip ...
 *     mi_pull_end(&p);                            after the outermost value
 *
 * Strict JSON (RFC 8259): no comments, no trailing commas, valid UTF-8, escapes paired.
 * Duplicate keys are not looked for: who needs that compares the keys. */
#ifndef MI_DATA_PULL_H
#define MI_DATA_PULL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { MI_PULL_LEVELS = 64 };

struct mi_pull_string {
    const char *at; /* not NUL-ended; into the text, or into the buffer when it had escapes */
    size_t len;
};

struct mi_pull {
    const char *text; /* [len], borrowed */
    size_t len, at;
    struct mi_pull_string key;     /* of the member that mi_pull_next found; skipping changes it */
    char open[MI_PULL_LEVELS];     /* private: '{' or '[' of each level */
    bool has_some[MI_PULL_LEVELS]; /* private: a comma is due before the next */
    int level;
    struct mi_buf key_text, string_text; /* private: strings without their escapes */
    struct mi_error *err;
};

enum mi_pull_kind {
    MI_PULL_OBJECT,
    MI_PULL_ARRAY,
    MI_PULL_STRING,
    MI_PULL_NUMBER,
    MI_PULL_TRUE,
    MI_PULL_FALSE,
    MI_PULL_NULL,
};

void mi_pull_init(struct mi_pull *p, const char *text, size_t len, struct mi_error *err);
/* The kind of the value that comes, by its first byte; < 0 where none can start. */
int mi_pull_peek(struct mi_pull *p);
/* Steps into an object '{' or array '['. */
int mi_pull_enter(struct mi_pull *p, char bracket) MI_MUST_USE;
/* 1: a member (its key is read) or element follows; 0: the container was closed. */
int mi_pull_next(struct mi_pull *p) MI_MUST_USE;
/* The string is valid until the next string is read. */
int mi_pull_take_string(struct mi_pull *p, struct mi_pull_string *s) MI_MUST_USE;
/* A whole number written as digits alone. */
int mi_pull_take_u64(struct mi_pull *p, uint64_t *u) MI_MUST_USE;
/* Any finite number. */
int mi_pull_take_real(struct mi_pull *p, double *r) MI_MUST_USE;
int mi_pull_take_flag(struct mi_pull *p, bool *flag) MI_MUST_USE;
/* Any value, checked as the others are. */
int mi_pull_skip(struct mi_pull *p) MI_MUST_USE;
/* Nothing but white space may follow. */
int mi_pull_end(struct mi_pull *p) MI_MUST_USE;
void mi_pull_free(struct mi_pull *p);
bool mi_pull_is(const struct mi_pull_string *s, const char *text);

#endif
