#include "data/json.h"

#include "base/escape.h"

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LEVELS = 64 };

/* ---- base64 ------------------------------------------------------------------- */

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void print_base64(struct mi_buf *b, const unsigned char *x, size_t n)
{
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        unsigned w = (unsigned)x[i] << 16 | (left > 1 ? (unsigned)x[i + 1] << 8 : 0) |
                     (left > 2 ? x[i + 2] : 0);

        mi_buf_add_char(b, digits64[w >> 18]);
        mi_buf_add_char(b, digits64[w >> 12 & 63]);
        mi_buf_add_char(b, left > 1 ? digits64[w >> 6 & 63] : '=');
        mi_buf_add_char(b, left > 2 ? digits64[w & 63] : '=');
    }
}

/* Returns the number of bytes, or -1 when s [n] is not base64 as print_base64 writes it. */
static int64_t parse_base64(const char *s, size_t n, unsigned char *out)
{
    int64_t k = 0;

    if (n % 4)
        return -1;
    for (size_t i = 0; i < n; i += 4) {
        int pad = i + 4 == n ? (s[i + 3] == '=') + (s[i + 3] == '=' && s[i + 2] == '=') : 0;
        unsigned w = 0;

        for (int j = 0; j < 4; j++) {
            const char *d = j < 4 - pad ? memchr(digits64, s[i + (size_t)j], 64) : digits64;

            if (!d)
                return -1;
            w = w << 6 | (unsigned)(d - digits64);
        }
        if ((pad == 1 && (w & 0xff)) || (pad == 2 && (w & 0xffff)))
            return -1;
        for (int j = 0; j < 3 - pad; j++)
            out[k++] = (unsigned char)(w >> (16 - 8 * j));
    }
    return k;
}

/* ---- in ----------------------------------------------------------------------- */

static int convert(struct mi_arena *a, const json_t *j, struct mi_value *out, struct mi_error *err);

/* jansson recurses; count the levels before it sees the text. */
static int check_levels(const char *s, size_t n, struct mi_error *err)
{
    int level = 0;

    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"') {
            for (i++; i < n && s[i] != '"'; i++)
                i += s[i] == '\\';
        } else if (s[i] == '[' || s[i] == '{') {
            if (++level > MAX_LEVELS)
                return mi_fail(err, MI_EXIT_DATA, "JSON nested deeper than %d (byte %zu)",
                               MAX_LEVELS, i);
        } else if (s[i] == ']' || s[i] == '}') {
            level--;
        }
    }
    return 0;
}

static double element_of(const json_t *j)
{
    const char *s;

    if (json_is_number(j))
        return json_number_value(j);
    s = json_string_value(j);
    if (s && strcmp(s, "Infinity") == 0)
        return HUGE_VAL;
    if (s && strcmp(s, "-Infinity") == 0)
        return -HUGE_VAL;
    return (double)NAN;
}

static bool is_nonfinite_name(const json_t *j)
{
    const char *s = json_string_value(j);

    return s &&
           (strcmp(s, "NaN") == 0 || strcmp(s, "Infinity") == 0 || strcmp(s, "-Infinity") == 0);
}

/* One element from JSON into an array of integers. */
static bool store_integer(void *data, enum mi_dtype d, size_t i, const json_t *j)
{
    json_int_t v = json_integer_value(j);

    if (!json_is_integer(j))
        return false;
    if (d == MI_I64) {
        ((int64_t *)data)[i] = v;
    } else if (d == MI_I32) {
        if (v < INT32_MIN || v > INT32_MAX)
            return false;
        ((int32_t *)data)[i] = (int32_t)v;
    } else {
        if (v < 0 || v > 255)
            return false;
        ((unsigned char *)data)[i] = (unsigned char)v;
    }
    return true;
}

static bool store_element(void *data, enum mi_dtype d, size_t i, const json_t *j)
{
    double r;
    float f;

    if (d == MI_I32 || d == MI_I64 || d == MI_U8)
        return store_integer(data, d, i, j);
    if (!json_is_number(j) && !is_nonfinite_name(j))
        return false;
    r = element_of(j);
    if (d == MI_F64) {
        ((double *)data)[i] = r;
        return true;
    }
    f = (float)r;
    if (isfinite(r) && !isfinite(f))
        return false;
    return mi_narrow((char *)data + i * mi_dtype_size(d), d, &f, 1, NULL) == 0;
}

