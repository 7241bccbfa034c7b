/* text/word_tree.h: which of many texts start at a place. */
#ifndef MI_TEXT_WORD_TREE_H
#define MI_TEXT_WORD_TREE_H

#include <stddef.h>
#include <stdint.h>

struct mi_word_tree_entry {
    const char *at;
    size_t len; /* > 0 */
    int32_t value;
};

struct mi_word_tree_node {
    uint32_t first; /* its children stand together, by byte */
    int32_t value;  /* of the text that ends here, -1: none */
    uint16_t n;
    unsigned char byte;
};

/* `{0}` is valid and holds nothing. */
struct mi_word_tree {
    struct mi_word_tree_node *node; /* [n]; the first is the root */
    size_t n, cap;
    uint32_t start[256]; /* the root's children, 0: none */
};

/* Sorts `entry`. Of equal texts the one of lowest value counts. All together < 2^31 bytes. */
void mi_word_tree_init(struct mi_word_tree *t, struct mi_word_tree_entry *entry, size_t n);
/* The node behind `node` (0: the root) on this byte; 0 where there is none. */
uint32_t mi_word_tree_step(const struct mi_word_tree *t, uint32_t node, unsigned char byte);
void mi_word_tree_free(struct mi_word_tree *t);

#endif
