/* Commands that answer, that leave, that say too much. */
#include "../tap.h"

#include "base/coprocess.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static int ask(struct mi_coprocess *p, const char *line, char *out, struct mi_error *err)
{
    struct mi_buf b = {0};
    int r = mi_coprocess_ask(p, line, strlen(line), &b, err);

    snprintf(out, 64, "%s", mi_buf_text(&b));
    mi_buf_free(&b);
    return r;
}

static void test_talk(void)
{
    struct mi_coprocess p = {0};
    struct mi_error err = {0};
    char *line = malloc(300001), answer[64];

    ok(mi_coprocess_start(&p, "while read -r x; do echo \"<$x>\"; done", &err) == 0, "started");
    ok(ask(&p, "one", answer, &err) == 0 && strcmp(answer, "<one>") == 0, "'%s'", answer);
    ok(ask(&p, "", answer, &err) == 0 && strcmp(answer, "<>") == 0, "an empty line");
    ok(mi_coprocess_end(&p, &err) == 0, "ended");
    ok(mi_coprocess_end(&p, &err) == 0, "ended again");
    memset(line, 'x', 300000);
    line[300000] = '\0';
    ok(mi_coprocess_start(&p, "while read -r x; do echo ${#x}; done", &err) == 0 &&
           ask(&p, line, answer, &err) == 0 && strcmp(answer, "300000") == 0,
       "a line longer than a pipe holds: %s", answer);
    mi_coprocess_close(&p);
    ok(p.pid == 0, "closed");
    free(line);
}

/* Starts, asks up to twice, ends; the first message. */
static void test_failure(const char *command, const char *want)
{
    struct mi_coprocess p = {0};
    struct mi_error err = {0};
    char answer[64];
    int r = mi_coprocess_start(&p, command, &err);

    for (int i = 0; i < 2 && r == 0; i++)
        r = ask(&p, "a", answer, &err);
    if (r == 0)
        r = mi_coprocess_end(&p, &err);
    mi_coprocess_close(&p);
    ok(r == -MI_EXIT_DATA && strstr(err.text, want), "%s: %s", command, err.text);
}

int main(void)
{
    signal(SIGPIPE, SIG_DFL); /* as in the tools: a command that leaves must not end us */
    test_talk();
    test_failure("exit 0", "ended");
    test_failure("read x; echo a", "ended");
    test_failure("echo a; echo b; echo c; cat >/dev/null", "more than it was asked");
    test_failure("read x; echo a; read x; echo b; cat; exit 9", "exit status is 9");
    test_failure("read x; echo a; read x; echo b; kill -9 $$", "signal 9");
    test_failure("head -c 100000 /dev/zero; sleep 1", "longer than");
    return done();
}
