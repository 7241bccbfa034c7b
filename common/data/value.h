/* data/value.h: a value of a record: what msgpack and JSON can both say, and tensors.
 *
 * Values are built in an arena and never freed one by one; strings and tensor data are
 * borrowed (the caller keeps them alive, or copies them into the arena). Maps keep the
 * order in which their keys were set: that order is part of a record's canonical bytes.
 * A struct mi_value of an array or map refers to its elements: a plain copy of it shares
 * them until either grows. Copy with mi_value_copy before changing one of two. */
#ifndef MI_DATA_VALUE_H
#define MI_DATA_VALUE_H

#include "base/mem.h"
#include "data/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mi_value_kind {
    MI_NIL,
    MI_BOOL,
    MI_INT,
    MI_REAL, /* finite; 64 bits */
    MI_STR,  /* valid UTF-8, may hold NUL bytes */
    MI_BIN,  /* any bytes */
    MI_ARRAY,
    MI_MAP,    /* keys are distinct strings */
    MI_TENSOR, /* on the wire a map {dtype, shape, data} */
};

struct mi_value {
    enum mi_value_kind kind;
    union {
        bool flag;
        int64_t integer;
        double real;
        struct {
            const char *at;
            size_t len;
        } bytes; /* MI_STR (NUL-ended when built here), MI_BIN */
        struct {
            struct mi_value *item; /* [n] */
            size_t n, cap;
        } array;
        struct {
            struct mi_member *member; /* [n] */
            size_t n, cap;
        } map;
        struct mi_tensor tensor;
    } as;
};

struct mi_member {
    const char *key; /* NUL-ended */
    struct mi_value value;
};

/* Scalars. mi_str copies nothing; mi_str_dup copies into the arena. */
struct mi_value mi_nil(void);
struct mi_value mi_bool(bool b);
struct mi_value mi_int(int64_t i);
struct mi_value mi_real(double r);
struct mi_value mi_str(const char *s);
struct mi_value mi_str_n(const char *s, size_t n);
struct mi_value mi_bin(const void *bytes, size_t n);
struct mi_value mi_str_dup(struct mi_arena *a, const char *s);
/* A string when the bytes are UTF-8, else a bin; copied into the arena. */
struct mi_value mi_text_dup(struct mi_arena *a, const char *s, size_t n);
struct mi_value mi_tensor_value(struct mi_tensor t);

/* Containers. Adding may move the elements: hold no pointer across it. */
struct mi_value mi_array(void);
struct mi_value mi_map(void);
void mi_push(struct mi_arena *a, struct mi_value *array, struct mi_value v);
/* Sets or replaces; the key is borrowed (literals), or copied by mi_set_dup. */
void mi_set(struct mi_arena *a, struct mi_value *map, const char *key, struct mi_value v);
void mi_set_dup(struct mi_arena *a, struct mi_value *map, const char *key, struct mi_value v);
/* Sets a copy of the text; nothing when it is NULL. */
void mi_set_text(struct mi_arena *a, struct mi_value *map, const char *key, const char *text);
struct mi_value mi_ints(struct mi_arena *a, const int32_t *x, size_t n);
struct mi_value mi_reals(struct mi_arena *a, const double *x, size_t n);

/* Looking: NULL when there is no such key, or `map` is NULL or no map. */
const struct mi_value *mi_get(const struct mi_value *map, const char *key);
/* With a default for what is absent or of another kind. */
const char *mi_get_str(const struct mi_value *map, const char *key, const char *otherwise);
int64_t mi_get_int(const struct mi_value *map, const char *key, int64_t otherwise);
double mi_get_real(const struct mi_value *map, const char *key, double otherwise); /* ints too */
bool mi_is(const struct mi_value *v, enum mi_value_kind kind); /* false for NULL */

/* Deep copy into the arena, bytes and tensor data included. */
struct mi_value mi_value_copy(struct mi_arena *a, const struct mi_value *v);
/* Same kind and contents; maps compare in order. */
bool mi_value_equal(const struct mi_value *a, const struct mi_value *b);

#endif
