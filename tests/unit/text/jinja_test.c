/* The template engine: what jinja2 made of 300 random templates, and what is refused. */
#include "text/jinja.h"

#include "../tap.h"
#include "base/escape.h"
#include "base/mem.h"
#include "golden.h"

#include <string.h>

static struct mi_jinja_output out;
static struct mi_error err;

static int render(const char *source, size_t len, const struct mi_jinja_input *in)
{
    struct mi_jinja j = {0};
    int r;

    err = (struct mi_error){0};
    r = mi_jinja_parse(&j, source, len, &err);
    if (r == 0)
        r = mi_jinja_render(&j, in, &out, &err);
    mi_jinja_free(&j);
    return r;
}

static void test_golden(void)
{
    struct mi_arena a = {0};
    struct mi_value golden = read_golden(&a, "tests/golden/text/jinja.json");
    const struct mi_value *cases = mi_get(&golden, "cases");
    size_t wrong = 0;

    for (size_t i = 0; i < cases->as.array.n; i++) {
        const struct mi_value *c = item(cases, i), *t = mi_get(c, "template");
        const char *want = mi_get_str(c, "text", NULL);
        struct mi_jinja_input in = {.variables = mi_get(c, "variables"),
                                    .now = mi_get_int(&golden, "now", 0)};
        int r = render(t->as.bytes.at, t->as.bytes.len, &in);
        bool good = want ? r == 0 && strcmp(mi_buf_text(&out.text), want) == 0 : r == -MI_EXIT_DATA;

        if (!good && wrong++ < 5)
            diag("%s got %s want %s", mi_quote(t->as.bytes.at),
                 mi_quote(r < 0 ? err.text : mi_buf_text(&out.text)),
                 want ? mi_quote(want) : "an error");
    }
    ok(cases->as.array.n == 300 && wrong == 0, "%zu templates as jinja2, %zu differ",
       cases->as.array.n, wrong);
    mi_arena_free(&a);
}

static void is(const char *source, const char *want)
{
    int r = render(source, strlen(source), &(struct mi_jinja_input){.now = 1720612800});

    if (!ok(r == 0 && strcmp(mi_buf_text(&out.text), want) == 0, "%s", mi_quote(source)))
        diag("%s", r < 0 ? err.text : mi_buf_text(&out.text));
}

static void fails(const char *source, const char *word)
{
    int r = render(source, strlen(source), &(struct mi_jinja_input){0});

    ok(r == -MI_EXIT_DATA && strstr(err.text, word) && !strchr(err.text, '\n'), "%s: %s",
       mi_quote(source), r < 0 ? err.text : "rendered");
}

static void test_values(void)
{
    is("{{ 7 // -2 }} {{ -7 % 3 }} {{ 2 ** 10 }} {{ 7 / 2 }} {{ 1e16 }} {{ 1e-5 }} {{ 0.1 + 0.2 }}",
       "-4 2 1024 3.5 1e+16 1e-05 0.30000000000000004");
    is("{{ 9223372036854775807 }} {{ 0x1f }} {{ 0b101 }} {{ 1_0 }}", "9223372036854775807 31 5 10");
    is("{{ 'a' 'b' \"\\x41\\u00e9\\n\" }}{{ {'k': [1, (2,), none, true, \"it's\"]} }}",
       "abA\xc3\xa9\n{'k': [1, (2,), None, True, \"it's\"]}");
    is("{{ 1 < 2 < 3 }} {{ 3 > 2 == 2 }} {{ not 1 in [1] }} {{ 'a' in 'cat' and 5 }}",
       "True True False 5");
    is("{{ 'x' ~ 1 + 2 if false }}|{{ 1 if 0 else 2 }}|{{ none or 'y' }}", "|2|y");
    is("{{ 'stra\xc3\x9f\x65'.upper() }} {{ '\xce\xa3\xce\x91\xce\xa3'.lower() }}",
       "STRASSE \xcf\x83\xce\xb1\xcf\x82");
    is("{{ {'a': 1, 'b': ['<', '\xc3\xa9']} | tojson }} {{ [1, {}] | tojson(indent=1) }}",
       "{\"a\": 1, \"b\": [\"<\", \"\xc3\xa9\"]} [\n 1,\n {}\n]");
    is("{{ strftime_now('%d %b %Y, %-I %p %A %j') }}", "10 Jul 2024, 12 PM Wednesday 192");
    is("{{ none is none }}{{ x is defined }}{{ x }}{{ x == y }}{{ x | default('d') }}",
       "TrueFalseTrued");
}

