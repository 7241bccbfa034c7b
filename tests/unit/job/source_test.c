/* Sources: units, shards, run streams, and what is refused. */
#include "job/source.h"

#include "../tap.h"
#include "base/file.h"
#include "stream/header.h"
#include "stream/run_record.h"
#include "stream/writer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct mi_session session;
static char folder[] = "/tmp/mi-source-XXXXXX";
static char path[64];

static const char *write_text(const char *text)
{
    FILE *f;

    snprintf(path, sizeof path, "%s/prompts", folder);
    f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        exit(2);
    return path;
}

/* "id:unit:tokens/prompt ..." of all items, or "!" and the message. */
static char *items_of(const char *file, const char *text, struct mi_shard shard, char *out)
{
    struct mi_source src = {0};
    struct mi_error err = {0};
    struct mi_item item;
    int r = mi_source_open(&src, file, text, shard, &err);
    size_t n = 0;

    out[0] = '\0';
    while (r == 0 && (r = mi_source_next(&src, &session, &item, &err)) > 0) {
        n += (size_t)sprintf(out + n, "%s%s:%lld:%lld/%lld", n ? " " : "", item.prompt.id,
                             (long long)item.unit, (long long)item.prompt.n_tokens,
                             (long long)item.prompt.n_prompt);
        mi_item_free(&item);
        r = 0;
    }
    if (r < 0)
        sprintf(out, "!%d %s", err.code, err.text);
    mi_source_close(&src);
    return out;
}

static const char pairs[] = "{\"text\": \"aa\", \"pair\": 1}\n{\"text\": \"b\", \"pair\": 1}\n"
                            "{\"text\": \"c\"}\n{\"text\": \"d\"}\n"
                            "{\"text\": \"e\", \"pair\": \"x\", \"id\": \"E\"}\n"
                            "{\"text\": \"f\", \"pair\": \"x\"}\n{\"text\": \"g\", \"pair\": 2}\n";

static void is_text(const char *got, const char *want, const char *what)
{
    if (!ok(strcmp(got, want) == 0, "%s", what))
        diag("got '%s', expected '%s'", got, want);
}

static void test_units(void)
{
    struct mi_shard whole = {0};
    char out[2000], all[2000];
    bool same = true;

    write_text(pairs);
    is_text(items_of(path, NULL, whole, out),
            "1:0:2/2 2:0:1/1 3:1:1/1 4:2:1/1 E:3:1/1 6:3:1/1 7:4:1/1",
            "pairs are one unit, ids are lines of the whole input");
    strcpy(all, out);
    for (int of = 1; of <= 9; of++) {
        char joined[2000] = "";

        for (int i = 0; i < of; i++) {
            struct mi_shard part = {i, of};

            items_of(path, NULL, part, out);
            if (out[0] && joined[0])
                strcat(joined, " ");
            strcat(joined, out);
        }
        same &= strcmp(joined, all) == 0;
    }
    ok(same, "1 to 9 shards hold every item once, with the same numbers");
    is_text(items_of(path, NULL, (struct mi_shard){1, 2}, out), "4:2:1/1 E:3:1/1 6:3:1/1 7:4:1/1",
            "shard 1 of 2 begins at unit floor(5 / 2)");
    is_text(items_of(NULL, "aa", whole, out), "1:0:2/2", "a single text");
    is_text(items_of(NULL, "aa", (struct mi_shard){1, 2}, out), "1:0:2/2",
            "a single text in the last of two shards");
}

static void test_refusals(void)
{
    struct mi_shard whole = {0};
    struct mi_error err = {0};
    struct mi_shard shard;
    char out[2000], *many = malloc(2000);

    write_text(
        "{\"text\": \"a\", \"pair\": 1}\n{\"text\": \"b\"}\n{\"text\": \"c\", \"pair\": 1}\n");
    items_of(path, NULL, whole, out);
    ok(out[0] == '!' && out[1] == '3' && strstr(out, "line 3") && strstr(out, "not adjacent"),
       "pairs that are torn apart: %s", out);
    memset(many, 'a', 1100);
    strcpy(many + 1100, "\n");
    for (int i = 1; i < 1100; i += 2)
        many[i] = ' ';
    write_text(many);
    items_of(path, NULL, whole, out);
    ok(out[1] == '3' && strstr(out, "line 1") && strstr(out, "the context is 512"),
       "a prompt longer than the context: %s", out);
    write_text("");
    items_of(path, NULL, whole, out);
    ok(out[1] == '3' && strstr(out, "no prompts"), "an empty file: %s", out);
    write_text("{\"tokens\": [1, 100000]}\n");
    items_of(path, NULL, whole, out);
    ok(out[1] == '3' && strstr(out, "100000"), "a token outside the vocabulary: %s", out);
    items_of("/nonexistent/p", NULL, whole, out);
    ok(out[1] == '4', "a file that is not there: %s", out);
    ok(mi_shard_parse(&shard, "3/8", &err) == 0 && shard.index == 3 && shard.of == 8, "3/8");
    ok(mi_shard_parse(&shard, "8/8", &err) == -2 && mi_shard_parse(&shard, "-1/8", &err) == -2 &&
           mi_shard_parse(&shard, "1", &err) == -2 && mi_shard_parse(&shard, "1/0", &err) == -2 &&
           mi_shard_parse(&shard, "1/2x", &err) == -2 && mi_shard_parse(&shard, "", &err) == -2,
       "8/8, -1/8, 1, 1/0, 1/2x and nothing are refused");
    free(many);
}

