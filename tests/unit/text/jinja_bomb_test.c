/* Templates that would cost much, were they let: each ends within two seconds of processor time,
 * with a text or a line. Sanitizers slow all down: there five times as much. */
#include "text/jinja.h"

#include "../tap.h"
#include "base/mem.h"

#include <string.h>
#include <time.h>

#ifdef __SANITIZE_ADDRESS__
static const double most_seconds = 10;
#else
static const double most_seconds = 2;
#endif

/* What a loop of 99999 rounds computes, and up to three variables before it. */
static const struct {
    const char *expression;
    const char *set[3];
} loops[] = {
    {"s.split(',')", {"s = 'a,' * 1000000"}},
    {"s.upper()", {"s = 'ß' * 1000000"}},
    {"s|title", {"s = 'ab ' * 1000000"}},
    {"s[500000]", {"s = 'é' * 1000000"}},
    {"s[::-1]", {"s = 'é' * 1000000"}},
    {"s|length", {"s = 'é' * 4000000"}},
    {"s == t", {"s = 'é' * 4000000", "t = 'é' * 4000000"}},
    {"s == t", {"s = [[[0]*100]*100]*100", "t = [[[0]*100]*100]*100"}},
    {"l|tojson", {"l = [[0] * 1000] * 1000"}},
    {"l|tojson(indent=1000)", {"l = [[[[[[0] * 10] * 10] * 10]*10]*10]*10"}},
    {"l|join('b' * 1000)", {"l = ['a' * 1000] * 1000"}},
    {"'%99999d' % 1", {NULL}},
    {"'%.99999f' % 1.5", {NULL}},
    {"'a'.center(99999)", {NULL}},
    {"s|indent(1000)", {"s = 'a\\n' * 100000"}},
    {"s|wordcount", {"s = 'a b ' * 1000000"}},
    {"s|truncate(999999)", {"s = 'é ' * 1000000"}},
    {"l|batch(2)|list", {"l = range(99999)|list"}},
    {"l|map('string')|list", {"l = range(99999)|list"}},
    {"l|map('upper')|list", {"l = ['a' * 100000] * 1000"}},
    {"''*99999999", {NULL}},
    {"[]*99999999", {NULL}},
    {"s.strip()", {"s = ' ' * 1000000"}},
    {"s.strip(c)", {"s = 'a' * 100000", "c = 'b' * 100000 + 'a'"}},
    {"s.startswith(l)", {"s = 'a' * 100000", "l = [s+'b']*1000"}},
    {"s.isalpha()", {"s = 'é' * 1000000"}},
    {"s|int(base=10)", {"s = '0' * 1000000"}},
    {"s|float", {"s = '0' * 1000000"}},
    {"1.0000001 ** 999999999", {NULL}},
    {"1 ** 999999999999", {NULL}},
    {"d|dictsort", {"s = 'x'*100000", "d = {s+'1':1,s+'2':2,s+'3':3,s+'4':4}"}},
    {"d[t]", {"s = 'x'*1000000", "t = 'x'*1000000", "d = {s:1}"}},
    {"strftime_now('%Y'*10000)", {NULL}},
    {"s.split()", {"s = 'é '*1000000"}},
    {"s.splitlines()", {"s = 'é\\n'*1000000"}},
    {"l|selectattr('a','equalto',1)|list", {"l = [{'a':1}]*99999"}},
    {"s.rfind('a'*999+'c')", {"s = ('a'*999+'b') * 1000"}},
    {"l.index(-1.5)", {"l = range(90000)|list"}},
    {"l.count('x')", {"l = range(90000)|list"}},
    {"s.rsplit('aaaaaaaaaaaaaaaaab',5)", {"s = 'a'*1000000"}},
    {"s.rpartition('aaaaaaaaaaaaaaaaab')", {"s = 'a'*1000000"}},
    {"[{'a':1}]|map(attribute='a.'*10000)|list", {NULL}},
    {"'%(a)s' % {'a':'x'*999}", {NULL}},
    {"'{:>99999}'.format(1)", {NULL}},
    {"f.format(1)", {"f = '{0}'*10000"}},
    {"s|wordwrap(3)", {"s = 'ab-cd ' * 200000"}},
    {"s|wordwrap(999)", {"s = 'a-' * 1000000"}},
    {"s|wordwrap(99999)", {"s = '-' * 1000000"}},
    {"s|wordwrap(1)", {"s = 'é' * 1000000"}},
    {"s|striptags", {"s = '<' * 1000000"}},
    {"s|striptags", {"s = '<!--' * 300000"}},
    {"s|striptags", {"s = '<>&#x41;&a' * 100000"}},
    {"s|urlencode", {"s = '/ é' * 300000"}},
    {"l|urlencode", {"l = [('a', 'b')] * 99999"}},
    {"d|xmlattr", {"d = {'a': '<' * 1000000}"}},
};

