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

/* `unit` stands `n` times between begin and end; "@" in it is the number of the time. */
static const struct {
    const char *begin, *unit;
    int n;
    const char *end;
} bombs[] = {
    {"{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "", 0, ""},
    {"{% for i in range(99999) %}{% for j in range(99999) %}{{ i }}{% endfor %}{% endfor %}", "", 0,
     ""},
    {"{% set n = namespace(s='x' * 1000) %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% "
     "endfor %}",
     "", 0, ""},
    {"{% set l = range(99999)|list %}{% for i in range(9999) %}{% set m = l|sort %}{% endfor %}",
     "", 0, ""},
    {"{% set l = range(99999)|list|reverse|list %}{% for i in range(9999) %}{% set m = "
     "l|sort(reverse=true) %}{% endfor %}",
     "", 0, ""},
    {"{% set s = 'x' * 100000 %}{% set l = [s+'a',s+'b',s+'c',s+'d'] * 1000 %}{{ (l|sort)|length "
     "}}",
     "", 0, ""},
    {"{% set s = 'x' * 100000 %}{% set l = [{'a':s+'a'},{'a':s+'b'}] * 5000 %}{{ "
     "(l|sort(attribute='a'))|length }}",
     "", 0, ""},
    {"{% set l = range(99999)|list %}{{ (l|unique|list)|length }}", "", 0, ""},
    {"{% set ns=namespace(l=[]) %}{% for i in range(20000) %}{% set ns.l = ns.l + [i|string] %}{% "
     "endfor %}{{ ns.l|unique|list|length }}",
     "", 0, ""},
    {"{% set l = range(90000)|list %}{% for g in l|map('string')|groupby('0') %}{% endfor %}", "",
     0, ""},
    {"{% set l = range(99999)|list %}{% for i in range(99999) %}{% if 'x' in l %}{% endif %}{% "
     "endfor %}",
     "", 0, ""},
    {"{% set s = 'a' * 100000 %}{% set t = 'a' * 50000 + 'b' %}{% for i in range(99999) %}{% if t "
     "in s %}{% endif %}{% endfor %}",
     "", 0, ""},
    {"{% set s = 'a' * 1000000 %}{{ s.find('a' * 500000 + 'b') }}", "", 0, ""},
    {"{% set s = 'a' * 1000000 %}{{ s.rfind('b' + 'a' * 500000) }}", "", 0, ""},
    {"{% set s = 'a' * 4000000 %}{{ s.count('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab') }}", "", 0,
     ""},
    {"{% set s = 'a,' * 1000000 %}{% for i in range(1000) %}{% set x = s.split(',') %}{% endfor %}",
     "", 0, ""},
    {"{% set s = 'a' * 1000000 %}{{ s.replace('a','bb').replace('b','cc').replace('c','dd') | "
     "length }}",
     "", 0, ""},
    {"{% set s = 'a' * 1000000 %}{{ s.replace('','bb') | length }}", "", 0, ""},
    {"{% set s = '\xc3"
     "\x9f"
     "' * 1000000 %}{% for i in range(99999) %}{% set x = s.upper() %}{% endfor %}",
     "", 0, ""},
    {"{% set s = 'ab ' * 1000000 %}{% for i in range(99999) %}{% set x = s|title %}{% endfor %}",
     "", 0, ""},
    {"{% set s = '\xc3"
     "\xa9"
     "' * 1000000 %}{% for i in range(99999) %}{% set x = s[500000] %}{% endfor %}",
     "", 0, ""},
    {"{% set s = '\xc3"
     "\xa9"
     "' * 1000000 %}{% for i in range(99999) %}{% set x = s[::-1] %}{% endfor %}",
     "", 0, ""},
    {"{% set s = '\xc3"
     "\xa9"
     "' * 1000000 %}{% for c in s %}{% for d in s %}{% endfor %}{% endfor %}",
     "", 0, ""},
    {"{% set s = '\xc3"
     "\xa9"
     "' * 4000000 %}{% for i in range(99999) %}{% set x = s|length %}{% endfor %}",
     "", 0, ""},
    {"{% set s = '\xc3"
     "\xa9"
     "' * 4000000 %}{% set t = '\xc3"
     "\xa9"
     "' * 4000000 %}{% for i in range(99999) %}{% set x = s == t %}{% endfor %}",
     "", 0, ""},
    {"{% set s = [[[0]*100]*100]*100 %}{% set t = [[[0]*100]*100]*100 %}{% for i in range(99999) "
     "%}{% set x = s == t %}{% endfor %}",
     "", 0, ""},
    {"{% set l = [[0] * 1000] * 1000 %}{% for i in range(999) %}{% set x = l|tojson %}{% endfor %}",
     "", 0, ""},
    {"{% set l = [[[[[[0] * 10] * 10] * 10]*10]*10]*10 %}{% for i in range(999) %}{% set x = "
     "l|tojson(indent=1000) %}{% endfor %}",
     "", 0, ""},
    {"{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}", "",
     0, ""},
    {"{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% else %}{{ 'x'*1000 }}{% endif %}{% "
     "endmacro %}{{ m(60) }}",
     "", 0, ""},
    {"{% set ns = namespace(l=[0]) %}{% for i in range(100) %}{% set ns.l = [ns.l, ns.l] %}{% "
     "endfor %}{{ ns.l }}",
     "", 0, ""},
    {"{% set ns = namespace(l=[0]) %}{% for i in range(100) %}{% set ns.l = [ns.l, ns.l] %}{% "
     "endfor %}{{ ns.l|tojson }}",
     "", 0, ""},
    {"{% set ns = namespace(l=[0],m=[0]) %}{% for i in range(100) %}{% set ns.l = [ns.l, ns.l] "
     "%}{% set ns.m = [ns.m, ns.m] %}{% endfor %}{{ ns.l == ns.m }}",
     "", 0, ""},
    {"{% set ns = namespace(l=[0],m=[0]) %}{% for i in range(100) %}{% set ns.l = [ns.l, ns.l] "
     "%}{% set ns.m = [ns.m, ns.m] %}{% endfor %}{{ ns.l < ns.m }}",
     "", 0, ""},
    {"{% set l = ['a' * 1000] * 1000 %}{% for i in range(9999) %}{% set x = l|join('b' * 1000) "
     "%}{% endfor %}",
     "", 0, ""},
    {"{% set l = [['a'] * 1000] * 1000 %}{{ (l|sum(start=[]))|length }}", "", 0, ""},
    {"{{ (['a'*100000]*10000)|sum(start='') }}", "", 0, ""},
    {"{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set ns.l = ns.l + [i] %}{% "
     "endfor %}",
     "", 0, ""},
    {"{% set ns = namespace(l='') %}{% for i in range(99999) %}{% set ns.l = ns.l ~ 'aaaa' %}{% "
     "endfor %}",
     "", 0, ""},
    {"{% set ns = namespace(d={}) %}{% for i in range(99999) %}{% set ns.d = dict(ns.d, "
     "**{i|string: i}) %}{% endfor %}",
     "", 0, ""},
    {"{{ '%99999999d' % 1 }}", "", 0, ""},
    {"{% for i in range(99999) %}{% set x = '%99999d' % 1 %}{% endfor %}", "", 0, ""},
    {"{% for i in range(99999) %}{% set x = '%.99999f' % 1.5 %}{% endfor %}", "", 0, ""},
    {"{% for i in range(99999) %}{% set x = 'a'.center(99999) %}{% endfor %}", "", 0, ""},
    {"{% set s = 'a\\n' * 100000 %}{% for i in range(999) %}{% set x = s|indent(1000) %}{% endfor "
     "%}",
     "", 0, ""},
    {"{% set s = 'a b ' * 1000000 %}{% for i in range(9999) %}{% set x = s|wordcount %}{% endfor "
     "%}",
     "", 0, ""},
    {"{% set s = '\xc3"
     "\xa9"
     " ' * 1000000 %}{% for i in range(9999) %}{% set x = s|truncate(999999) %}{% endfor %}",
     "", 0, ""},
    {"{% set l = range(99999)|list %}{% for i in range(9999) %}{% set x = l|batch(2)|list %}{% "
     "endfor %}",
     "", 0, ""},
    {"{% set l = range(99999)|list %}{% for i in range(9999) %}{% set x = l|map('string')|list "
     "%}{% endfor %}",
     "", 0, ""},
    {"{% set l = ['a' * 100000] * 1000 %}{% for i in range(9999) %}{% set x = l|map('upper')|list "
     "%}{% endfor %}",
     "", 0, ""},
    {"{% for i in range(99999) %}{% set x = ''*99999999 %}{% endfor %}", "", 0, ""},
    {"{% for i in range(99999) %}{% set x = []*99999999 %}{% endfor %}", "", 0, ""},
    {"{% set s = ' ' * 1000000 %}{% for i in range(99999) %}{% set x = s.strip() %}{% endfor %}",
     "", 0, ""},
    {"{% set s = 'a' * 100000 %}{% set c = 'b' * 100000 + 'a' %}{% for i in range(99) %}{% set x = "
     "s.strip(c) %}{% endfor %}",
     "", 0, ""},
    {"{% set s = 'a' * 100000 %}{% set l = [s+'b']*1000 %}{% for i in range(999) %}{% set x = "
     "s.startswith(l) %}{% endfor %}",
     "", 0, ""},
    {"{% set s = '\xc3"
     "\xa9"
     "' * 1000000 %}{% for i in range(99999) %}{% set x = s.isalpha() %}{% endfor %}",
     "", 0, ""},
    {"{% set s = '0' * 1000000 %}{% for i in range(99999) %}{% set x = s|int(base=10) %}{% endfor "
     "%}",
     "", 0, ""},
    {"{% set s = '0' * 1000000 %}{% for i in range(99999) %}{% set x = s|float %}{% endfor %}", "",
     0, ""},
    {"{% for i in range(99999) %}{% set x = 1.0000001 ** 999999999 %}{% endfor %}", "", 0, ""},
    {"{% for i in range(99999) %}{% set x = 1 ** 999999999999 %}{% endfor %}", "", 0, ""},
    {"{% set s = '<' * 1000000 %}{{ s|e|e|e|e|e|length }}", "", 0, ""},
    {"{% set s='x'*100000 %}{% set d = {s+'1':1,s+'2':2,s+'3':3,s+'4':4} %}{% for i in range(9999) "
     "%}{% set x = d|dictsort %}{% endfor %}",
     "", 0, ""},
    {"{% set s='x'*1000000 %}{% set t='x'*1000000 %}{% set d = {s:1} %}{% for i in range(9999) "
     "%}{% set x = d[t] %}{% endfor %}",
     "", 0, ""},
    {"{% for i in range(99999) %}{% set x = strftime_now('%Y'*10000) %}{% endfor %}", "", 0, ""},
    {"{% set s = '\xc3"
     "\xa9"
     " '*1000000 %}{% for i in range(99) %}{% set x = s.split() %}{% endfor %}",
     "", 0, ""},
    {"{% set s = '\xc3"
     "\xa9"
     "\\n'*1000000 %}{% for i in range(99) %}{% set x = s.splitlines() %}{% endfor %}",
     "", 0, ""},
    {"{% set l = [{'a':1}]*99999 %}{% for i in range(9999) %}{% set x = "
     "l|selectattr('a','equalto',1)|list %}{% endfor %}",
     "", 0, ""},
    {"{% for i in range(99999) %}{% for m in messages %}{{ m.content|upper|lower|title|length }}{% "
     "endfor %}{% endfor %}",
     "", 0, ""},
    {"{% for i in range(99999) %}{{ loop.cycle(1,2,3) }}{{ loop.changed('x'*9999) }}{% endfor %}",
     "", 0, ""},
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
    {"{% set s = ('a'*999+'b') * 1000 %}{% for i in range(9999) %}{% set x = s.rfind('a'*999+'c') "
     "%}{% endfor %}",
     "", 0, ""},
    {"{% set l = range(90000)|list %}{% for i in range(99999) %}{% set x = l.index(-1.5) %}{% "
     "endfor %}",
     "", 0, ""},
    {"{% set l = range(90000)|list %}{% for i in range(99999) %}{% set x = l.count('x') %}{% "
     "endfor %}",
     "", 0, ""},
    {"{% set s = 'a'*1000000 %}{% for i in range(99999) %}{% set x = "
     "s.rsplit('aaaaaaaaaaaaaaaaab',5) %}{% endfor %}",
     "", 0, ""},
    {"{% set s = 'a'*1000000 %}{% for i in range(99999) %}{% set x = "
     "s.rpartition('aaaaaaaaaaaaaaaaab') %}{% endfor %}",
     "", 0, ""},
    {"{% for i in range(99999) %}{% set x = [{'a':1}]|map(attribute='a.'*10000)|list %}{% endfor "
     "%}",
     "", 0, ""},
    {"{% set l = range(99999)|list %}{% for i in range(9999) %}{% for j in l %}{% break %}{% "
     "endfor %}{% endfor %}",
     "", 0, ""},
    {"{% set d = {'a':1,'b':2} %}{% for i in range(99999) %}{% for k,v in d.items() %}{% endfor "
     "%}{% endfor %}",
     "", 0, ""},
    {"{% for i in range(99999) %}{% set x = '%(a)s' % {'a':'x'*999} %}{% endfor %}", "", 0, ""},
    {"{% for i in range(99999) %}{% set x = '{:>99999}'.format(1) %}{% endfor %}", "", 0, ""},
    {"{% set f = '{0}'*10000 %}{% for i in range(99999) %}{% set x = f.format(1) %}{% endfor %}",
     "", 0, ""},
    {"{% set a", "@,a", 90000, "= [1] %}"},
    {"{% macro m() %}{{ caller() }}{% endmacro %}{% for i in range(99999) %}{% call m() %}{% call "
     "m() %}x{% endcall %}{% endcall %}{% endfor %}",
     "", 0, ""},
    {"{% set ns = namespace(", "k@=1,", 50000,
     "a=1) %}{% for i in range(99999) %}{% set ns.a = i %}{% endfor %}"},
    {"", "{% set v@ = 1 %}", 20000,
     "{% for k in range(99999) %}{% if v0 %}{% endif %}{% if v19999 %}{% endif %}{% if nosuch %}{% "
     "endif %}{% endfor %}"},
};

static void write_bomb(struct mi_buf *b, size_t k)
{
    const char *at = strchr(bombs[k].unit, '@');

    mi_buf_clear(b);
    mi_buf_add_text(b, bombs[k].begin);
    for (int i = 0; i < bombs[k].n; i++) {
        if (at)
            mi_buf_addf(b, "%.*s%d%s", (int)(at - bombs[k].unit), bombs[k].unit, i, at + 1);
        else
            mi_buf_add_text(b, bombs[k].unit);
    }
    mi_buf_add_text(b, bombs[k].end);
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
    size_t n = sizeof bombs / sizeof bombs[0];

    plan((int)n);
    for (size_t k = 0; k < n; k++) {
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
           "%.2f s, %s: %.40s%.20s", start, r < 0 ? err.text : "a text", bombs[k].begin,
           bombs[k].unit);
    }
    mi_jinja_output_free(&out);
    mi_buf_free(&b);
    return done();
}
