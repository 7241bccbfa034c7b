/* Prompt files: what is read, and what is refused with its line. */
#include "text/prompt.h"

#include "../tap.h"
#include "base/file.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* A file that is just these bytes. */
static void open_bytes(struct mi_prompts *p, const char *s, size_t n)
{
    struct mi_in in;
    struct mi_error err = {0};

    mi_in_of_bytes(&in, "p.jsonl", s, n);
    if (mi_prompts_open_in(p, &in, &err) < 0)
        diag("%s", err.text);
}

static void test_plain(void)
{
    static const char file[] = "\xef\xbb\xbf"
                               "first\r\n\n  second {\"x\" \n\t\nthird";
    struct mi_prompts p;
    struct mi_prompt q;
    struct mi_error err = {0};
    struct mi_digest d, want = mi_hash_bytes(file, sizeof file - 1);

    open_bytes(&p, file, sizeof file - 1);
    ok(mi_prompts_next(&p, &q, &err) == 1 && strcmp(q.text, "first") == 0 && q.text_len == 5 &&
           strcmp(q.id, "1") == 0 && q.line == 1,
       "the first line, without BOM and CR");
    ok(mi_prompts_next(&p, &q, &err) == 1 && strcmp(q.text, "  second {\"x\" ") == 0 &&
           strcmp(q.id, "3") == 0,
       "a line as it stands; blank lines count in numbers only");
    ok(mi_prompts_next(&p, &q, &err) == 1 && strcmp(q.text, "third") == 0 && q.line == 5,
       "the last line needs no end");
    ok(!q.tokens && !q.messages && !q.pair && q.n_spans == 0 && q.label.kind == MI_NIL &&
           q.fields.kind == MI_MAP && q.fields.as.map.n == 0,
       "and nothing else");
    ok(mi_prompts_next(&p, &q, &err) == 0 && mi_prompts_next(&p, &q, &err) == 0, "then the end");
    d = mi_prompts_digest(&p);
    ok(memcmp(&d, &want, sizeof d) == 0, "the digest is that of the bytes");
    mi_prompts_close(&p);
    mi_prompts_close(&p);
}

static void test_objects(void)
{
    static const char file[] =
        " {\"text\": \"caf\\u00e9\", \"id\": 7, \"label\": 1, \"pair\": \"p\", \"side\": "
        "\"honest\","
        " \"target\": \" a\", \"foil\": \" b\", \"note\": [1, {\"k\": null}],"
        " \"spans\": {\"x\": \"caf\", \"y\": [1, 3]}}\n"
        "{\"tokens\": [1, 2, 2147483647], \"label\": \"yes\", \"group\": 12}\n"
        "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}, {\"content\": \"\", \"role\": "
        "\"assistant\"}], \"label\": true, \"text\": null, \"pair\": null}\n";
    struct mi_prompts p;
    struct mi_prompt q;
    struct mi_error err = {0};

    open_bytes(&p, file, sizeof file - 1);
    ok(mi_prompts_next(&p, &q, &err) == 1 && strcmp(q.text, "caf\xc3\xa9") == 0 &&
           q.text_len == 5 && strcmp(q.id, "7") == 0,
       "text and id %s", err.text);
    ok(q.label.kind == MI_INT && q.label.as.integer == 1 && strcmp(q.pair, "p") == 0 &&
           strcmp(q.group, "p") == 0 && strcmp(q.side, "honest") == 0,
       "label, pair, side; the group is the pair");
    ok(strcmp(q.target, " a") == 0 && strcmp(q.foil, " b") == 0, "target and foil");
    ok(q.n_spans == 2 && strcmp(q.spans[0].name, "x") == 0 &&
           strcmp(q.spans[0].needle, "caf") == 0 && !q.spans[1].needle && q.spans[1].begin == 1 &&
           q.spans[1].end == 3,
       "spans");
    ok(q.fields.as.map.n == 6 && mi_is(mi_get(&q.fields, "note"), MI_ARRAY) &&
           mi_get(&q.fields, "label") && !mi_get(&q.fields, "text") && !mi_get(&q.fields, "id"),
       "the other fields travel along");
    ok(mi_prompts_next(&p, &q, &err) == 1 && q.n_tokens == 3 && q.tokens[2] == INT32_MAX &&
           strcmp(q.id, "2") == 0 && strcmp(q.group, "12") == 0 && q.label.kind == MI_STR,
       "tokens; numbers as names");
    ok(mi_prompts_next(&p, &q, &err) == 1 && q.n_messages == 2 && !q.text && !q.pair &&
           strcmp(q.messages[0].role, "user") == 0 && q.messages[0].len == 2 &&
           q.messages[1].len == 0 && q.label.kind == MI_INT,
       "messages; null is not given; true is 1");
    ok(mi_prompts_next(&p, &q, &err) == 0, "the end");
    mi_prompts_close(&p);
}

/* Reads all of the file; it must end with this message. */
static void refused(const char *file, size_t n, const char *line, const char *word)
{
    struct mi_prompts p;
    struct mi_prompt q;
    struct mi_error err = {0};
    int r;

    open_bytes(&p, file, n);
    while ((r = mi_prompts_next(&p, &q, &err)) > 0)
        ;
    ok(r == -MI_EXIT_DATA && strstr(err.text, "'p.jsonl'") && strstr(err.text, line) &&
           strstr(err.text, word),
       "refused: %s", err.text);
    mi_prompts_close(&p);
}

#define REFUSED(file, line, word) refused(file, sizeof(file) - 1, line, word)

