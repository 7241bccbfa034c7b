#include "base/buf.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/near.h"

#include "../tap.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_checked(void)
{
    uint64_t r = 7;

    ok(mi_add_u64(1, 2, &r) && r == 3, "1 + 2");
    ok(!mi_add_u64(UINT64_MAX, 1, &r) && r == 3, "a sum that wraps is refused, out kept");
    ok(mi_mul_u64(UINT32_MAX, UINT32_MAX, &r) && r == 0xfffffffe00000001u, "a large product");
    ok(!mi_mul_u64(1ull << 32, 1ull << 32, &r), "a product that wraps is refused");
    ok(mi_mul_u64(0, UINT64_MAX, &r) && r == 0, "nothing times all");
    ok(mi_align_up_u64(33, 32, &r) && r == 64, "33 to 64");
    ok(mi_align_up_u64(64, 32, &r) && r == 64, "64 stays");
    ok(!mi_align_up_u64(UINT64_MAX - 3, 32, &r), "no room to align");
    ok(mi_span_fits(3, 4, 7) && !mi_span_fits(4, 4, 7), "a span fits or not");
    ok(!mi_span_fits(UINT64_MAX, 2, 100) && !mi_span_fits(2, UINT64_MAX, 100), "no wrapping");
    ok(mi_span_fits(7, 0, 7) && !mi_span_fits(8, 0, 7), "an empty span at the end");
}

static void test_buf(void)
{
    struct mi_buf b = {0};
    bool good = true;

    ok(strcmp(mi_buf_text(&b), "") == 0, "an empty buffer is the empty text");
    for (int i = 0; i < 10000; i++)
        mi_buf_addf(&b, "%d,", i);
    for (int i = 0, at = 0; i < 10000; i++) {
        char want[8];
        int n = snprintf(want, sizeof want, "%d,", i);

        good = good && memcmp(b.data + at, want, (size_t)n) == 0;
        at += n;
    }
    ok(good && b.len == 48890, "ten thousand numbers: %zu bytes", b.len);
    mi_buf_clear(&b);
    mi_buf_addf(&b, "%0300d", 7);
    ok(b.len == 300 && mi_buf_text(&b)[299] == '7', "a long format fits");
    mi_buf_clear(&b);
    mi_buf_add(&b, "a\0b", 3);
    mi_buf_add_char(&b, 'c');
    mi_buf_add_text(&b, "de");
    memcpy(mi_buf_more(&b, 2), "fg", 2);
    ok(b.len == 8 && memcmp(mi_buf_text(&b), "a\0bcdefg", 9) == 0, "bytes are kept");
    mi_buf_add(&b, NULL, 0);
    ok(b.len == 8, "nothing adds nothing");
    mi_buf_free(&b);
    mi_buf_free(&b);
    ok(b.data == NULL && b.len == 0, "free twice");
}

static void test_arena(void)
{
    struct mi_arena a = {0};
    char *keep[1000];
    bool aligned = true, kept = true;

    for (int i = 0; i < 1000; i++) {
        char text[300];

        memset(text, 'a' + i % 26, sizeof text);
        keep[i] = mi_arena_dup(&a, text, (size_t)i % 300);
        aligned = aligned && (uintptr_t)keep[i] % 16 == 0;
    }
    for (int i = 0; i < 1000; i++)
        kept = kept && strlen(keep[i]) == (size_t)i % 300;
    ok(aligned, "objects are 16-byte aligned");
    ok(kept, "objects stay where they are");
    memset(mi_arena_alloc(&a, 1 << 20), 1, 1 << 20);
    mi_arena_reset(&a);
    ok(mi_arena_alloc(&a, 0) != NULL, "after a reset it goes on");
    mi_arena_free(&a);
    mi_arena_free(&a);
    ok(a.first == NULL, "free twice");
}

static void test_grow(void)
{
    size_t cap = 0;
    int *p = NULL, *q;
    char *s = mi_strndup("abc", 2);

    for (size_t i = 0; i < 1000; i++) {
        p = mi_grow(p, &cap, i + 1, sizeof *p);
        p[i] = (int)i;
    }
    ok(cap == 1024 && p[999] == 999, "an array grows by doubling");
    q = mi_alloc_aligned(100);
    ok((uintptr_t)q % 64 == 0, "64-byte aligned");
    ok(strcmp(s, "ab") == 0, "a part of a string");
    mi_free(s);
    mi_free(q);
    mi_free(p);
    mi_free(NULL);
}

static void say_and_leave(size_t size)
{
    _exit(size > 1 << 20 ? 4 : 5);
}

/* Exit status of a child that asks for what is not there. */
static int child_that(void (*ask)(void))
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        mi_out_of_memory = say_and_leave;
        ask();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void ask_product(void)
{
    mi_free(mi_alloc_n(SIZE_MAX / 2, 3));
}

static void ask_grow(void)
{
    size_t cap = 8;

    mi_free(mi_grow(NULL, &cap, SIZE_MAX / 4, 8));
}

static void ask_buf(void)
{
    struct mi_buf b = {0};

    mi_buf_add_char(&b, 'x');
    mi_buf_more(&b, SIZE_MAX - 1);
}

static void test_shortage(void)
{
    ok(child_that(ask_product) == 4, "a product that wraps calls the handler");
    ok(child_that(ask_grow) == 4, "so does an array that cannot be");
    ok(child_that(ask_buf) == 4, "and a buffer");
}

static void test_near(void)
{
    static const char *const names[] = {"threads", "output", "seed", "site", "sites"};
    char text[80];

    ok(mi_near_distance("", "abc") == 3 && mi_near_distance("abc", "abc") == 0, "distances");
    ok(mi_near_distance("ab", "ba") == 1, "a swap is one edit");
    ok(mi_near_distance("kitten", "sitting") == 3, "kitten, sitting");
    ok(strcmp(mi_near_names("treads", names, 5, text, sizeof text), "'threads'") == 0, "treads");
    ok(strcmp(mi_near_names("out", names, 5, text, sizeof text), "'output'") == 0, "a beginning");
    ok(strcmp(mi_near_names("sitee", names, 5, text, sizeof text), "'site' or 'sites'") == 0, "%s",
       text);
    ok(*mi_near_names("zebra", names, 5, text, sizeof text) == '\0', "nothing is near zebra");
}

int main(void)
{
    plan(34);
    test_checked();
    test_buf();
    test_arena();
    test_grow();
    test_shortage();
    test_near();
    return done();
}