static void test_statements(void)
{
    is("{% for a, b in {'x': 1, 'y': 2}.items() if b > 1 %}{{ loop.index }}{{ a }}{{ loop.last }}"
       "{% else %}none{% endfor %}",
       "1yTrue");
    is("{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}", "231");
    is("{% set n = namespace(i=0) %}{% for i in range(5) %}{% if i == 3 %}{% break %}{% endif %}"
       "{% if i == 1 %}{% continue %}{% endif %}{% set n.i = n.i + i %}{% endfor %}{{ n.i }}",
       "2");
    is("{% macro m(a, b='B') %}{{ a }}{{ b }}{{ caller() if caller }}{% endmacro %}{{ m(1) }}"
       "{% call m(2, b=3) %}body{% endcall %}",
       "1B23body");
    is("{% set t %}\n  a {{ 1 }}\n{% endset %}[{{ t }}]", "[  a 1\n]");
    is("a\n  {%- if true %}\n  b\n  {% endif %}\nc\n", "a  b\nc");
    is("{# note #}\n{% raw %}{{ x }}{% endraw %}\n{%- generation %}g{% endgeneration %}",
       "{{ x }}g");
    is("{% filter upper %}a{{ 'b' }}{% endfilter %}{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}",
       "AB3");
}

static void test_errors(void)
{
    fails("a\n{{ 'x' + 1 }}", "line 2");
    fails("{{ x.y }}", "'x' is undefined");
    fails("{{ {'a': 1}.b.c }}", "'dict object' has no attribute 'b'");
    fails("\n\n{{ raise_exception('roles must alternate') }}", "line 3: roles must alternate");
    fails("{{ 9223372036854775807 + 1 }}", "64 bits");
    fails("{{ 99999999999999999999 }}", "64 bits");
    fails("{{ 1 // 0 }}", "zero");
    fails("{{ x | nosuch }}", "no filter named 'nosuch'");
    fails("{% if 1 is nosuch %}{% endif %}", "no test named");
    fails("{% set l = [] %}{{ l.append(1) }}", "may not");
    fails("{{ ''.__class__() }}", "__class__");
    fails("{% include 'a' %}", "'include'");
    fails("{% import 'a' as b %}", "'import'");
    fails("{% extends 'a' %}", "'extends'");
    fails("{% for x in 3 %}{% endfor %}", "not iterable");
    fails("{% for a, b in [1] %}{% endfor %}", "not iterable");
    fails("{% if 1 %}", "'elif'");
    fails("{{ 1 2 }}", "end of the tag");
    fails("{{ (1 }}", "do not match");
    fails("{{ '\\ud800' }}", "escape");
    fails("\xff", "UTF-8");
}

/* Untrusted code: it ends, and takes little. */
static void test_limits(void)
{
    char deep[4000] = "{{ ";
    size_t n = strlen(deep);

    fails("{% for i in range(99999) %}{% for j in range(99999) %}{{ i }}{% endfor %}{% endfor %}",
          "too");
    fails("{% set n = namespace(s='x' * 1000) %}{% for i in range(60) %}{% set n.s = n.s + n.s %}"
          "{% endfor %}",
          "too much memory");
    fails("{{ 'x' * 9999999999 }}", "too");
    fails("{{ ([[0] * 99999] * 99999) | tojson }}", "too");
    fails("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "too deeply");
    fails("{% set n = namespace() %}{% set n.n = n %}{{ n }}", "too deeply");
    fails("{{ range(0, 1000000) }}", "more than");
    fails("{{ 'a'.center(10**18) }}", "too");
    for (int i = 0; i < 1500; i++)
        deep[n++] = '(';
    fails(deep, "too deeply");
    memset(deep + 3, '-', 3000);
    memcpy(deep + 3003, "1 }}", 5);
    fails(deep, "too deeply");
    for (size_t i = 3; i < 3000; i += 4)
        memcpy(deep + i, "not ", 4);
    memcpy(deep + 3003, "1 }}", 5);
    fails(deep, "too deeply");
    n = 0;
    for (int i = 0; i < 300; i++, n += 12)
        memcpy(deep + n, "{%if true %}", 13);
    fails(deep, "too deeply");
}

static void test_sources(void)
{
    struct mi_arena a = {0};
    struct mi_value vars = mi_map();
    const char *s = "Ab c";
    struct mi_jinja_input in = {.variables = &vars, .source = &s, .n_sources = 1};
    static const char source[] = "<{{ x[1:] ~ '|' ~ x|upper }}{{ [x] }}>";

    mi_set(&a, &vars, "x", mi_str(s));
    ok(render(source, strlen(source), &in) == 0 &&
           strcmp(mi_buf_text(&out.text), "<b c|AB C['Ab c']>") == 0,
       "%s", err.text);
    ok(out.n == 3 && out.part[0].begin == 1 && out.part[0].end == 4 && out.part[0].offset == 1 &&
           out.part[1].begin == 5 && out.part[1].end == 9 && out.part[1].offset == 0 &&
           out.part[2].begin == 11 && out.part[2].end == 15 && out.part[2].offset == 0,
       "parts of a source are followed through slices, case and repr (%zu)", out.n);
    mi_arena_free(&a);
}

int main(void)
{
    test_golden();
    test_values();
    test_statements();
    test_errors();
    test_limits();
    test_sources();
    mi_jinja_output_free(&out);
    return done();
}
