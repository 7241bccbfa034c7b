/* model/architecture.c: the table of architectures; see architecture.h. */
#include "model/architecture.h"

#include <stddef.h>
#include <string.h>

static const struct mi_architecture table[] = {
    {.name = "llama",
     .model_types = "llama mistral",
     .families = "Llama 1 to 3, Mistral, SmolLM2, TinyLlama",
     .traits = MI_TRAIT_PERMUTED},
    {.name = "qwen2",
     .model_types = "qwen2",
     .families = "Qwen 1.5 to 2.5",
     .traits = MI_TRAIT_QKV_BIAS},
};

const struct mi_architecture *mi_architectures(int *n)
{
    *n = (int)(sizeof(table) / sizeof(table[0]));
    return table;
}

const struct mi_architecture *mi_architecture_find(const char *name)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(name, table[i].name) == 0)
            return &table[i];
    return NULL;
}

const struct mi_architecture *mi_architecture_of_type(const char *model_type)
{
    size_t len = strlen(model_type);

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        for (const char *s = table[i].model_types; *s; s += strspn(s, " ")) {
            size_t n = strcspn(s, " ");

            if (n == len && memcmp(s, model_type, n) == 0)
                return &table[i];
            s += n;
        }
    return NULL;
}
