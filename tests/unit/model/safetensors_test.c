#include "model/safetensors.h"

#include "../tap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A file with this header and so many bytes of data. */
static size_t make(unsigned char *file, const char *header, size_t n_data)
{
    size_t n = strlen(header);

    for (int i = 0; i < 8; i++)
        file[i] = (unsigned char)((uint64_t)n >> (8 * i));
    memcpy(file + 8, header, n);
    memset(file + 8 + n, 7, n_data);
    return 8 + n + n_data;
}

static bool opens(const char *header, size_t n_data, struct mi_error *err)
{
    static unsigned char file[1 << 16];
    struct mi_safetensors s;
    bool good;

    *err = (struct mi_error){0};
    good = mi_safetensors_open_bytes(&s, file, make(file, header, n_data), err) == 0;
    mi_safetensors_close(&s);
    return good;
}

#define ENTRY(type, shape, from, to) \
    "{\"dtype\":\"" type "\",\"shape\":[" shape "],\"data_offsets\":[" from "," to "]}"

static const struct {
    const char *header;
    size_t n_data;
} good[] = {
    {"{}", 0},
    {" \n{} \t", 0},
    {"{\"__metadata__\":{\"format\":\"pt\"}}", 0},
    {"{\"a\":" ENTRY("F32", "2,3", "0", "24") "}", 24},
    {"{\"a\":" ENTRY("F32", "", "0", "4") "}", 4},
    {"{\"a\":" ENTRY("F32", "5,0", "0", "0") "}", 0},
    {"{\"b\":" ENTRY("U8", "3", "0", "3") ",\"a\":" ENTRY("F32", "1", "3", "7") "}", 7},
    {"{\"b\":" ENTRY("F32", "1", "3", "7") ",\"a\":" ENTRY("U8", "3", "0", "3") "}", 7},
    {"{\"a\":" ENTRY("F4", "2", "0", "1") "}", 1},
    {"{\"a\":{\"data_offsets\":[0,2],\"shape\":[1],\"dtype\":\"BF16\"}}", 2},
};

static const struct {
    const char *header;
    size_t n_data;
    const char *says;
} bad[] = {
    {"", 0, "byte 0"},
    {"[]", 0, "object"},
    {"{}x", 0, "follows"},
    {"{\"a\":1}", 0, "object"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "string"},
    {"{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", 0, "twice"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "twice"},
    {"{\"\":" ENTRY("U8", "0", "0", "0") "}", 0, "0 bytes"},
    {"{\"a\":" ENTRY("U9", "1", "0", "1") "}", 1, "'a': unknown dtype 'U9'"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "data_offsets"},
    {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "shape"},
    {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "dtype"},
    {"{\"a\":{\"x\":1,\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "'x'"},
    {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
     "twice"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, "two numbers"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,1]}}", 1, "two numbers"},
    {"{\"a\":" ENTRY("U8", "-1", "0", "1") "}", 1, "whole number"},
    {"{\"a\":" ENTRY("U8", "1.0", "0", "1") "}", 1, "whole number"},
    {"{\"a\":" ENTRY("U8", "18446744073709551616", "0", "1") "}", 1, "64 bits"},
    {"{\"a\":" ENTRY("U8", "4294967296,4294967296", "0", "0") "}", 0, "wraps"},
    {"{\"a\":" ENTRY("F32", "2305843009213693952", "0", "0") "}", 0, "wraps"},
    {"{\"a\":" ENTRY("U8", "1,1,1,1,1,1,1,1,1", "0", "1") "}", 1, "8 dimensions"},
    {"{\"a\":" ENTRY("F4", "3", "0", "1") "}", 1, "whole number of bytes"},
    {"{\"a\":" ENTRY("F32", "2", "0", "4") "}", 4, "ask for 8"},
    {"{\"a\":" ENTRY("F32", "1", "0", "8") "}", 8, "ask for 4"},
    {"{\"a\":" ENTRY("U8", "2", "1", "0") "}", 2, "outside"},
    {"{\"a\":" ENTRY("U8", "2", "0", "2") "}", 1, "cut short"},
    {"{\"a\":" ENTRY("U8", "2", "18446744073709551614", "18446744073709551615") "}", 1, "outside"},
    {"{\"a\":" ENTRY("U8", "2", "0", "2") "}", 3, "3 bytes of data"},
    {"{\"a\":" ENTRY("U8", "2", "1", "3") "}", 3, "belong to none"},
    {"{\"a\":" ENTRY("U8", "1", "0", "1") ",\"b\":" ENTRY("U8", "1", "2", "3") "}", 3, "none"},
    {"{\"a\":" ENTRY("U8", "2", "0", "2") ",\"b\":" ENTRY("U8", "2", "1", "3") "}", 3, "inside"},
    {"{\"a\":" ENTRY("U8", "2", "0", "2") ",\"b\":" ENTRY("U8", "2", "0", "2") "}", 2, "inside"},
    {"{\"a\":" ENTRY("U8", "1", "0", "1") ",\"a\":" ENTRY("U8", "1", "1", "2") "}", 2, "twice"},
    {"{\"a\\u0000\":" ENTRY("U8", "1", "0", "1") "}", 1, "NUL"},
    {"{\"a\xff\":" ENTRY("U8", "1", "0", "1") "}", 1, "UTF-8"},
};

