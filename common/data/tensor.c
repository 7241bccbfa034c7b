#include "data/tensor.h"

#include "base/checked.h"
#include "base/half.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[MI_DTYPES] = {
    [MI_F32] = {"f32", 4}, [MI_F16] = {"f16", 2}, [MI_BF16] = {"bf16", 2}, [MI_F64] = {"f64", 8},
    [MI_I32] = {"i32", 4}, [MI_I64] = {"i64", 8}, [MI_U8] = {"u8", 1},
};

const char *mi_dtype_name(enum mi_dtype d)
{
    return dtypes[d].name;
}

int mi_dtype_parse(const char *name)
{
    for (int i = 0; i < MI_DTYPES; i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return i;
    return -1;
}

size_t mi_dtype_size(enum mi_dtype d)
{
    return dtypes[d].size;
}

int64_t mi_tensor_count(const struct mi_tensor *t)
{
    uint64_t n = 1;

    /* A zero anywhere makes the tensor empty, however large the other sizes are. */
    for (int i = 0; i < t->rank; i++)
        if (t->shape[i] == 0)
            return 0;
    for (int i = 0; i < t->rank; i++)
        if (t->shape[i] < 0 || !mi_mul_u64(n, (uint64_t)t->shape[i], &n))
            return -1;
    return n > (uint64_t)INT64_MAX / 8 ? -1 : (int64_t)n;
}

size_t mi_tensor_bytes(const struct mi_tensor *t)
{
    int64_t n = mi_tensor_count(t);

    return n < 0 ? 0 : (size_t)n * mi_dtype_size(t->dtype);
}

struct mi_tensor mi_tensor_1(enum mi_dtype d, int64_t n, const void *data)
{
    return (struct mi_tensor){.dtype = d, .rank = 1, .shape = {n}, .data = data};
}

struct mi_tensor mi_tensor_2(enum mi_dtype d, int64_t n0, int64_t n1, const void *data)
{
    return (struct mi_tensor){.dtype = d, .rank = 2, .shape = {n0, n1}, .data = data};
}

/* Loads one element of any alignment. */
#define LOAD(type, at) \
    type v;            \
    memcpy(&v, (const char *)(at), sizeof v)

double mi_tensor_at(const struct mi_tensor *t, int64_t i)
{
    const char *at = (const char *)t->data + (size_t)i * dtypes[t->dtype].size;

    switch (t->dtype) {
    case MI_F32: {
        LOAD(float, at);
        return (double)v;
    }
    case MI_F16: {
        LOAD(uint16_t, at);
        return (double)mi_f16_to_f32(v);
    }
    case MI_BF16: {
        LOAD(uint16_t, at);
        return (double)mi_bf16_to_f32(v);
    }
    case MI_F64: {
        LOAD(double, at);
        return v;
    }
    case MI_I32: {
        LOAD(int32_t, at);
        return v;
    }
    case MI_I64: {
        LOAD(int64_t, at);
        return (double)v;
    }
    default: return *(const unsigned char *)at;
    }
}

void mi_tensor_to_f32(float *y, const struct mi_tensor *t)
{
    int64_t n = mi_tensor_count(t);
    const char *x = t->data;

    if (n <= 0)
        return;
    switch (t->dtype) {
    case MI_F32: memcpy(y, x, (size_t)n * sizeof *y); break;
    case MI_F16:
        for (int64_t i = 0; i < n; i++) {
            LOAD(uint16_t, x + 2 * i);
            y[i] = mi_f16_to_f32(v);
        }
        break;
    case MI_BF16:
        for (int64_t i = 0; i < n; i++) {
            LOAD(uint16_t, x + 2 * i);
            y[i] = mi_bf16_to_f32(v);
        }
        break;
    default:
        for (int64_t i = 0; i < n; i++)
            y[i] = (float)mi_tensor_at(t, i);
    }
}

void mi_tensor_to_f64(double *y, const struct mi_tensor *t)
{
    int64_t n = mi_tensor_count(t);
    const char *x = t->data;

    if (n <= 0)
        return;
    switch (t->dtype) {
    case MI_F64: memcpy(y, x, (size_t)n * sizeof *y); break;
    case MI_F32:
        for (int64_t i = 0; i < n; i++) {
            LOAD(float, x + 4 * i);
            y[i] = (double)v;
        }
        break;
    default:
        for (int64_t i = 0; i < n; i++)
            y[i] = mi_tensor_at(t, i);
    }
}

int mi_narrow(void *out, enum mi_dtype dtype, const float *x, int64_t n, struct mi_error *err)
{
    unsigned char *y = out;

    if (dtype == MI_F32) {
        if (n > 0)
            memcpy(out, x, (size_t)n * sizeof *x);
        return 0;
    }
    if (dtype != MI_F16 && dtype != MI_BF16)
        return mi_fail(err, MI_EXIT_USAGE, "activations cannot be kept as %s (f32, f16 or bf16)",
                       mi_dtype_name(dtype));
    for (int64_t i = 0; i < n; i++) {
        uint16_t h = dtype == MI_F16 ? mi_f32_to_f16(x[i]) : mi_f32_to_bf16(x[i]);
        uint16_t inf = dtype == MI_F16 ? 0x7c00 : 0x7f80;

        if ((h & 0x7fffu) == inf && isfinite(x[i]))
            return mi_fail(err, MI_EXIT_DATA, "element %lld is %g, too large for %s", (long long)i,
                           (double)x[i], mi_dtype_name(dtype));
        memcpy(y + 2 * i, &h, 2);
    }
    return 0;
}

/* All exponent bits set: NaN or infinity, without arithmetic. */
static int64_t find_exponent16(const char *x, int64_t n, uint16_t mask)
{
    for (int64_t i = 0; i < n; i++) {
        LOAD(uint16_t, x + 2 * i);
        if ((v & mask) == mask)
            return i;
    }
    return -1;
}

static int64_t find_exponent32(const char *x, int64_t n)
{
    enum { BLOCK = 256 };
    int64_t i = 0;

    for (; i < n; i += BLOCK) { /* first whether, which vectorises, then where */
        int64_t end = n - i < BLOCK ? n : i + BLOCK;
        uint32_t any = 0;

        for (int64_t j = i; j < end; j++) {
            LOAD(uint32_t, x + 4 * j);
            any |= (v & 0x7f800000u) == 0x7f800000u;
        }
        for (int64_t j = i; any && j < end; j++) {
            LOAD(uint32_t, x + 4 * j);
            if ((v & 0x7f800000u) == 0x7f800000u)
                return j;
        }
    }
    return -1;
}

int64_t mi_tensor_nonfinite(const struct mi_tensor *t)
{
    int64_t n = mi_tensor_count(t);

    switch (t->dtype) {
    case MI_F32: return find_exponent32(t->data, n);
    case MI_F16: return find_exponent16(t->data, n, 0x7c00);
    case MI_BF16: return find_exponent16(t->data, n, 0x7f80);
    case MI_F64:
        for (int64_t i = 0; i < n; i++)
            if (!isfinite(mi_tensor_at(t, i)))
                return i;
        return -1;
    default: return -1;
    }
}
