/* The GGUF container: what is read, and every lie that must be refused. */
#include "../tap.h"
#include "base/buf.h"
#include "fixture.h"
#include "model/gguf.h"

/* ---- a writer ------------------------------------------------------------------------ */

struct writer {
    struct mi_buf b;
    bool is_v1;
};

static void put_u32(struct writer *w, uint32_t x)
{
    mi_buf_add(&w->b, &x, 4);
}

static void put_u64(struct writer *w, uint64_t x)
{
    mi_buf_add(&w->b, &x, 8);
}

static void put_count(struct writer *w, uint64_t x)
{
    if (w->is_v1)
        put_u32(w, (uint32_t)x);
    else
        put_u64(w, x);
}

static void put_string(struct writer *w, const char *s)
{
    put_count(w, strlen(s));
    mi_buf_add(&w->b, s, strlen(s));
}

static void put_start(struct writer *w, uint32_t version, uint64_t n_tensors, uint64_t n_values)
{
    w->is_v1 = version == 1;
    mi_buf_clear(&w->b);
    mi_buf_add(&w->b, "GGUF", 4);
    put_u32(w, version);
    put_count(w, n_tensors);
    put_count(w, n_values);
}

static void put_key(struct writer *w, const char *key, uint32_t type)
{
    put_string(w, key);
    put_u32(w, type);
}

static void put_tensor(struct writer *w, const char *name, uint32_t rank, const uint64_t *ne,
                       uint32_t type, uint64_t offset)
{
    put_string(w, name);
    put_u32(w, rank);
    for (uint32_t i = 0; i < rank && i < 5; i++)
        put_count(w, ne[i]);
    put_u32(w, type);
    put_u64(w, offset);
}

static void put_data(struct writer *w, size_t alignment, size_t n)
{
    size_t pad = (alignment - w->b.len % alignment) % alignment;

    memset(mi_buf_more(&w->b, pad + n), 0, pad + n);
}

/* ---- refusals ------------------------------------------------------------------------ */

static void refused(struct writer *w, const char *why, const char *what)
{
    struct mi_gguf g;
    struct mi_error err = {0};
    int rc = mi_gguf_open_bytes(&g, w->b.data, w->b.len, &err);

    ok(rc == -MI_EXIT_DATA && strstr(err.text, why), "%s: %s", what, rc < 0 ? err.text : "read");
    mi_gguf_close(&g);
}

static void accepted(struct writer *w, const char *what)
{
    struct mi_gguf g;
    struct mi_error err = {0};
    int rc = mi_gguf_open_bytes(&g, w->b.data, w->b.len, &err);

    ok(rc == 0, "%s%s", what, err.text);
    mi_gguf_close(&g);
}

static void test_head(struct writer *w)
{
    put_start(w, 3, 0, 0);
    accepted(w, "nothing in it");
    w->b.data[0] = 'g';
    refused(w, "not a GGUF", "another magic number");
    put_start(w, 0, 0, 0);
    refused(w, "version 0", "version 0");
    put_start(w, 4, 0, 0);
    refused(w, "version 4", "version 4");
    put_start(w, 0x03000000, 0, 0);
    refused(w, "big-endian", "the other byte order");
    put_start(w, 3, 0, UINT64_MAX);
    refused(w, "limit", "2^64 - 1 keys");
    put_start(w, 3, 0x2aaaaaaaaaaaaaab, 0);
    refused(w, "limit", "as many tensors as wrap");
    put_start(w, 3, 65536, 0);
    refused(w, "can hold", "more tensors than bytes");
    put_start(w, 3, 0, 65537);
    refused(w, "limit", "65537 keys");
    put_start(w, 3, 0, 60000);
    refused(w, "can hold", "more keys than bytes");
}

static void put_u8_key(struct writer *w, const char *key)
{
    put_key(w, key, 0);
    mi_buf_add_char(&w->b, 7);
}

