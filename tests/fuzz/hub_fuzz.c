/* Whatever config.json and the weights' header say: refused, or a model that can be run. The
 * input is a config.json, a NUL, and a .safetensors file. */
#include "base/mem.h"
#include "data/json.h"
#include "model/config.h"
#include "model/hub.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* Every byte that a tensor claims is there: a sanitizer sees what is not. */
static uint64_t read_tensors(const struct mi_store *s)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < s->n_tensors; i++) {
        const struct mi_store_tensor *t = &s->tensor[i];
        uint64_t n = mi_store_bytes(t), parts = t->part ? t->ne[2] : 1;

        for (uint64_t p = 0; p < parts && n > 0; p++) {
            const unsigned char *at = t->part ? t->part[p] : t->data;

            sum += at[0] + (uint64_t)at[n / parts - 1];
        }
    }
    return sum;
}

static void open_both(const uint8_t *config, size_t len, const uint8_t *weights, size_t size)
{
    struct mi_folder f = {0};
    struct mi_safetensors file = {0};
    char name[] = "model.safetensors", *names[] = {name};
    struct mi_error err = {0};
    struct mi_store s = {0};
    struct mi_config c = {0};
    uint64_t n_copied = 0;

    f.shards = (struct mi_shards){.file = &file, .name = names, .n_files = 1};
    if (mi_json_parse(&f.arena, (const char *)config, len, &f.config, &err) == 0 &&
        f.config.kind == MI_MAP && mi_safetensors_open_bytes(&file, weights, size, &err) == 0 &&
        (f.shards.n_tensors = file.n_tensors, true) &&
        mi_store_folder(&s, &f, &n_copied, &err) == 0) {
        volatile uint64_t sum = read_tensors(&s);

        (void)sum;
        must(n_copied <= 4 * (uint64_t)size);
        (void)!mi_config_read(&c, &s, &err);
    } else {
        must(f.config.kind != MI_MAP || (err.code == MI_EXIT_DATA && err.text[0]));
    }
    mi_config_free(&c);
    mi_store_free(&s);
    mi_safetensors_close(&file);
    mi_arena_free(&f.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    uint8_t *weights;
    size_t n;

    if (!end)
        return 0;
    n = size - (size_t)(end - data) - 1;
    weights = malloc(n + 1); /* of its own, so that what is read beyond it is seen */
    must(weights != NULL);
    memcpy(weights, end + 1, n);
    open_both(data, (size_t)(end - data), weights, n);
    free(weights);
    return 0;
}