static void test_headers(void)
{
    struct mi_error err;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ok(opens(good[i].header, good[i].n_data, &err), "header %zu is read%s", i, err.text);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ok(!opens(bad[i].header, bad[i].n_data, &err) && err.code == MI_EXIT_DATA &&
               strstr(err.text, bad[i].says),
           "bad header %zu: %s", i, err.text);
}

static void test_contents(void)
{
    unsigned char file[1024];
    size_t n =
        make(file,
             "{\"b\":" ENTRY("F16", "2,3", "3", "15") ",\"a\":" ENTRY("U8", "3", "0", "3") "}", 15);
    struct mi_error err = {0};
    struct mi_safetensors s;
    const struct mi_safetensor *t;

    ok(mi_safetensors_open_bytes(&s, file, n, &err) == 0 && s.n_tensors == 2, "two tensors");
    t = mi_safetensors_find(&s, "b");
    ok(t && t->rank == 2 && t->shape[0] == 2 && t->shape[1] == 3 && t->n_bytes == 12 &&
           strcmp(t->type->name, "F16") == 0 && t->type->qtype == 1 &&
           (const unsigned char *)t->data == file + n - 12,
       "shape, type and place, at an odd address");
    ok(!mi_safetensors_find(&s, "c") && !mi_safetensors_find(&s, ""), "no other is found");
    mi_safetensors_close(&s);
}

static void test_lengths(void)
{
    static const uint64_t lengths[] = {3, 100000000, 100000001, UINT64_MAX, UINT64_MAX - 7};
    unsigned char file[16] = {0};
    struct mi_error err = {0};
    struct mi_safetensors s;

    for (size_t i = 0; i < 8; i++)
        ok(mi_safetensors_open_bytes(&s, file, i, &err) == -MI_EXIT_DATA, "%zu bytes: %s", i,
           err.text);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        memcpy(file, &lengths[i], 8);
        ok(mi_safetensors_open_bytes(&s, file, 10, &err) == -MI_EXIT_DATA, "length %llu: %s",
           (unsigned long long)lengths[i], err.text);
    }
}

/* Every cut is refused; every bit that is turned is refused or leaves tensors inside the file. */
static void test_damage(void)
{
    unsigned char file[512], hurt[512];
    size_t n = make(file,
                    "{\"__metadata__\":{\"format\":\"pt\"},\"a\":" ENTRY(
                        "F32", "2,1", "0", "8") ","
                                                "\"b.c\":" ENTRY("BF16", "4", "8", "16") "}",
                    16);
    struct mi_error err = {0};
    struct mi_safetensors s;
    int n_read = 0, n_outside = 0;

    for (size_t i = 0; i < n; i++) {
        n_read += mi_safetensors_open_bytes(&s, file, i, &err) == 0;
        mi_safetensors_close(&s);
    }
    ok(n_read == 0, "%d of %zu cuts are read", n_read, n);
    for (size_t i = 0; i < 8 * (n - 16); i++) {
        memcpy(hurt, file, n);
        hurt[i / 8] ^= (unsigned char)(1u << i % 8);
        if (mi_safetensors_open_bytes(&s, hurt, n, &err) == 0)
            for (size_t j = 0; j < s.n_tensors; j++)
                n_outside +=
                    (const unsigned char *)s.tensor[j].data < hurt ||
                    (const unsigned char *)s.tensor[j].data + s.tensor[j].n_bytes > hurt + n;
        mi_safetensors_close(&s);
    }
    ok(n_outside == 0, "no turned bit puts a tensor outside the file");
}

int main(void)
{
    test_headers();
    test_contents();
    test_lengths();
    test_damage();
    return done();
}