static const char *const whole[] = {
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{% for i in range(99999) %}{% for j in range(99999) %}{{ i }}{% endfor %}{% endfor %}",
    "{% set n = namespace(s='x' * 1000) %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% "
    "endfor %}",
    "{% set l = range(99999)|list %}{% for i in range(9999) %}{% set m = l|sort %}{% endfor %}",
    "{% set l = range(99999)|list|reverse|list %}{% for i in range(9999) %}{% set m = "
    "l|sort(reverse=true) %}{% endfor %}",
    "{% set s = 'x' * 100000 %}{% set l = [s+'a',s+'b',s+'c',s+'d'] * 1000 %}{{ (l|sort)|length }}",
    "{% set s = 'x' * 100000 %}{% set l = [{'a':s+'a'},{'a':s+'b'}] * 5000 %}{{ "
    "(l|sort(attribute='a'))|length }}",
    "{% set l = range(99999)|list %}{{ (l|unique|list)|length }}",
    "{% set ns=namespace(l=[]) %}{% for i in range(20000) %}{% set ns.l = ns.l + [i|string] %}{% "
    "endfor %}{{ ns.l|unique|list|length }}",
    "{% set l = range(90000)|list %}{% for g in l|map('string')|groupby('0') %}{% endfor %}",
    "{% set l = range(99999)|list %}{% for i in range(99999) %}{% if 'x' in l %}{% endif %}{% "
    "endfor %}",
    "{% set s = 'a' * 100000 %}{% set t = 'a' * 50000 + 'b' %}{% for i in range(99999) %}{% if t "
    "in s %}{% endif %}{% endfor %}",
    "{% set s = 'a' * 1000000 %}{{ s.find('a' * 500000 + 'b') }}",
    "{% set s = 'a' * 1000000 %}{{ s.rfind('b' + 'a' * 500000) }}",
    "{% set s = 'a' * 4000000 %}{{ s.count('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab') }}",
    "{% set s = 'a' * 1000000 %}{{ s.replace('a','bb').replace('b','cc').replace('c','dd') | "
    "length }}",
    "{% set s = 'a' * 1000000 %}{{ s.replace('','bb') | length }}",
    "{% set s = 'é' * 1000000 %}{% for c in s %}{% for d in s %}{% endfor %}{% endfor %}",
    "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% else %}{{ 'x'*1000 }}{% endif %}{% "
    "endmacro %}{{ m(60) }}",
    "{% set ns = namespace(l=[0]) %}{% for i in range(100) %}{% set ns.l = [ns.l, ns.l] %}{% "
    "endfor %}{{ ns.l }}",
    "{% set ns = namespace(l=[0]) %}{% for i in range(100) %}{% set ns.l = [ns.l, ns.l] %}{% "
    "endfor %}{{ ns.l|tojson }}",
    "{% set ns = namespace(l=[0],m=[0]) %}{% for i in range(100) %}{% set ns.l = [ns.l, ns.l] %}{% "
    "set ns.m = [ns.m, ns.m] %}{% endfor %}{{ ns.l == ns.m }}",
    "{% set ns = namespace(l=[0],m=[0]) %}{% for i in range(100) %}{% set ns.l = [ns.l, ns.l] %}{% "
    "set ns.m = [ns.m, ns.m] %}{% endfor %}{{ ns.l < ns.m }}",
    "{% set l = [['a'] * 1000] * 1000 %}{{ (l|sum(start=[]))|length }}",
    "{{ (['a'*100000]*10000)|sum(start='') }}",
    "{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set ns.l = ns.l + [i] %}{% endfor "
    "%}",
    "{% set ns = namespace(l='') %}{% for i in range(99999) %}{% set ns.l = ns.l ~ 'aaaa' %}{% "
    "endfor %}",
    "{% set ns = namespace(d={}) %}{% for i in range(99999) %}{% set ns.d = dict(ns.d, "
    "**{i|string: i}) %}{% endfor %}",
    "{{ '%99999999d' % 1 }}",
    "{% set s = '<' * 1000000 %}{{ s|e|e|e|e|e|length }}",
    "{% for i in range(99999) %}{% for m in messages %}{{ m.content|upper|lower|title|length }}{% "
    "endfor %}{% endfor %}",
    "{% for i in range(99999) %}{{ loop.cycle(1,2,3) }}{{ loop.changed('x'*9999) }}{% endfor %}",
    "{% set l = range(99999)|list %}{% for i in range(9999) %}{% for j in l %}{% break %}{% endfor "
    "%}{% endfor %}",
    "{% set d = {'a':1,'b':2} %}{% for i in range(99999) %}{% for k,v in d.items() %}{% endfor "
    "%}{% endfor %}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{% for i in range(99999) %}{% call m() %}{% call "
    "m() %}x{% endcall %}{% endcall %}{% endfor %}",
    "{% for i in [1] recursive %}{{ loop([i]) }}{% endfor %}",
    "{% for i in range(99) recursive %}{{ loop(range(99)) }}{% endfor %}",
    "{% for i in range(9) recursive %}{% if loop.depth < 99 %}{{ loop(range(9)) }}{% endif %}{% "
    "endfor %}",
    "{% for i in 'ab' recursive %}{% if loop.depth < 60 %}{{ loop('ab') ~ loop('ab') }}{% endif "
    "%}{% endfor %}",
};