static int convert_tensor(struct mi_arena *a, const json_t *j, int dtype, struct mi_value *out,
                          struct mi_error *err)
{
    const json_t *shape = json_object_get(j, "shape"), *data = json_object_get(j, "data");
    struct mi_tensor t = {.dtype = (enum mi_dtype)dtype, .rank = (int)json_array_size(shape)};
    size_t n = json_array_size(data);
    void *x;

    if (json_array_size(shape) > MI_MAX_RANK)
        return mi_fail(err, MI_EXIT_DATA, "tensor: rank %zu, the limit is %d",
                       json_array_size(shape), MI_MAX_RANK);
    for (int i = 0; i < t.rank; i++) {
        const json_t *size = json_array_get(shape, (size_t)i);

        t.shape[i] = json_integer_value(size);
        if (!json_is_integer(size) || t.shape[i] < 0)
            return mi_fail(err, MI_EXIT_DATA, "tensor: size %d of 'shape' is no count", i);
    }
    if (!json_is_array(data) || mi_tensor_count(&t) < 0 || (uint64_t)mi_tensor_count(&t) != n)
        return mi_fail(err, MI_EXIT_DATA, "tensor: 'data' has %zu elements, 'shape' says otherwise",
                       n);
    t.data = x = mi_arena_alloc(a, n * mi_dtype_size(t.dtype));
    for (size_t i = 0; i < n; i++)
        if (!store_element(x, t.dtype, i, json_array_get(data, i)))
            return mi_fail(err, MI_EXIT_DATA, "tensor: element %zu is no %s", i,
                           mi_dtype_name(t.dtype));
    *out = mi_tensor_value(t);
    return 0;
}

/* {"b64": text} and {dtype, shape, data} stand for bytes and tensors: 1 and done, 0 for
 * a plain object, or a failure. */
static int convert_special(struct mi_arena *a, json_t *j, struct mi_value *out,
                           struct mi_error *err)
{
    size_t n = json_object_size(j);
    const json_t *b64 = json_object_get(j, "b64"), *dtype = json_object_get(j, "dtype");
    int d;

    if (n == 1 && json_is_string(b64)) {
        size_t len = json_string_length(b64);
        unsigned char *bytes = mi_arena_alloc(a, len / 4 * 3 + 1);
        int64_t k = parse_base64(json_string_value(b64), len, bytes);

        if (k < 0)
            return mi_fail(err, MI_EXIT_DATA, "'b64' is not base64");
        *out = mi_bin(bytes, (size_t)k);
        return 1;
    }
    if (n == 3 && json_is_string(dtype) && json_is_array(json_object_get(j, "shape")) &&
        json_object_get(j, "data") && (d = mi_dtype_parse(json_string_value(dtype))) >= 0) {
        int status = convert_tensor(a, j, d, out, err);

        return status < 0 ? status : 1;
    }
    return 0;
}

static int convert_object(struct mi_arena *a, json_t *j, struct mi_value *out, struct mi_error *err)
{
    int status = convert_special(a, j, out, err);
    const char *key;
    json_t *v;
    size_t i = 0;

    if (status)
        return status < 0 ? status : 0;
    *out = mi_map();
    out->as.map.n = out->as.map.cap = json_object_size(j);
    out->as.map.member = mi_arena_alloc(a, out->as.map.n * sizeof(struct mi_member));
    json_object_foreach(j, key, v)
    {
        struct mi_member *m = &out->as.map.member[i++];

        m->key = mi_arena_dup(a, key, strlen(key));
        status = convert(a, v, &m->value, err);
        if (status < 0)
            return status;
    }
    return 0;
}

