/* Text and data that a page can hold, whatever they were. */
#include "figure/html.h"

#include "../tap.h"

#include <string.h>

static int is_text(const char *s, size_t len, const char *want)
{
    struct mi_buf b = {0};
    int same;

    mi_html_text(&b, s, len);
    same = strcmp(mi_buf_text(&b), want) == 0;
    if (!same)
        diag("got %s", mi_buf_text(&b));
    mi_buf_free(&b);
    return same;
}

static void every_byte(void)
{
    struct mi_arena arena = {0};
    struct mi_buf text = {0}, words = {0}, json = {0};
    char bytes[512];
    int n_unsafe = 0;
    struct mi_value v;

    for (int i = 0; i < 512; i++)
        bytes[i] = (char)(i < 256 ? i : 511 - i);
    mi_html_text(&text, bytes, sizeof bytes);
    mi_html_words(&words, bytes, sizeof bytes);
    v = mi_text_dup(&arena, bytes, sizeof bytes);
    mi_html_json(&json, &v);
    for (size_t i = 0; i < text.len; i++)
        n_unsafe += text.data[i] < 0x20 || text.data[i] == '<' || text.data[i] == '>' ||
                    text.data[i] == '"' || text.data[i] == '\'';
    for (size_t i = 0; i < words.len; i++)
        n_unsafe += words.data[i] < 0x20;
    for (size_t i = 0; i < json.len; i++)
        n_unsafe += json.data[i] < 0x20 || json.data[i] == '<' || json.data[i] == '&';
    ok(n_unsafe == 0, "all bytes are inert");
    mi_buf_free(&text);
    mi_buf_free(&words);
    mi_buf_free(&json);
    mi_arena_free(&arena);
}

int main(void)
{
    struct mi_arena arena = {0};
    struct mi_buf b = {0};
    struct mi_value v = mi_str("</script><!--\xe2\x80\xa8&");

    plan(6);
    ok(is_text("<a b=\"c\">'&", 11, "&lt;a b=&quot;c&quot;&gt;&#39;&amp;"), "entities");
    ok(is_text("\x1b[1m\xe2\x80\xae\xff\n", 9, "\\x1b[1m\\u{202e}\\xff\\n"), "spelt out");
    mi_html_json(&b, &v);
    ok(strcmp(mi_buf_text(&b), "\"\\u003c/script\\u003e\\u003c!--\\u2028\\u0026\"") == 0,
       "JSON cannot end its element: %s", mi_buf_text(&b));
    mi_buf_clear(&b);
    mi_html_words(&b, "a\nb", 3);
    ok(strcmp(mi_buf_text(&b), "a<i class=\"esc\">\\n</i><br>b") == 0, "a line ends visibly");
    v = mi_plotly_text(&arena, "<a href='x'>&lt;\x01");
    ok(strcmp(v.as.bytes.at, "&lt;a href='x'&gt;&amp;lt;\\x01") == 0, "no tags for Plotly");
    every_byte();
    mi_buf_free(&b);
    mi_arena_free(&arena);
    return done();
}
