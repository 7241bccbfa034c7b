/* data/dims.h: the sizes of a model that name places in it. */
#ifndef MI_DATA_DIMS_H
#define MI_DATA_DIMS_H

#include <stdint.h>

struct mi_dims {
    int n_layers;   /* L */
    int n_heads;    /* H */
    int n_kv_heads; /* divides n_heads */
    int d_model;    /* D */
    int d_head;     /* K */
    int d_mlp;      /* M */
    int d_vocab;    /* V */
    int n_ctx;      /* positions that the model was made for */
    /* Bit s: there is no site s (enum mi_site) in this model; 0: all are there. */
    uint64_t no_sites;
};

#endif
