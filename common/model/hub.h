/* model/hub.h: the contents of a Hugging Face directory under canonical names.
 *
 * config.json's fields become the keys of model/store.h, with what transformers assumes where
 * a field is absent; tensors get GGUF's names and, where a converter changes values, its
 * changes: Gemma's norms + 1, Conv1D transposed, QKV that is cut by heads put in order. Those
 * that must be copied for it are held in the store's arena; all others stay in the mapped
 * files. Experts that lie apart stay apart. Rows of q and k keep Hugging Face's order. */
#ifndef MI_MODEL_HUB_H
#define MI_MODEL_HUB_H

#include "model/architecture.h"
#include "model/folder.h"
#include "model/store.h"

/* Points into the open folder, which must stay open. *n_copied: bytes that were copied. */
int mi_store_folder(struct mi_store *s, const struct mi_folder *f, uint64_t *n_copied,
                    struct mi_error *err) MI_MUST_USE;

/* ---- private to model/hub*.c --------------------------------------------------- */

/* config.json being translated. */
struct mi_hub {
    const struct mi_folder *folder;
    struct mi_store *store;
    const struct mi_architecture *row;
    const char *type;         /* model_type */
    struct mi_value defaults; /* MI_MAP: what is assumed where a field is absent */
    int64_t n_layers, n_heads, n_kv_heads, d_head;
    bool is_tied;
    uint64_t n_copied;
    struct mi_error *err;
};

/* A field of config.json, or its default; NULL where it is absent or null. `names`: several
 * spellings parted by spaces, of which the first that is there counts. */
const struct mi_value *mi_hub_field(const struct mi_hub *h, const char *names);
bool mi_hub_flag(const struct mi_hub *h, const char *name); /* absent: false */
/* Whole number from `least` to 2^31 - 1, or a refusal; absent: `otherwise`. */
int mi_hub_int(const struct mi_hub *h, const char *names, int64_t otherwise, int64_t least,
               int64_t *out) MI_MUST_USE;
/* Finite number; absent: `otherwise`. */
int mi_hub_real(const struct mi_hub *h, const char *names, double otherwise,
                double *out) MI_MUST_USE;
void mi_hub_put_int(struct mi_hub *h, const char *key, int64_t i);
/* As a float, which is what a GGUF file holds: both give the same model. */
void mi_hub_put_real(struct mi_hub *h, const char *key, double r);
void mi_hub_put_text(struct mi_hub *h, const char *key, const char *text);

/* All keys; fills type, row and sizes. */
int mi_hub_config(struct mi_hub *h) MI_MUST_USE;
/* The part of it that speaks of rotation, and of windows. */
int mi_hub_rotary(struct mi_hub *h) MI_MUST_USE;
int mi_hub_windows(struct mi_hub *h) MI_MUST_USE;
/* What transformers assumes for a model_type: JSON, or "{}". */
const char *mi_hub_defaults(const char *model_type);

/* What happens to a tensor on its way. */
enum mi_hub_change {
    MI_HUB_KEEP,
    MI_HUB_SKIP,      /* a buffer that follows from the settings, or another part of the model */
    MI_HUB_TRANSPOSE, /* [in, out] -> [out, in] */
    MI_HUB_ADD_ONE,   /* to every element, as floats */
    MI_HUB_UNWEAVE,   /* groups of heads' q, k, v rows -> all q, all k, all v */
    MI_HUB_EXPERT,    /* one of several matrices: number `expert` of the canonical tensor */
    MI_HUB_EXPERTS,   /* [experts, out, in]: all of them */
    MI_HUB_GATE_UP,   /* [experts, 2 out, in],
                     * or [2 out, in] of a shared one: gates' rows, then ups' */
    MI_HUB_HEAD,      /* one of several vectors: row `expert` of a matrix */
    MI_HUB_FROM_2,    /* learned positions behind two rows that no token has */
    MI_HUB_TURNED,    /* [experts, in, out] */
    MI_HUB_WOVEN, /* [experts, in, 2 out], or [experts, 2 out] of biases: gate and up by turns */
};

struct mi_hub_name {
    char text[64]; /* canonical */
    enum mi_hub_change change;
    int64_t expert;
};

/* The canonical name; MI_EXIT_DATA when it is not known. */
int mi_hub_translate(const struct mi_hub *h, const char *name, struct mi_hub_name *out) MI_MUST_USE;

#endif
