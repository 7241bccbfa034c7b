#include "data/tensor.h"

#include "../tap.h"

#include <stdint.h>
#include <string.h>

static void test_sizes(void)
{
    struct mi_tensor t = {
        .dtype = MI_F64, .rank = 3, .shape = {INT64_C(1) << 31, 1 << 20, 1 << 20}};

    ok(mi_tensor_count(&t) == -1 && mi_tensor_bytes(&t) == 0, "a count that wraps is -1");
    t.shape[2] = 0;
    ok(mi_tensor_count(&t) == 0, "a zero size makes it empty, whatever the others are");
    t.shape[2] = -1;
    ok(mi_tensor_count(&t) == -1, "a negative size is impossible");
    t = (struct mi_tensor){.dtype = MI_F32, .rank = 0};
    ok(mi_tensor_count(&t) == 1 && mi_tensor_bytes(&t) == 4, "rank 0 is one element");
    t = (struct mi_tensor){.dtype = MI_U8, .rank = 1, .shape = {INT64_MAX}};
    ok(mi_tensor_count(&t) == -1, "no object is that large");
    for (int d = 0; d < MI_DTYPES; d++)
        ok(mi_dtype_parse(mi_dtype_name((enum mi_dtype)d)) == d, "%s by its name",
           mi_dtype_name((enum mi_dtype)d));
    ok(mi_dtype_parse("f8") == -1, "no f8");
}

/* The values are from numpy: numpy.array([...], dtype).tobytes(). */
static void test_elements(void)
{
    static const unsigned char f16[] = {0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, 0xff, 0x7b, 0x00, 0xfc};
    static const unsigned char bf16[] = {0x80, 0x3f, 0x00, 0xc0, 0x49, 0x40};
    static const unsigned char shifted[] = {0, 0x00, 0x00, 0x80, 0x3f, 0xdb, 0x0f, 0x49, 0x40};
    int64_t big = INT64_C(-9007199254740993);
    unsigned char byte = 200;
    struct mi_tensor t = mi_tensor_1(MI_F16, 5, f16);
    float y[5];
    double z[5];

    mi_tensor_to_f32(y, &t);
    ok(y[0] == 1 && y[1] == -2 && y[2] == 0x1p-24f && y[3] == 65504 && isinf(y[4]),
       "f16: one, -2, the smallest, the largest, -inf");
    mi_tensor_to_f64(z, &t);
    ok(z[2] == 0x1p-24 && mi_tensor_at(&t, 3) == 65504, "as f64");
    t = mi_tensor_1(MI_BF16, 3, bf16);
    mi_tensor_to_f32(y, &t);
    ok(y[0] == 1 && y[1] == -2 && y[2] == 3.140625f, "bf16");
    t = mi_tensor_1(MI_F32, 2, shifted + 1);
    mi_tensor_to_f64(z, &t);
    ok(z[0] == 1 && mi_tensor_at(&t, 1) == (double)3.14159274f, "data of any alignment");
    t = mi_tensor_1(MI_I64, 1, &big);
    ok(mi_tensor_at(&t, 0) == -9007199254740992.0, "i64 rounds to a double");
    t = mi_tensor_1(MI_U8, 1, &byte);
    ok(mi_tensor_at(&t, 0) == 200, "u8 has no sign");
}

static void test_narrow(void)
{
    float x[3] = {1, 65519.99f, -2}, big[2] = {1, 65520.0f}, inf[1] = {-INFINITY};
    float huge[1] = {3.4e38f};
    uint16_t y[3];
    struct mi_error err = {0};

    ok(mi_narrow(y, MI_F16, x, 3, &err) == 0 && y[0] == 0x3c00 && y[1] == 0x7bff && y[2] == 0xc000,
       "f16 up to the last value that rounds to 65504");
    ok(mi_narrow(y, MI_F16, big, 2, &err) == -MI_EXIT_DATA && strstr(err.text, "element 1"),
       "65520 is too large: %s", err.text);
    ok(mi_narrow(y, MI_F16, inf, 1, &err) == 0 && y[0] == 0xfc00, "an infinity stays one");
    ok(mi_narrow(y, MI_BF16, huge, 1, &err) == -MI_EXIT_DATA, "bf16 has its end too");
    ok(mi_narrow(y, MI_I32, x, 1, &err) == -MI_EXIT_USAGE, "no activations as integers");
}

static void test_nonfinite(void)
{
    float x[700] = {0};
    uint16_t h[3] = {0x7bff, 0x7c01, 0};
    double d[2] = {1, NAN};
    struct mi_tensor t = mi_tensor_1(MI_F32, 700, x);

    ok(mi_tensor_nonfinite(&t) == -1, "all finite");
    x[699] = INFINITY;
    ok(mi_tensor_nonfinite(&t) == 699, "an infinity at the end");
    x[256] = NAN;
    ok(mi_tensor_nonfinite(&t) == 256, "the first is named");
    x[256] = 3.4028235e38f;
    x[699] = -0.0f;
    ok(mi_tensor_nonfinite(&t) == -1, "the largest float is finite");
    t = mi_tensor_1(MI_F16, 3, h);
    ok(mi_tensor_nonfinite(&t) == 1, "f16");
    t = mi_tensor_1(MI_BF16, 3, h);
    ok(mi_tensor_nonfinite(&t) == -1, "the same bits are finite in bf16");
    t = mi_tensor_1(MI_F64, 2, d);
    ok(mi_tensor_nonfinite(&t) == 1, "f64");
}

int main(void)
{
    plan(31);
    test_sizes();
    test_elements();
    test_narrow();
    test_nonfinite();
    return done();
}
