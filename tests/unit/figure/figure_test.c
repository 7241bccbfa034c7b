/* Widths of text, tables, bars and texts side by side. */
#include "../tap.h"
#include "base/mem.h"
#include "figure/bars.h"
#include "figure/graph.h"
#include "figure/scores.h"
#include "figure/table.h"
#include "figure/texts.h"

#include <string.h>

static const struct mi_style ascii = {.width = 40, .is_ascii = true}, wide = {.width = 40};

static void test_width(void)
{
    ok(mi_text_width("abc", 3) == 3, "ASCII");
    ok(mi_text_width("\u00e9\u4e2d\u0301", strlen("\u00e9\u4e2d\u0301")) == 3,
       "a letter, a wide character and a combining mark");
    ok(mi_text_cut("\u4e2d\u4e2d", 6, 3) == 3, "a wide character is not cut in two");
    ok(mi_text_width("\xff\xfe", 2) == 2, "bytes that are no UTF-8 take a column each");
}

static void test_padded(void)
{
    struct mi_buf b = {0};

    mi_add_padded(&b, "abc", 3, 5, true, &ascii);
    mi_add_padded(&b, "abcdefgh", 8, 6, false, &ascii);
    mi_add_padded(&b, "\x1b[1m", 4, 8, false, &ascii);
    ok(strcmp(mi_buf_text(&b), "  abcabc...\\x1b[1m ") == 0, "padded, cut, escaped: '%s'",
       mi_buf_text(&b));
    mi_buf_clear(&b);
    mi_add_padded(&b, "abcdefgh", 8, 6, false, &wide);
    ok(strcmp(mi_buf_text(&b), "abcde\u2026") == 0, "cut with an ellipsis");
    mi_buf_free(&b);
}

static struct mi_value record(struct mi_arena *a, int layer, double value, const char *name)
{
    struct mi_value m = mi_map();

    mi_set(a, &m, "layer", mi_int(layer));
    mi_set(a, &m, "name", mi_str(name));
    mi_set(a, &m, "value", mi_real(value));
    mi_set(a, &m, "none", mi_nil());
    return m;
}

static void test_table(void)
{
    struct mi_arena a = {0};
    struct mi_value list = mi_array();
    struct mi_table t = {0};
    struct mi_buf b = {0};

    mi_push(&a, &list, record(&a, 1, 0.1, "tab\there"));
    mi_push(&a, &list, record(&a, 12, 1.0 / 3, "a name that is much too long for this page"));
    mi_table_of_records(&t, &list, NULL, false);
    mi_table_print(&b, &t, &ascii);
    ok(strstr(mi_buf_text(&b), "  0.3333\n") && strstr(mi_buf_text(&b), "     0.1\n"),
       "numbers are never cut and stand on the right");
    ok(strstr(mi_buf_text(&b), "...") != NULL && strstr(mi_buf_text(&b), "none") == NULL,
       "long text is cut, empty columns are left out");
    for (const char *line = mi_buf_text(&b); *line; line += strcspn(line, "\n") + 1)
        ok(strcspn(line, "\n") <= 40, "no line is wider than the page");
    mi_table_free(&t);
    mi_buf_clear(&b);
    mi_table_of_records(&t, &list, NULL, true);
    mi_table_print_tsv(&b, &t, false);
    ok(strncmp(mi_buf_text(&b), "layer\tname\tvalue\tnone\n1\ttab\\there\t0.1\t\n", 39) == 0,
       "tab-separated values escape tabs and keep every key");
    ok(strstr(mi_buf_text(&b), "0.3333333333333333\t") != NULL, "and read back");
    mi_table_free(&t);
    mi_buf_free(&b);
    mi_arena_free(&a);
}

static void test_numbers(void)
{
    struct mi_table t = {0};

    mi_table_number(&t, 0.12345, 3);
    mi_table_number(&t, 1e-5, 3);
    mi_table_number(&t, 0, 3);
    mi_table_number(&t, (double)NAN, 3);
    mi_table_number(&t, 123456789, 3);
    ok(strcmp(t.cell[0].text, "0.123") == 0 && strcmp(t.cell[1].text, "1.00e-05") == 0 &&
           strcmp(t.cell[2].text, "0.000") == 0 && strcmp(t.cell[3].text, "") == 0 &&
           strcmp(t.cell[4].text, "1.23e+08") == 0,
       "numbers of any size");
    mi_table_free(&t);
}

static void test_bars(void)
{
    const double none = (double)NAN;
    const struct mi_bar bar[] = {{"0", 0.5, 0.4, 0.6, 0.75},
                                 {"10", 1, none, none, none},
                                 {"x", none, none, none, none},
                                 {"y", -3, none, none, none}};
    const struct mi_bars bars = {"shares", 0, 1, 0.5, bar, 4, false};
    struct mi_buf b = {0};

    mi_bars_print(&b, &bars, &ascii);
    ok(strncmp(mi_buf_text(&b), "shares\n", 7) == 0, "title first");
    ok(strstr(mi_buf_text(&b), " 0  0.500 [0.40, 0.60]   ########   |") != NULL,
       "value, interval, bar, chance, control:\n%s", mi_buf_text(&b));
    ok(strstr(mi_buf_text(&b), "10  1.000                ###############\n") != NULL, "a full bar");
    ok(strstr(mi_buf_text(&b), " x      -                       :\n") != NULL, "no value");
    ok(strstr(mi_buf_text(&b), "| highest control   : chance\n") != NULL, "legend");
    mi_buf_free(&b);
}

