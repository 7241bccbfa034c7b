#include "data/value.h"

#include "../tap.h"

#include <string.h>

static void test_scalars(void)
{
    struct mi_arena a = {0};
    struct mi_value bad = mi_text_dup(&a, "\xff\x00z", 3), good = mi_text_dup(&a, "h\xc3\xa9", 3);
    struct mi_value i = mi_int(7), r = mi_real(7);

    ok(mi_is(&bad, MI_BIN) && bad.as.bytes.len == 3, "bytes that are not UTF-8 become a bin");
    ok(mi_is(&good, MI_STR) && strcmp(good.as.bytes.at, "h\xc3\xa9") == 0, "UTF-8 stays a string");
    ok(!mi_is(NULL, MI_NIL), "NULL is of no kind");
    ok(!mi_value_equal(&i, &r), "7 and 7.0 are different values");
    i = mi_real(0.0);
    r = mi_real(-0.0);
    ok(!mi_value_equal(&i, &r), "so are 0 and -0");
    mi_arena_free(&a);
}

static void test_maps(void)
{
    struct mi_arena a = {0};
    struct mi_value m = mi_map(), copy;
    char key[16];

    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%d", i);
        mi_set_dup(&a, &m, key, mi_int(i));
    }
    ok(m.as.map.n == 100 && mi_get_int(&m, "k42", -1) == 42, "a hundred keys");
    mi_set(&a, &m, "k42", mi_str("new"));
    ok(m.as.map.n == 100 && strcmp(m.as.map.member[42].key, "k42") == 0 &&
           strcmp(mi_get_str(&m, "k42", ""), "new") == 0,
       "setting a key again keeps its place");
    ok(mi_get_int(&m, "k42", -1) == -1, "another kind gives the default");
    ok(mi_get(NULL, "x") == NULL && mi_get(&m, "none") == NULL, "what is not there is NULL");
    mi_set(&a, &m, "i", mi_int(3));
    mi_set(&a, &m, "r", mi_real(0.5));
    ok(mi_get_real(&m, "i", 0) == 3 && mi_get_real(&m, "r", 0) == 0.5, "reals take integers");
    copy = mi_value_copy(&a, &m);
    ok(mi_value_equal(&m, &copy), "a copy is equal");
    mi_set(&a, &copy, "k7", mi_nil());
    ok(!mi_value_equal(&m, &copy) && mi_get_int(&m, "k7", -1) == 7, "and its own");
    mi_arena_free(&a);
}

static void test_arrays(void)
{
    struct mi_arena a = {0};
    struct mi_value list = mi_array(), other = mi_array(), copy;
    int32_t x[3] = {1, -2, 3};
    float data[4] = {1, 2, 3, 4};
    struct mi_tensor t = mi_tensor_2(MI_F32, 2, 2, data);

    for (int i = 0; i < 1000; i++)
        mi_push(&a, &list, mi_int(i));
    ok(list.as.array.n == 1000 && list.as.array.item[999].as.integer == 999, "1000 items");
    other = mi_ints(&a, x, 3);
    ok(other.as.array.n == 3 && other.as.array.item[1].as.integer == -2, "integers as a list");
    mi_push(&a, &other, mi_tensor_value(t));
    copy = mi_value_copy(&a, &other);
    data[3] = 9;
    ok(!mi_value_equal(&copy, &other), "a copied tensor has its own data");
    t.shape[0] = 4;
    t.shape[1] = 1;
    data[3] = 4;
    ok(mi_value_equal(&copy, &other), "tensors compare by their bytes");
    other.as.array.item[3].as.tensor.shape[0] = 1;
    other.as.array.item[3].as.tensor.shape[1] = 4;
    ok(!mi_value_equal(&copy, &other), "and by their shape");
    other = mi_reals(&a, (double[]){1, 2}, 2);
    ok(other.as.array.item[1].kind == MI_REAL, "reals as a list");
    mi_arena_free(&a);
}

int main(void)
{
    plan(18);
    test_scalars();
    test_maps();
    test_arrays();
    return done();
}