/* `unit` stands `n` times between begin and end; "@" in it is the number of the time. */
static const struct {
    const char *begin, *unit;
    int n;
    const char *end;
} repeated[] = {
    {"{{ 1", "+1", 199999, " }}"},
    {"{{ [1", ",1", 299999, "]|length }}"},
    {"{{ 'a'", "|upper", 150000, " }}"},
    {"", "{% macro m@() %}{% endmacro %}", 25000, ""},
    {"", "{% set m@ = 1 %}", 50000, ""},
    {"", "{{ m@ }}", 90000, ""},
    {"", "{% if 1 %}a{% endif %}", 40000, ""},
    {"{% set d = {", "'k@':1,", 80000, "} %}{{ d|length }}"},
    {"{% set d = {", "'k':1,", 150000, "} %}{{ d|length }}"},
    {"{% macro f() %}{% endmacro %}{{ f(", "k@=1,", 90000, "a=1) }}"},
    {"{% macro f(", "k@,", 90000,
     "a) %}{% endmacro %}{% for i in range(9999) %}{{ f() }}{% endfor %}"},
    {"", "{#", 300000, ""},
    {"", "{", 1000000, ""},
    {"{% raw %}", "{%", 400000, ""},
    {"{% if 0 %}", "{% elif 0 %}", 70000, "{% endif %}"},
    {"{% set a", "@,a", 90000, "= [1] %}"},
    {"{% set ns = namespace(", "k@=1,", 50000,
     "a=1) %}{% for i in range(99999) %}{% set ns.a = i %}{% endfor %}"},
    {"", "{% set v@ = 1 %}", 20000,
     "{% for k in range(99999) %}{% if v0 %}{% endif %}{% if v19999 %}{% endif %}{% if nosuch %}{% "
     "endif %}{% endfor %}"},
};

enum {
    N_LOOPS = sizeof loops / sizeof *loops,
    N_WHOLE = sizeof whole / sizeof *whole,
    N_REPEATED = sizeof repeated / sizeof *repeated,
};

static void write_repeated(struct mi_buf *b, int k)
{
    const char *unit = repeated[k].unit, *at = strchr(unit, '@');

    mi_buf_add_text(b, repeated[k].begin);
    for (int i = 0; i < repeated[k].n; i++) {
        if (at)
            mi_buf_addf(b, "%.*s%d%s", (int)(at - unit), unit, i, at + 1);
        else
            mi_buf_add_text(b, unit);
    }
    mi_buf_add_text(b, repeated[k].end);
}

static void write_bomb(struct mi_buf *b, int k)
{
    mi_buf_clear(b);
    if (k >= N_LOOPS + N_WHOLE) {
        write_repeated(b, k - N_LOOPS - N_WHOLE);
        return;
    }
    if (k >= N_LOOPS) {
        mi_buf_add_text(b, whole[k - N_LOOPS]);
        return;
    }
    for (int i = 0; i < 3 && loops[k].set[i]; i++)
        mi_buf_addf(b, "{%% set %s %%}", loops[k].set[i]);
    mi_buf_addf(b, "{%% for i in range(99999) %%}{%% set x = %s %%}{%% endfor %%}",
                loops[k].expression);
}

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(void)
{
    struct mi_buf b = {0};
    struct mi_jinja_output out = {0};
    struct mi_value variables = mi_map();
    const int n = N_LOOPS + N_WHOLE + N_REPEATED;

    plan(n);
    for (int k = 0; k < n; k++) {
        struct mi_jinja_input in = {.variables = &variables};
        struct mi_jinja j = {0};
        struct mi_error err = {0};
        double start;
        int r;

        write_bomb(&b, k);
        start = cpu_seconds();
        r = mi_jinja_parse(&j, mi_buf_text(&b), b.len, &err);
        if (r == 0)
            r = mi_jinja_render(&j, &in, &out, &err);
        mi_jinja_free(&j);
        start = cpu_seconds() - start;
        ok(start < most_seconds && (r == 0 || (err.text[0] && !strchr(err.text, '\n'))),
           "%.2f s, %s: %.90s", start, r < 0 ? err.text : "a text", mi_buf_text(&b));
    }
    mi_jinja_output_free(&out);
    mi_buf_free(&b);
    return done();
}