static void test_refusals(void)
{
    REFUSED("", "no prompts", "");
    REFUSED("\n \r\n\t\n", "no prompts", "");
    REFUSED("a\nb\xff\n", "line 2", "byte 1 is not UTF-8");
    REFUSED("a\n\nb\0c\n", "line 3", "byte 1 is NUL");
    REFUSED("{\"text\": \"a\"}\nplain\n", "line 2", "");
    REFUSED("{\"text\": \"a\"} x\n", "line 1", "");
    REFUSED("{\"text\": 1}\n", "line 1", "'text'");
    REFUSED("{\"text\": \"a\", \"text\": \"b\"}\n", "line 1", "");
    REFUSED("{\"text\": \"a\\u0000b\"}\n", "line 1", "NUL");
    REFUSED("{\"note\": 1}\n", "line 1", "none of text");
    REFUSED("{\"text\": \"a\", \"tokens\": [1]}\n", "line 1", "more than one");
    REFUSED("{\"tokens\": [1, -1]}\n", "line 1", "item 1");
    REFUSED("{\"tokens\": [1.5]}\n", "line 1", "item 0");
    REFUSED("{\"tokens\": [2147483648]}\n", "line 1", "item 0");
    REFUSED("{\"tokens\": 3}\n", "line 1", "list");
    REFUSED("{\"messages\": []}\n", "line 1", "messages");
    REFUSED("{\"messages\": [3]}\n", "line 1", "item 0");
    REFUSED("{\"messages\": [{\"role\": \"user\"}]}\n", "line 1", "'content'");
    REFUSED("{\"messages\": [{\"role\": \"user\", \"content\": \"\", \"tool_calls\": []}]}\n",
            "line 1", "'tool_calls'");
    REFUSED("{\"messages\": [{\"role\": \"user\", \"content\": [{\"text\": \"x\"}]}]}\n", "line 1",
            "'content'");
    REFUSED("{\"text\": \"a\", \"spans\": {\"x\": 3}}\n", "line 1", "'x'");
    REFUSED("{\"text\": \"a\", \"spans\": {\"x\": [2, 2]}}\n", "line 1", "no range");
    REFUSED("{\"text\": \"a\", \"spans\": {\"x\": [-1, 2]}}\n", "line 1", "no range");
    REFUSED("{\"text\": \"a\", \"spans\": {\"x\": \"\"}}\n", "line 1", "empty");
    REFUSED("{\"text\": \"a\", \"spans\": {\"\": \"a\"}}\n", "line 1", "name");
    REFUSED("{\"text\": \"a\", \"spans\": [\"a\"]}\n", "line 1", "spans");
    REFUSED("{\"text\": \"a\", \"label\": [1]}\n", "line 1", "label");
    REFUSED("{\"text\": \"a\", \"pair\": 1.5}\n", "line 1", "'pair'");
    REFUSED("{\"text\": \"a\", \"id\": \"\"}\n", "line 1", "'id'");
    REFUSED("{\"text\": \"a\", \"target\": 3}\n", "line 1", "'target'");
    REFUSED("{\"text\": \"a\", \"id\": \"x\"}\n{\"text\": \"b\", \"id\": \"x\"}\n", "line 2",
            "'x'");
    REFUSED("{\"text\": \"a\", \"id\": \"2\"}\n{\"text\": \"b\"}\n", "line 2", "'2'");
    REFUSED("[\n{\"text\": \"a\"}\n]\n", "line 1", "JSON array");
    REFUSED("[{\"text\": \"a\"}]\n", "line 1", "JSON array");
}

static void test_long_lines(void)
{
    size_t n = (16 << 20) + (1 << 17);
    char *s = mi_alloc(n);

    memset(s, 'a', n);
    refused(s, n, "line 1", "16 MiB");
    memcpy(s, "x\n", 2);
    refused(s, n, "line 2", "16 MiB");
    mi_free(s);
}

static void test_many(void)
{
    struct mi_buf b = {0};
    struct mi_prompts p;
    struct mi_prompt q;
    struct mi_error err = {0};
    int r, n = 0, wrong = 0;

    for (int i = 0; i < 20000; i++)
        mi_buf_addf(&b, "{\"text\": \"%0*d\", \"id\": \"n%d\"}\n", i % 300 + 1, i, i);
    open_bytes(&p, b.data, b.len);
    while ((r = mi_prompts_next(&p, &q, &err)) > 0) {
        wrong += atoi(q.text) != n || q.id[0] != 'n' || atoi(q.id + 1) != n || q.line != n + 1;
        n++;
    }
    ok(r == 0 && n == 20000 && wrong == 0, "20,000 lines over many reads %s", err.text);
    mi_prompts_close(&p);
    mi_buf_free(&b);
}

static void test_text(void)
{
    struct mi_prompts p;
    struct mi_prompt q;
    struct mi_error err = {0};

    ok(mi_prompts_open_text(&p, "{two\nlines", &err) == 0 && mi_prompts_next(&p, &q, &err) == 1 &&
           strcmp(q.text, "{two\nlines") == 0 && strcmp(q.id, "1") == 0 && q.line == 1,
       "a text of the command line is one prompt, as it stands");
    ok(mi_prompts_next(&p, &q, &err) == 0, "and no more");
    mi_prompts_close(&p);
    ok(mi_prompts_open_text(&p, "a\xff", &err) == -MI_EXIT_DATA && !p.state, "%s", err.text);
    ok(mi_prompts_open(&p, "no/such/file", &err) == -MI_EXIT_SYS && !p.state, "%s", err.text);
}

int main(void)
{
    test_plain();
    test_objects();
    test_refusals();
    test_long_lines();
    test_many();
    test_text();
    return done();
}