static int convert(struct mi_arena *a, const json_t *j, struct mi_value *out, struct mi_error *err)
{
    switch (json_typeof(j)) {
    case JSON_NULL: *out = mi_nil(); return 0;
    case JSON_TRUE: *out = mi_bool(true); return 0;
    case JSON_FALSE: *out = mi_bool(false); return 0;
    case JSON_INTEGER: *out = mi_int(json_integer_value(j)); return 0;
    case JSON_REAL: *out = mi_real(json_real_value(j)); return 0;
    case JSON_STRING: {
        size_t n = json_string_length(j);

        *out = mi_str_n(mi_arena_dup(a, json_string_value(j), n), n);
        return 0;
    }
    case JSON_ARRAY:
        *out = mi_array();
        out->as.array.n = out->as.array.cap = json_array_size(j);
        out->as.array.item = mi_arena_alloc(a, out->as.array.n * sizeof *out);
        for (size_t i = 0; i < out->as.array.n; i++) {
            int status = convert(a, json_array_get(j, i), &out->as.array.item[i], err);

            if (status < 0)
                return status;
        }
        return 0;
    case JSON_OBJECT: return convert_object(a, (json_t *)(uintptr_t)j, out, err);
    }
    return mi_fail(err, MI_EXIT_DATA, "not JSON");
}

int mi_json_parse(struct mi_arena *a, const char *text, size_t len, struct mi_value *out,
                  struct mi_error *err)
{
    json_error_t bad;
    const char *nul;
    json_t *j;
    int status = check_levels(text, len, err);

    if (status < 0)
        return status;
    nul = memchr(text, 0, len); /* which jansson takes for the end behind a value */
    if (nul)
        return mi_fail(err, MI_EXIT_DATA, "not JSON: NUL byte (byte %td)", nul - text);
    j = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &bad);
    if (!j && json_error_code(&bad) == json_error_out_of_memory)
        return mi_fail(err, MI_EXIT_SYS, "out of memory for %zu bytes of JSON", len);
    if (!j)
        return mi_fail(err, MI_EXIT_DATA, "not JSON: %s (byte %d)", bad.text, bad.position);
    status = convert(a, j, out, err);
    json_decref(j);
    return status;
}

/* ---- out ---------------------------------------------------------------------- */

/* Adds a number that printf wrote, with a point when it has neither point nor exponent. */
static void add_real(struct mi_buf *b, const char *text)
{
    mi_buf_add_text(b, text);
    if (!strpbrk(text, ".e"))
        mi_buf_add_text(b, ".0");
}

static bool add_nonfinite(struct mi_buf *b, double r)
{
    if (isfinite(r))
        return false;
    mi_buf_add_text(b, isnan(r) ? "\"NaN\"" : r > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    return true;
}

void mi_json_real(struct mi_buf *b, double r)
{
    char text[32];

    if (add_nonfinite(b, r))
        return;
    /* below the normal numbers there are fewer digits than 15 */
    for (int digits = fabs(r) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, r);
        if (strtod(text, NULL) == r)
            break;
    }
    add_real(b, text);
}

/* The fewest digits that give the same float back through a double. */
static void print_float(struct mi_buf *b, float f)
{
    char text[32];

    if (add_nonfinite(b, (double)f))
        return;
    for (int digits = fabsf(f) < FLT_MIN ? 1 : 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)f);
        if ((float)strtod(text, NULL) == f)
            break;
    }
    add_real(b, text);
}

static void print_element(struct mi_buf *b, const struct mi_tensor *t, int64_t i)
{
    int64_t whole;

    switch (t->dtype) {
    case MI_F64: mi_json_real(b, mi_tensor_at(t, i)); break;
    case MI_I64:
        memcpy(&whole, (const char *)t->data + 8 * i, 8);
        mi_buf_addf(b, "%lld", (long long)whole);
        break;
    case MI_I32:
    case MI_U8: mi_buf_addf(b, "%lld", (long long)mi_tensor_at(t, i)); break;
    default: print_float(b, (float)mi_tensor_at(t, i));
    }
}