/* As many keys and tensors as are allowed, with the longest common beginnings. */
static void test_many(struct writer *w)
{
    char name[64];

    put_start(w, 3, 65536, 65536);
    for (int i = 0; i < 65536; i++) {
        snprintf(name, sizeof(name), "a name that begins as all the others do: %d", i ^ 0x5555);
        put_u8_key(w, name);
    }
    for (uint64_t i = 0; i < 65536; i++) {
        snprintf(name, sizeof(name), "tensor %d", (int)i);
        put_tensor(w, name, 1, (uint64_t[]){8}, 0, 32 * i);
    }
    put_data(w, 32, 65536 * 32);
    accepted(w, "65536 keys and tensors");
}

static void test_values(struct writer *w)
{
    char *long_name = mi_alloc(70001);

    put_start(w, 3, 0, 1);
    put_u8_key(w, "");
    refused(w, "empty", "an empty key");
    put_start(w, 3, 0, 2);
    put_u8_key(w, "a");
    put_u8_key(w, "a");
    refused(w, "twice", "a key twice");
    put_start(w, 3, 0, 1);
    put_key(w, "a", 13);
    put_u64(w, 0);
    refused(w, "type 13", "an unknown value type");
    put_start(w, 3, 0, 1);
    put_u64(w, UINT64_MAX - 3);
    put_u64(w, 0);
    refused(w, "limit", "a key of 2^64 - 4 bytes");
    memset(long_name, 'x', 70000);
    long_name[70000] = 0;
    put_start(w, 3, 0, 1);
    put_u8_key(w, long_name);
    refused(w, "limit", "a key of 70000 bytes");
    long_name[65535] = 0;
    put_start(w, 3, 0, 1);
    put_u8_key(w, long_name);
    accepted(w, "a key of 65535 bytes");
    put_start(w, 3, 0, 1);
    put_key(w, "a", 8);
    put_u64(w, 5);
    mi_buf_add(&w->b, "four", 4);
    refused(w, "ends", "a string longer than the file");
    put_start(w, 3, 0, 1);
    put_key(w, "a", 8);
    put_u64(w, UINT64_MAX);
    refused(w, "limit", "a string of 2^64 - 1 bytes");
    mi_free(long_name);
}

static void test_arrays(struct writer *w)
{
    put_start(w, 3, 0, 1);
    put_key(w, "a", 9);
    put_u32(w, 9);
    put_u64(w, 1);
    refused(w, "array of arrays", "an array of arrays");
    put_start(w, 3, 0, 1);
    put_key(w, "a", 9);
    put_u32(w, 99);
    put_u64(w, 1);
    refused(w, "unknown type", "an array of nothing known");
    put_start(w, 3, 0, 1);
    put_key(w, "a", 9);
    put_u32(w, 12);
    put_u64(w, 0x2000000000000001);
    refused(w, "limit", "an array whose bytes wrap");
    put_start(w, 3, 0, 1);
    put_key(w, "a", 9);
    put_u32(w, 4);
    put_u64(w, 3);
    put_u64(w, 0);
    refused(w, "ends", "an array longer than the file");
    put_start(w, 3, 0, 1);
    put_key(w, "a", 9);
    put_u32(w, 8);
    put_u64(w, 1 << 28);
    put_u64(w, 0);
    refused(w, "ends", "2^28 strings in 8 bytes");
    put_start(w, 3, 0, 1);
    put_key(w, "a", 9);
    put_u32(w, 8);
    put_u64(w, 0);
    accepted(w, "an array of no strings");
}

/* One F32 tensor [8, 2] in a file of the given alignment. */
static void put_aligned(struct writer *w, uint32_t type, uint32_t alignment)
{
    put_start(w, 3, 1, 1);
    put_key(w, "general.alignment", type);
    put_u32(w, alignment);
    put_tensor(w, "t", 2, (uint64_t[]){8, 2}, 0, 0);
    put_data(w, alignment && alignment < 10000 ? alignment : 32, 64);
}

static void test_alignment(struct writer *w)
{
    static const uint32_t bad[] = {0, 4, 24, 8192, 0x80000000};

    put_aligned(w, 4, 8);
    accepted(w, "alignment 8");
    put_aligned(w, 4, 4096);
    accepted(w, "alignment 4096");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put_aligned(w, 4, bad[i]);
        refused(w, "power of two", "an alignment out of range");
    }
    put_aligned(w, 5, 32);
    refused(w, "not u32", "an alignment of another type");
}

