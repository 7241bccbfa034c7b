/* Whatever the bytes: the container is refused, or every entry lies inside the file; and a
 * model that opens can be run. */
#include "base/mem.h"
#include "model/forward.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_value(const struct mi_gguf *g, const struct mi_gguf_value *v,
                        const unsigned char *data, size_t size)
{
    struct mi_gguf_string s = {0};
    int64_t i;
    double r;
    bool flag;
    char key[256];

    must(v->key.len <= size && v->data >= data && v->data <= data + size);
    if (v->key.len < sizeof(key)) {
        memcpy(key, v->key.at, v->key.len);
        key[v->key.len] = 0;
        if (!memchr(key, 0, v->key.len))
            must(mi_gguf_find(g, key) == v);
        mi_gguf_int(g, key, &i);
        mi_gguf_real(g, key, &r);
        mi_gguf_flag(g, key, &flag);
        mi_gguf_text(g, key, &s);
    }
    if (v->element == MI_GGUF_STRING && v->count > 0 && v->type == MI_GGUF_ARRAY) {
        struct mi_gguf_string *list = mi_alloc_n((size_t)v->count, sizeof(*list));

        mi_gguf_array_strings(v, list);
        s = list[v->count - 1];
        mi_free(list);
    } else if (v->element != MI_GGUF_STRING && v->count > 0) {
        mi_gguf_array_int(v, v->count - 1);
        mi_gguf_array_real(v, v->count - 1);
    }
    must(!s.at || (const unsigned char *)s.at + s.len <= data + size);
}

static void run_model(const struct mi_model *m)
{
    const int32_t tokens[] = {0, 0};
    struct mi_forward f = {0};
    struct mi_sequence q = {.tokens = tokens, .n = 2};

    (void)!mi_forward(&f, m, &q, 1, 1, NULL, NULL);
    mi_forward_free(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mi_gguf g;
    struct mi_model m;
    struct mi_error err = {0};

    if (mi_gguf_open_bytes(&g, data, size, &err) == 0) {
        for (size_t i = 0; i < g.n_values; i++)
            check_value(&g, &g.value[i], data, size);
        for (size_t i = 0; i < g.n_tensors; i++)
            must(g.tensor[i].offset <= size && g.tensor[i].n_bytes <= size - g.tensor[i].offset);
    } else {
        must(err.code == MI_EXIT_DATA && err.text[0]);
    }
    mi_gguf_close(&g);
    if (mi_model_open_bytes(&m, data, size, &err) == 0)
        run_model(&m);
    mi_model_close(&m);
    return 0;
}