static void print_tensor(struct mi_buf *b, const struct mi_tensor *t, struct mi_json_style style)
{
    int64_t n = mi_tensor_count(t);
    int64_t shown = style.shorten > 0 && n > style.shorten ? style.shorten : n;

    mi_buf_addf(b, "{\"dtype\":\"%s\",\"shape\":[", mi_dtype_name(t->dtype));
    for (int i = 0; i < t->rank; i++)
        mi_buf_addf(b, "%s%lld", i ? "," : "", (long long)t->shape[i]);
    mi_buf_add_text(b, "],\"data\":[");
    for (int64_t i = 0; i < shown; i++) {
        if (i)
            mi_buf_add_char(b, ',');
        print_element(b, t, i);
    }
    mi_buf_add_text(b, shown < n ? ",\"...\"]}" : "]}");
}

/* C0, DEL, C1, marks that reorder or break lines. */
static bool needs_escape(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void print_string(struct mi_buf *b, const char *s, size_t n)
{
    size_t plain = 0; /* start of what was not yet copied */

    mi_buf_add_char(b, '"');
    for (size_t i = 0; i < n;) {
        uint32_t c = (unsigned char)s[i];
        int k = c < 0x80 ? 1 : mi_utf8_decode(s + i, n - i, &c);

        if (k == 0) { /* cannot be in a string; shown as the replacement character */
            c = 0xfffd;
            k = 1;
        } else if (c != '"' && c != '\\' && !needs_escape(c)) {
            i += (size_t)k;
            continue;
        }
        mi_buf_add(b, s + plain, i - plain);
        if (c == '"' || c == '\\')
            mi_buf_addf(b, "\\%c", (int)c);
        else if (c == '\n')
            mi_buf_add_text(b, "\\n");
        else if (c == '\t')
            mi_buf_add_text(b, "\\t");
        else
            mi_buf_addf(b, "\\u%04x", (unsigned)c);
        plain = i += (size_t)k;
    }
    mi_buf_add(b, s + plain, n - plain);
    mi_buf_add_char(b, '"');
}

static bool is_number(const struct mi_value *v)
{
    return v->kind == MI_INT || v->kind == MI_REAL || v->kind == MI_NIL;
}

static void print_array(struct mi_buf *b, const struct mi_value *v, struct mi_json_style style)
{
    size_t n = v->as.array.n, shown = n;

    if (style.shorten > 0 && n > (size_t)style.shorten && is_number(&v->as.array.item[n - 1]))
        shown = (size_t)style.shorten;
    mi_buf_add_char(b, '[');
    for (size_t i = 0; i < shown; i++) {
        if (i)
            mi_buf_add_char(b, ',');
        mi_json_print(b, &v->as.array.item[i], style);
    }
    mi_buf_add_text(b, shown < n ? ",\"...\"]" : "]");
}

static void print_map(struct mi_buf *b, const struct mi_value *v, struct mi_json_style style)
{
    mi_buf_add_char(b, '{');
    for (size_t i = 0; i < v->as.map.n; i++) {
        const struct mi_member *m = &v->as.map.member[i];

        if (i)
            mi_buf_add_char(b, ',');
        print_string(b, m->key, strlen(m->key));
        mi_buf_add_char(b, ':');
        mi_json_print(b, &m->value, style);
    }
    mi_buf_add_char(b, '}');
}

void mi_json_print(struct mi_buf *b, const struct mi_value *v, struct mi_json_style style)
{
    switch (v->kind) {
    case MI_NIL: mi_buf_add_text(b, "null"); break;
    case MI_BOOL: mi_buf_add_text(b, v->as.flag ? "true" : "false"); break;
    case MI_INT: mi_buf_addf(b, "%lld", (long long)v->as.integer); break;
    case MI_REAL: mi_json_real(b, v->as.real); break;
    case MI_STR: print_string(b, v->as.bytes.at, v->as.bytes.len); break;
    case MI_BIN:
        mi_buf_add_text(b, "{\"b64\":\"");
        print_base64(b, (const unsigned char *)v->as.bytes.at, v->as.bytes.len);
        mi_buf_add_text(b, "\"}");
        break;
    case MI_ARRAY: print_array(b, v, style); break;
    case MI_MAP: print_map(b, v, style); break;
    case MI_TENSOR: print_tensor(b, &v->as.tensor, style); break;
    }
}
