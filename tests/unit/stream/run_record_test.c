/* Run records: keys in their order, there and back, and what is refused. */
#include "../tap.h"

#include "data/json.h"
#include "stream/run_record.h"

#include <string.h>

static const char golden[] =
    "{\"id\":\"p1\",\"tokens\":[5,6,7],\"logp\":[null,-0.5,-1.25],\"text\":\"so\","
    "\"top\":[null,[[6,-0.5],[2,-1.0]],[[1,-0.25],[7,-1.25]]],\"target_logp\":-2.5,"
    "\"foil_logp\":null,\"rank\":[null,0,1],\"entropy\":[null,0.75,1.5],\"stop\":\"length\","
    "\"next\":[[9,-0.125],[3,-4.0]]}";

static struct mi_value parse(struct mi_arena *a, const char *json)
{
    struct mi_value v = {0};
    struct mi_error err = {0};

    if (mi_json_parse(a, json, strlen(json), &v, &err) < 0)
        diag("%s", err.text);
    return v;
}

static void check_there_and_back(void)
{
    struct mi_arena a = {0};
    struct mi_value v = parse(&a, golden), body;
    struct mi_run_record r;
    struct mi_error err = {0};
    struct mi_buf text = {0};

    ok(mi_run_read(&a, &v, &r, &err) == 0, "a record is read %s", err.text);
    ok(strcmp(r.id, "p1") == 0 && r.n_tokens == 3 && r.tokens[2] == 7, "id and tokens");
    ok(isnan(r.logp[0]) && r.logp[2] == -1.25, "the first logp is not known");
    ok(r.n_top == 2 && r.top_token[0] == -1 && r.top_token[4] == 1 && r.top_logp[5] == -1.25,
       "rows of top");
    ok(r.target_logp == -2.5 && isnan(r.foil_logp), "continuations");
    ok(r.rank[0] == -1 && r.rank[2] == 1 && r.entropy[1] == 0.75, "rank and entropy");
    ok(r.next_token && r.next_token[0] == 9 && strcmp(r.stop, "length") == 0, "next and stop");
    body = mi_run_body(&a, &r);
    mi_json_print(&text, &body, (struct mi_json_style){0});
    ok(strcmp(mi_buf_text(&text), golden) == 0, "and written with the keys in their order");
    if (strcmp(mi_buf_text(&text), golden) != 0)
        diag("%s", mi_buf_text(&text));
    mi_buf_free(&text);
    mi_arena_free(&a);
}

static void check_bare(void)
{
    struct mi_arena a = {0};
    struct mi_value v = parse(&a, "{\"id\":\"x\",\"tokens\":[1],\"logp\":[null]}");
    struct mi_run_record r;
    struct mi_error err = {0};

    ok(mi_run_read(&a, &v, &r, &err) == 0 && r.text_len == 0 && !r.rank && !r.stop && r.n_top == 0,
       "keys after foil_logp may be absent");
    mi_arena_free(&a);
}

static void check_refused(void)
{
    static const char *const bad[] = {
        "{}",
        "{\"id\":1,\"tokens\":[1],\"logp\":[null]}",
        "{\"id\":\"x\",\"logp\":[null]}",
        "{\"id\":\"x\",\"tokens\":[1.5],\"logp\":[null]}",
        "{\"id\":\"x\",\"tokens\":[-1],\"logp\":[null]}",
        "{\"id\":\"x\",\"tokens\":[1,2],\"logp\":[null]}",
        "{\"id\":\"x\",\"tokens\":[1],\"logp\":[\"a\"]}",
        "{\"id\":\"x\",\"tokens\":[1],\"logp\":[null],\"text\":4}",
        "{\"id\":\"x\",\"tokens\":[1],\"logp\":[null],\"target_logp\":[]}",
        "{\"id\":\"x\",\"tokens\":[1],\"logp\":[null],\"rank\":[-2]}",
        "{\"id\":\"x\",\"tokens\":[1],\"logp\":[null],\"rank\":[]}",
        "{\"id\":\"x\",\"tokens\":[1],\"logp\":[null],\"entropy\":3}",
        "{\"id\":\"x\",\"tokens\":[1],\"logp\":[null],\"top\":[[[1]]]}",
        "{\"id\":\"x\",\"tokens\":[1],\"logp\":[null],\"top\":[[1]]}",
        "{\"id\":\"x\",\"tokens\":[1,2],\"logp\":[null,-1.0],\"top\":[[[1,-1.0]],[[1,-1.0],[2,-2.0]"
        "]]}",
        "{\"id\":\"x\",\"tokens\":[1],\"logp\":[null],\"top\":[]}",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct mi_arena a = {0};
        struct mi_value v = parse(&a, bad[i]);
        struct mi_run_record r;
        struct mi_error err = {0};

        ok(mi_run_read(&a, &v, &r, &err) == -MI_EXIT_DATA && strncmp(err.text, "run: ", 5) == 0,
           "row %zu is refused: %s", i, err.text);
        mi_arena_free(&a);
    }
}

int main(void)
{
    plan(8 + 1 + 16);
    check_there_and_back();
    check_bare();
    check_refused();
    return done();
}