static void test_texts(void)
{
    const struct mi_text text[2] = {{"one two three four five six", 27}, {"a\nb\x07", 4}};
    struct mi_buf b = {0};

    mi_texts_print(&b, text, 2, &(struct mi_style){.width = 23, .is_ascii = true});
    ok(strcmp(mi_buf_text(&b), "one two    | a\nthree four | b\\x07\nfive six   |\n") == 0,
       "wrapped at blanks, line ends kept, escaped:\n%s", mi_buf_text(&b));
    mi_buf_clear(&b);
    mi_texts_print(&b, text, 1, &(struct mi_style){.width = 8, .is_ascii = true});
    ok(strcmp(mi_buf_text(&b), "one two\nthree\nfour\nfive six\n") == 0, "one column:\n%s",
       mi_buf_text(&b));
    mi_buf_clear(&b);
    mi_texts_print(&b, &(struct mi_text){"aaaaaaaaaaaaaaaaaaaa", 20}, 1,
                   &(struct mi_style){.width = 8, .is_ascii = true});
    ok(strcmp(mi_buf_text(&b), "aaaaaaaa\naaaaaaaa\naaaa\n") == 0, "a long word is cut");
    mi_buf_clear(&b);
    mi_texts_print(&b, &(struct mi_text){"", 0}, 1, &ascii);
    ok(strcmp(mi_buf_text(&b), "") == 0 || strcmp(mi_buf_text(&b), "\n") == 0, "no text");
    mi_buf_free(&b);
}

static void put_score(struct mi_arena *a, struct mi_value *list, int layer, const char *method,
                      const char *control, double value)
{
    struct mi_value m = mi_map();

    mi_set(a, &m, "site", mi_str("resid_post"));
    mi_set(a, &m, "layer", mi_int(layer));
    mi_set(a, &m, "method", mi_str(method));
    mi_set(a, &m, "metric", mi_str("auroc"));
    mi_set(a, &m, "value", mi_real(value));
    mi_set(a, &m, "lo", mi_real(value - 0.1));
    mi_set(a, &m, "hi", mi_real(value + 0.1));
    mi_set(a, &m, "n", mi_int(10));
    mi_set(a, &m, "control", control ? mi_str(control) : mi_nil());
    mi_push(a, list, m);
}

static void test_scores(void)
{
    struct mi_arena a = {0};
    struct mi_value list = mi_array();
    struct mi_page page = {0};
    struct mi_buf b = {0};

    put_score(&a, &list, 3, "mean-diff", NULL, 0.8);
    put_score(&a, &list, 3, "random", "random", 0.5);
    put_score(&a, &list, 4, "mean-diff", NULL, 0.9);
    put_score(&a, &list, 4, "random", "random", 0.4);
    mi_figure_scores(&page, &list, NULL);
    mi_page_print(&b, &page, &(struct mi_style){.width = 60, .is_ascii = true});
    mi_page_free(&page);
    ok(strstr(mi_buf_text(&b), "    3  0.800 [0.70 0.90]   0.600\n"
                               "    4  0.900 [0.80 1.00]   0.500\n") != NULL,
       "a line a layer, the control's highest beside it:\n%s", mi_buf_text(&b));
    ok(strstr(mi_buf_text(&b), "auroc by layer") != NULL, "a chart below");
    mi_buf_free(&b);
    mi_arena_free(&a);
}

/* Two prompt files, each captured, one direction of both, used twice by one tool. */
static void test_graph(void)
{
    static const char *const kinds[] = {"prompts", "prompts", "capture", "capture",
                                        "fit",     "eval",    "eval"};
    struct mi_graph_node node[7];
    bool edge[49] = {false};
    struct mi_graph g = {node, 7, edge};
    struct mi_arena a = {0};
    struct mi_buf b = {0};

    for (int i = 0; i < 7; i++)
        node[i] = (struct mi_graph_node){i == 5   ? "five"
                                         : i == 6 ? "six"
                                                  : kinds[i],
                                         "", kinds[i], 0};
    for (int i = 0; i < 2; i++) {
        edge[i * 7 + 2 + i] = edge[(2 + i) * 7 + 4] = edge[i * 7 + 4] = true;
        edge[4 * 7 + 5 + i] = true;
    }
    mi_graph_layout(&g);
    mi_graph_fold(&g, &a, 7);
    ok(g.n == 7 && g.node[5].depth == 3, "seven nodes fit into seven, three deep");
    mi_graph_fold(&g, &a, 6);
    mi_graph_print(&b, &g);
    ok(strcmp(mi_buf_text(&b), "prompts (2)\ncapture (2)  from prompts\nfit  from capture\n"
                               "eval (2: five, six)  from fit\n") == 0,
       "folded by kind and depth: %s", mi_buf_text(&b));
    mi_buf_free(&b);
    mi_arena_free(&a);
}

int main(void)
{
    test_width();
    test_padded();
    test_table();
    test_numbers();
    test_bars();
    test_texts();
    test_scores();
    test_graph();
    return done();
}