static void put_one_tensor(struct writer *w, uint32_t rank, const uint64_t *ne, uint32_t type,
                           uint64_t offset)
{
    put_start(w, 3, 1, 0);
    put_tensor(w, "t", rank, ne, type, offset);
    put_data(w, 32, 4096);
}

static void test_tensors(struct writer *w)
{
    static const uint32_t holes[] = {4, 5, 31, 36, 38, 43, 1000, 0xffffffff};
    const uint64_t small[] = {256, 1, 1, 1, 1};
    char name[65];

    put_one_tensor(w, 0, small, 0, 0);
    refused(w, "0 dimensions", "rank 0");
    put_one_tensor(w, 5, small, 0, 0);
    refused(w, "5 dimensions", "rank 5");
    put_one_tensor(w, 0xffffffff, small, 0, 0);
    refused(w, "dimensions", "rank 2^32 - 1");
    for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++) {
        put_one_tensor(w, 1, small, holes[i], 0);
        refused(w, "type", "a type that is none");
    }
    put_one_tensor(w, 2, (uint64_t[]){32, 0}, 0, 0);
    refused(w, "is 0", "a dimension of 0");
    put_one_tensor(w, 2, (uint64_t[]){INT64_MAX, 2}, 0, 0);
    refused(w, "larger than the file", "dimensions whose product wraps");
    put_one_tensor(w, 4, (uint64_t[]){1ull << 32, 1ull << 32, 1, 1}, 24, 0);
    refused(w, "larger than the file", "dimensions whose product wraps to 0");
    put_one_tensor(w, 2, (uint64_t[]){1ull << 62, 1}, 0, 0);
    refused(w, "larger than the file", "bytes that wrap to 0");
    put_one_tensor(w, 1, (uint64_t[]){UINT64_MAX}, 24, 0);
    refused(w, "larger than the file", "2^64 - 1 bytes");
    put_one_tensor(w, 1, (uint64_t[]){33}, 8, 0);
    refused(w, "whole number of blocks", "a row that cuts a block");
    put_one_tensor(w, 1, (uint64_t[]){1024}, 0, 0);
    accepted(w, "a tensor to the last byte");
    w->b.len--;
    refused(w, "cut short", "one byte short");
    put_one_tensor(w, 1, small, 0, 32);
    refused(w, "offset", "a hole before the tensor");
    put_one_tensor(w, 1, small, 0, 5);
    refused(w, "offset", "an offset that is not aligned");
    put_one_tensor(w, 1, small, 0, UINT64_MAX - 31);
    refused(w, "offset", "an offset that wraps");
    put_start(w, 3, 2, 0);
    put_tensor(w, "t", 1, small, 0, 0);
    put_tensor(w, "t", 1, small, 0, 1024);
    put_data(w, 32, 2048);
    refused(w, "twice", "a tensor twice");
    put_start(w, 3, 2, 0);
    put_tensor(w, "t", 1, small, 0, 0);
    put_tensor(w, "u", 1, small, 0, 0);
    put_data(w, 32, 2048);
    refused(w, "offset", "tensors that overlap");
    memset(name, 'n', 64);
    name[64] = 0;
    put_start(w, 3, 1, 0);
    put_tensor(w, name, 1, small, 0, 0);
    put_data(w, 32, 4096);
    refused(w, "limit 63", "a name of 64 bytes");
    put_start(w, 3, 1, 0);
    put_tensor(w, "", 1, small, 0, 0);
    put_data(w, 32, 4096);
    refused(w, "no name", "a tensor without name");
}

/* ---- what is read -------------------------------------------------------------------- */

