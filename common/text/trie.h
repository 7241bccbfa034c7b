/* text/trie.h: which of many texts start at a place. */
#ifndef MI_TEXT_TRIE_H
#define MI_TEXT_TRIE_H

#include <stddef.h>
#include <stdint.h>

struct mi_trie_entry {
    const char *at;
    size_t len; /* > 0 */
    int32_t value;
};

struct mi_trie_node {
    uint32_t first; /* its children stand together, by byte */
    int32_t value;  /* of the text that ends here, -1: none */
    uint16_t n;
    unsigned char byte;
};

/* `{0}` is valid and holds nothing. */
struct mi_trie {
    struct mi_trie_node *node; /* [n]; the first is the root */
    size_t n, cap;
    uint32_t start[256]; /* the root's children, 0: none */
};

/* Sorts `entry`. Of equal texts the one of lowest value counts. All together < 2^31 bytes. */
void mi_trie_init(struct mi_trie *t, struct mi_trie_entry *entry, size_t n);
/* The node behind `node` (0: the root) on this byte; 0 where there is none. */
uint32_t mi_trie_step(const struct mi_trie *t, uint32_t node, unsigned char byte);
void mi_trie_free(struct mi_trie *t);

#endif
