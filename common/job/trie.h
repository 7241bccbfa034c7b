/* job/trie.h: prompts that begin alike are computed once as far as they do.
 *
 * Keys, values and every site of a position depend on the tokens up to it alone. So the prompts
 * of a batch make a trie; each of its parts is one sequence of a pass (mi_sequence.before), and
 * every token of a prompt has a row in one of them: the bits are those that it would have alone.
 * Not where edits may tell prompts apart. */
#ifndef MI_JOB_TRIE_H
#define MI_JOB_TRIE_H

#include <stdbool.h>
#include <stdint.h>

/* Tokens that nobody had before: positions n_past .. n_past + n - 1 of an item. */
struct mi_trie_part {
    int item;       /* whose tokens they are */
    int before;     /* part of the n_past positions before; -1: none (n_past is 0) */
    int64_t n_past; /* more than before's own n_past, where there is one */
    int64_t n;      /* 1 or more */
    int64_t row;    /* of the first, in all parts side by side */
};

struct mi_trie_text {
    const int32_t *tokens; /* [n] */
    int64_t n;
};

/* `{0}` is empty. */
struct mi_trie {
    struct mi_trie_part *part; /* [n_parts]; before < index */
    int n_parts;
    int *end; /* [items] the part with the item's last token; -1: it has none */
    int64_t n_rows;
    /* private */
    int *order;
    int cap;
};

/* Of n items; is_shared false: each by itself, in their order. Keeps nothing of `text`. */
void mi_trie_build(struct mi_trie *t, const struct mi_trie_text *text, int n, bool is_shared);
/* The row of an item's token. */
int64_t mi_trie_row(const struct mi_trie *t, int item, int64_t position);
/* Tokens that two texts have in common from the beginning. */
int64_t mi_trie_common(const struct mi_trie_text *a, const struct mi_trie_text *b);
void mi_trie_free(struct mi_trie *t);

#endif