/* ---- run streams ----------------------------------------------------------------- */

static const int32_t tokens[] = {10, 11, 12, 13, 14};

static int put_prompt(struct mi_writer *w, const char *id, int64_t n, struct mi_error *err)
{
    static const char *const piece[] = {"a", "b", "c", "d", "e"};
    static const size_t len[] = {1, 1, 1, 1, 1};
    static const int64_t offset[] = {0, 1, 2, 3, 4};
    struct mi_prompt_record p = {.id = id,
                                 .tokens = tokens,
                                 .n_tokens = n,
                                 .n_prompt = n,
                                 .piece = piece,
                                 .piece_len = len,
                                 .offset = offset,
                                 .fields = mi_map()};
    struct mi_arena a = {0};
    struct mi_value body = mi_prompt_body(&a, &p);
    int r = mi_writer_put(w, "prompt", &body, err);

    mi_arena_free(&a);
    return r;
}

static int put_run(struct mi_writer *w, const char *id, int64_t n, struct mi_error *err)
{
    static const double logp[] = {NAN, -1, -1, -1, -1};
    static const int64_t rank[] = {-1, 0, 0, 0, 0};
    struct mi_run_record run = {.id = id,
                                .tokens = tokens,
                                .n_tokens = n,
                                .logp = logp,
                                .text = "",
                                .rank = rank,
                                .entropy = logp,
                                .target_logp = NAN,
                                .foil_logp = NAN};
    struct mi_arena a = {0};
    struct mi_value body = mi_run_body(&a, &run);
    int r = mi_writer_put(w, "run", &body, err);

    mi_arena_free(&a);
    return r;
}

/* Records by letter: prompts P (of 3 tokens) and runs R (of 5), ids by digit: "P1R1". */
static const char *write_run(const char *what)
{
    struct mi_writer w = {0};
    struct mi_error err = {0};
    struct mi_arena a = {0};
    struct mi_value header = mi_header_new(&a, "run");
    int r;

    snprintf(path, sizeof path, "%s/run", folder);
    r = mi_session_header(&session, &a, &header, &err);
    if (r == 0)
        r = mi_writer_open(&w, path, &err);
    if (r == 0)
        r = mi_writer_header(&w, &header, &err);
    for (; r == 0 && *what; what += 2) {
        char id[2] = {what[1], 0};

        r = *what == 'P' ? put_prompt(&w, id, 3, &err)
                         : put_run(&w, id, *what == 'R' ? 5 : 2, &err);
    }
    if (r == 0)
        r = mi_writer_end(&w, NULL, &err);
    mi_writer_close(&w);
    mi_arena_free(&a);
    if (r < 0) {
        diag("%s", err.text);
        exit(2);
    }
    return path;
}

static void test_runs(void)
{
    struct mi_shard whole = {0};
    char out[2000];

    is_text(items_of(write_run("P1R1P2R2"), NULL, whole, out), "1:0:5/3 2:1:5/3",
            "a run gives the prompt with the tokens of the run");
    is_text(items_of(write_run("P1P2R1R2"), NULL, whole, out), "1:0:5/3 2:1:5/3",
            "prompts may come before their runs");
    is_text(items_of(write_run("P1R1P2R2"), NULL, (struct mi_shard){1, 2}, out), "2:1:5/3",
            "a run stream has shards too");
    items_of(write_run("P1R1P2"), NULL, whole, out);
    ok(out[1] == '3' && strstr(out, "no run record"), "a prompt without a run: %s", out);
    items_of(write_run("P1R2"), NULL, whole, out);
    ok(out[1] == '3' && strstr(out, "next prompt is '1'"), "a run of another prompt: %s", out);
    items_of(write_run("P1S1"), NULL, whole, out);
    ok(out[1] == '3' && strstr(out, "begin with its prompt"), "a run that is too short: %s", out);
    items_of(write_run(""), NULL, whole, out);
    ok(out[1] == '3' && strstr(out, "no prompts"), "a stream without prompts: %s", out);
}

int main(void)
{
    struct mi_session_options o = {.model = "fixtures/tiny/llama-f32.gguf"};
    struct mi_error err = {0};

    plan(19);
    if (!mkdtemp(folder) || mi_session_open(&session, &o, &err) < 0) {
        diag("%s", err.text);
        return 2;
    }
    test_units();
    test_refusals();
    test_runs();
    mi_session_close(&session);
    snprintf(path, sizeof path, "%s/run", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/prompts", folder);
    unlink(path);
    rmdir(folder);
    return done();
}
