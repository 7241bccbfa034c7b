/* Whatever the bytes: the file is refused, or its tensors cover the data without overlap. */
#include "model/safetensors.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mi_safetensors s;
    struct mi_error err = {0};
    uint64_t covered = 0;

    if (mi_safetensors_open_bytes(&s, data, size, &err) == 0) {
        for (size_t i = 0; i < s.n_tensors; i++) {
            const struct mi_safetensor *t = &s.tensor[i];
            const uint8_t *from = t->data;

            must(from >= data && from <= data + size);
            must(t->n_bytes <= (size_t)(data + size - from));
            must(t->rank >= 0 && t->rank <= MI_SAFETENSORS_MAX_RANK && t->type);
            must(i == 0 || strcmp(s.tensor[i - 1].name, t->name) < 0);
            must(mi_safetensors_find(&s, t->name) == t);
            covered += t->n_bytes;
        }
        must(covered <= size);
    } else {
        must(err.code == MI_EXIT_DATA && err.text[0]);
    }
    mi_safetensors_close(&s);
    return 0;
}