static void test_reading(struct writer *w, uint32_t version)
{
    struct mi_gguf g;
    struct mi_error err = {0};
    struct mi_gguf_string s, list[2];
    const float f = 2.5f;
    const uint16_t equal[] = {3, 3, 3}, unequal[] = {3, 4};
    int64_t i = 0;
    double r = 0;
    bool flag = false;

    put_start(w, version, 1, 6);
    put_key(w, "i", 5);
    put_u32(w, (uint32_t)-9);
    put_key(w, "f", 6);
    mi_buf_add(&w->b, &f, 4);
    put_key(w, "s", 8);
    put_string(w, "text");
    put_key(w, "list", 9);
    put_u32(w, 8);
    put_count(w, 2);
    put_string(w, "");
    put_string(w, "two");
    put_key(w, "equal", 9);
    put_u32(w, 2);
    put_count(w, 3);
    mi_buf_add(&w->b, equal, 6);
    put_key(w, "unequal", 9);
    put_u32(w, 2);
    put_count(w, 2);
    mi_buf_add(&w->b, unequal, 4);
    put_tensor(w, "t", 2, (uint64_t[]){32, 3}, 8, 0);
    put_data(w, 32, 3 * 34);
    ok(mi_gguf_open_bytes(&g, w->b.data, w->b.len, &err) == 0, "version %u is read%s", version,
       err.text);
    ok(mi_gguf_int(&g, "i", &i) && i == -9 && mi_gguf_real(&g, "i", &r) && r == -9, "an integer");
    ok(!mi_gguf_int(&g, "f", &i) && mi_gguf_real(&g, "f", &r) && r == 2.5, "a float");
    ok(mi_gguf_text(&g, "s", &s) && s.len == 4 && memcmp(s.at, "text", 4) == 0, "a string");
    ok(!mi_gguf_text(&g, "i", &s) && !mi_gguf_flag(&g, "i", &flag) && !mi_gguf_find(&g, "none"),
       "another kind, or nothing");
    ok(mi_gguf_int(&g, "equal", &i) && i == 3 && !mi_gguf_int(&g, "unequal", &i),
       "equal elements count as one");
    ok(mi_gguf_array_int(mi_gguf_find(&g, "unequal"), 1) == 4, "an element");
    mi_gguf_array_strings(mi_gguf_find(&g, "list"), list);
    ok(list[0].len == 0 && list[1].len == 3 && memcmp(list[1].at, "two", 3) == 0, "strings");
    ok(mi_gguf_tensor(&g, "t") && mi_gguf_tensor(&g, "t")->n_bytes == 3 * 34 &&
           mi_gguf_tensor(&g, "t")->ne[1] == 3 && !mi_gguf_tensor(&g, "i"),
       "a tensor");
    mi_gguf_close(&g);
}

/* Every file that was cut, and a byte changed at each place of the head, is refused or read,
 * and never harms; run with sanitizers this says more. */
static void test_damage(void)
{
    struct mi_error err = {0};
    size_t len, n_cut = 0, n_refused = 0;
    unsigned char *bytes = read_whole(fixture_path[1], &len), *copy;
    struct mi_model m;

    for (size_t n = 0; n < len; n += n < 200 || n > len - 200 ? 1 : 331) {
        copy = mi_alloc(n);
        memcpy(copy, bytes, n);
        n_cut++;
        n_refused += mi_model_open_bytes(&m, copy, n, NULL) < 0;
        mi_model_close(&m);
        mi_free(copy);
    }
    ok(n_refused == n_cut && n_cut > 400, "a file that was cut is refused, at %zu places",
       n_refused);
    for (size_t at = 0; at < 12000; at += at < 1200 ? 1 : 13) {
        unsigned char was = bytes[at];

        for (int k = 0; k < 3; k++) {
            bytes[at] = (unsigned char)(k == 0 ? was ^ 0x80 : k == 1 ? 0xff : was + 1);
            n_refused += mi_model_open_bytes(&m, bytes, len, NULL) < 0;
            mi_model_close(&m);
        }
        bytes[at] = was;
    }
    ok(mi_model_open_bytes(&m, bytes, len, &err) == 0, "no changed byte does harm%s", err.text);
    mi_model_close(&m);
    mi_free(bytes);
}

int main(void)
{
    struct writer w = {0};

    test_head(&w);
    test_values(&w);
    test_many(&w);
    test_arrays(&w);
    test_alignment(&w);
    test_tensors(&w);
    for (uint32_t version = 1; version <= 3; version++)
        test_reading(&w, version);
    test_damage();
    mi_buf_free(&w.b);
    return done();
}
