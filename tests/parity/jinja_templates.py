"""Random Jinja templates: typed, so that most of them render, with some that raise.

jinja2's environment as transformers sets it up, and what a template sees, are here too."""

import json
import random

import jinja2
import jinja2.sandbox
from jinja2 import nodes
from jinja2.ext import Extension

NOW = 1752148800  # 2025-07-10 12:00:00 UTC
# Letters of contents stand in no template, so that their provenance can be seen in a text.
CONTENTS = ["\u03b1\u03b2\u03b3", " \u03b4\u03b5 \u03b6 ", "\u03b7\n\n\u03b8\n", "", " \n", "\u03bb'\u03bc\"\u03bd", "\u03be=\u03bf,\u03c0"]


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True,
        extensions=["jinja2.ext.loopcontrols", Generation])

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                          sort_keys=sort_keys)

    def strftime_now(form):
        import time
        return time.strftime(form, time.gmtime(NOW))
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = strftime_now
    env.filters["tojson"] = tojson
    return env


def expected(env, template, variables):
    """(text, None) or (None, message)."""
    try:
        return env.from_string(template).render(**variables), None
    except RecursionError:
        return None, "recursion"
    except Exception as e:  # whatever Python raises is an error of the template
        return None, f"{type(e).__name__}: {e}"


def variables(r):
    roles = ["system", "user", "assistant", "user", "tool"]
    messages = [dict(role=roles[i], content=r.choice(CONTENTS)) for i in range(r.randint(1, 5))]
    return dict(messages=messages, add_generation_prompt=r.random() < 0.5, bos_token="<s>",
                eos_token="</s>", tools=None, documents=None, n=r.randint(-3, 12), x=r.choice([0.5, -2.25, 1e20, 3.0]),
                word=r.choice(["Hello World", "abc", "\u00c4rger", "", "a-b c", "line\nline two\n\nlast"]),
                flag=r.random() < 0.5, nothing=None, numbers=[r.randint(-5, 9) for _ in range(r.randint(0, 5))],
                words=r.sample(["pear", "Apple", "fig", "apple", "Zoo", "\u00e9t\u00e9"], r.randint(0, 5)),
                map={"b": 1, "a": [1, 2.5, None], "C": {"k": "v\"'\\ \t"}}, rows=[{"k": i % 3, "v": w} for i, w in enumerate("xyzw")],
                tree=[{"n": 1, "kids": [{"n": 2, "kids": []}, {"n": 0, "kids": [{"n": 4, "kids": []}]}]}, {"n": 5, "kids": []}])


INT = ["{i} + {i}", "{i} - {i}", "{i} * {i}", "{i} // {j}", "{i} % {j}", "-{i}", "{l}|length", "{s}|length", "{j} ** 2",
       "{s}.find({s})", "{s}.count({s})", "({i} if {b} else {i})", "{s}|int", "{n}|sum", "{n}|max", "{n}|min", "{i}|abs",
       "({i})", "{n}[{j}]", "{s}|wordcount", "{f}|int", "{b} + {i}", "{n}.index({i})", "{d}.b", "{s}.rfind({s}, 1)"]
REAL = ["{i} / {j}", "x * {i}", "{i} * 0.1", "x", "({f})|round(2)", "{f} // {j}", "{f} % {j}", "1.5e3", "x ** 2", "({f})|float", "{f} + {f}",
        "{f}|round(1, 'floor')", "-x", "12345.678|round"]
TEXT = ["{s} + {s}", "{s} ~ {a}", "{s}.upper()", "{s}|lower", "{s}|trim", "{s}.strip({s})", "{s}[{h}:]", "{s}[:{h}]", "{s}[{h}:{h}]",
        "{s}[::-1]", "{s}[::2]", "{s}.replace({s}, {s})", "{s}|replace({q}, {s})", "{s}.split()[0]", "{s}.split({q})[-1]",
        "{s}.rstrip()", "{s}.lstrip('\\n')", "({s} if {b} else {s})", "{l}|join({s})", "{a}|string", "{a}|tojson", "{s}|title",
        "{s}.title()", "{s}|capitalize", "messages[{j}].content", "messages[0]['content']", "messages[-1].content", "{s} * 2", "{s}|indent(2)",
        "{s}|indent({q}, first=true)", "{s}[{i}]", "'%s:%d'|format({s}, {i})", "'%5s|%-5s|%05d|%.2f' % ({s}, {s}, {i}, {f})", "{s}|truncate(5)",
        "{s}.splitlines()|join('|')", "{s}|default('d')", "missing|default({s})", "{s}.partition({q})[2]", "{s}.removeprefix({s})",
        "'<' ~ {a} ~ '>'", "{m}|tojson(indent=2)", "{s}.zfill(6)", "({s}|safe) + {s}", "{s} + ({s}|e)", "({s}|e)[{h}:]", "({s}|e)|upper", "({s}|e) * 2", "({s}|e).split({q})|last", "{s}|e|e ~ {s}", "{s}|e|forceescape", "{s}.center({j})", "{s}|center(9)", "{s}.ljust(7, '*')", "{w}|first", "{w}|last",
        "{s}|reverse", "'{}-{}'.format({s}, {i})", "({s})", "{s} or {s}", "{s} and {s}", "messages|map(attribute='role')|join(' ')",
        "messages|map(attribute='content')|join", "messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|list|join('+')",
        "{s}.rsplit(maxsplit=1)|join('/')", "{s}.split(maxsplit=1)[-1]", "{s}.split({q}, 1)|last", "{s}.swapcase()", "strftime_now('%d %b %Y')",
        "range({j})|join", "{m}|tojson(separators=(',', ':'))", "{l}|tojson", "{s}|tojson", "namespace(a={s}).a",
        "({t} ~ {s})|striptags", "{t}|striptags", "{s}|striptags", "{s}|e|striptags", "{s}|urlencode", "{d}|urlencode", "{a}|urlencode", "{p}|wordwrap({j})",
        "{p}|wordwrap(12)", "{p}|wordwrap({j}, false)", "{p}|wordwrap(7, wrapstring={s})", "{p}|wordwrap({j}, break_on_hyphens=false)",
        "({p} ~ {s})|wordwrap(9)", "{d}|xmlattr", "{{'a': {a}, 'b': {s}}}|xmlattr({b})", "{p}", "{t}|e"]
BOOL = ["{i} < {i}", "{s} == {s}", "{i} != {i}", "{s} in {s}", "{i} in {n}", "{s} not in {w}", "{b} and {b}", "{b} or {b}", "not {b}",
        "{a} is defined", "missing is defined", "{a} is none", "{s} is string", "{i} is odd", "{i} is even", "{a} is number", "{a} is mapping",
        "{a} is sequence", "{a} is iterable", "{s}.startswith({s})", "{s}.endswith({q})", "{i} < {i} < {i}", "{i} is divisibleby {j}", "flag", "true", "False",
        "({b})", "{a} == {a}", "{i} >= {f}", "{s} is upper", "{s} is lower", "{s} < {s}", "{b} is not true", "{i} is eq {i}", "'k' in {d}", "{s}.isdigit()",
        "{s}.isalpha()", "{n} == {n}", "{i} is in {n}", "{a} is boolean", "{a} is integer", "{a} is float", "{w} < {w}", "missing == {a}", "{s} is false"]
NUMBERS = ["numbers", "[{i}, {i}]", "[{i}]", "numbers[1:]", "{n} + {n}", "numbers|sort", "numbers|reverse|list", "{n}|unique|list", "range({j})|list",
           "{n}|select('odd')|list", "{n}|reject('even')|list", "{n}|map('abs')|list", "{n}|sort(reverse=true)", "[]", "{n}[::-1]", "{n}[{h}:{h}]", "{n} * 2"]
WORDS = ["words", "[{s}, {s}]", "{s}.split()", "{s}.split({q})", "words|sort", "words|sort(case_sensitive=true)", "words|map('upper')|list", "words|unique|list",
         "{s}|list", "words[:2]", "{w} + {w}", "words|reject('equalto', {s})|list", "{s}.splitlines()", "{d}|list", "{s}.rsplit({q}, 1)"]
MAP = ["map", "{{'a': {i}, {s}: {s}}}", "{{'k': {l}}}", "dict(a={i}, b={s})", "rows[{j}]", "map.C", "{{}}"]
ANY = ["{i}", "{f}", "{s}", "{b}", "{l}", "{m}", "nothing", "none", "({i}, {s})", "({s},)", "messages[0]", "map.items()|list", "map.keys()", "map|dictsort",
       "rows|groupby('k')", "rows|map(attribute='v')|list", "rows|selectattr('k')|list", "rows|rejectattr('k', 'gt', 1)|list", "rows|sum(attribute='k')", "map.get({s}, {i})",
       "map[{s}]", "map.a", "map.a[{i}]", "{l}|batch(2)|list", "{l}|slice(2)|list", "map.values()|list", "missing", "missing", "map.missing", "map.C|items|list",
       "{a}|default({a}, true)", "{l}[{i}]", "{l}|first", "{l}|last", "range(2, {j})", "rows|sort(attribute='v', reverse=true)", "rows|max(attribute='k')",
       "namespace(a=1)", "{s} + {i}", "{l}|length + {i}", "{m}.x", "{a}[{j}]", "{i} if {b}", "not {a}", "{a} and {a}", "{a} or {a}"]
ATOMS = {"i": ["0", "1", "2", "3", "-1", "7", "n", "1_000"], "f": ["x", "0.5", "2.0", "1e-7", "100.0"],
         "s": ["'a'", "'b c'", "\"it's\"", "word", "''", "' x '", "'\\n'", "'a' 'b'", "'\u00e9'", "messages[0].role"],
         "b": ["true", "false", "flag", "add_generation_prompt"], "n": ["numbers", "[1, 2]"], "w": ["words", "['b', 'a']"],
         "d": ["map"], "m": ["map", "rows"], "q": ["'a'", "' '", "'\\n'", "'l'", "','"], "j": ["1", "2", "3", "5"],
         "h": ["0", "1", "2", "-1", "-3", "n", "5"],
         "t": ["'<b>x</b>  y'", "'a <!-- > --> b'", "'a < b > c <'", "'<!-- open <i>'", "'&amp;lt; &eacute &eacute; &copy2'", "'&#65;&#x42 &#128; &#0; &#1; &#xd800;'",
               "'R&D &notit; & &; x&y'", "'<\n>\u00a0 z '", "'&ltb&gt &#; &#x; &apos;'"],
         "p": ["'the quick-brown fox -- and so-on'", "'a--b c---d \u2014 e -5 x-1 ab-cd-ef'", "'a\tb  c\n\n d'", "'supercalifragilistic'", "'one-two-three-four'",
               "'  lead and trail  '", "'\u00e9t\u00e9-l\u00e0 \u65e5\u672c\u8a9e-\u8a9e\u8a9e-\u8a9e x'", "'-- --a a--\'b\' !--c ab-c-d \u00a0 \u00a0z'", "word", "messages[0].content"]}
KINDS = {"i": INT, "f": REAL, "s": TEXT, "b": BOOL, "n": NUMBERS, "w": WORDS, "d": MAP, "m": MAP, "a": ANY}


class Maker:
    """Templates from one random generator."""

    def __init__(self, r):
        self.r = r
        self.names = []

    def expr(self, kind="a", depth=3):
        r = self.r
        if kind == "l":
            kind = r.choice("nw")
        if kind in "iswa" and self.names and r.random() < 0.12:
            return r.choice(self.names)
        if kind not in KINDS or (depth <= 0 and kind in ATOMS):
            return r.choice(ATOMS[kind])
        if depth <= 0:
            return r.choice(["n", "word", "flag", "x", "none"])
        if kind in ATOMS and r.random() < 0.25:
            return r.choice(ATOMS[kind])
        form = r.choice(KINDS[kind])
        out, i = "", 0
        while i < len(form):
            if form[i:i + 2] in ("{{", "}}"):
                out += form[i]
                i += 2
            elif form[i] == "{" and i + 2 < len(form) and form[i + 2] == "}":
                inner = self.expr(form[i + 1], depth - 1)
                simple = inner.replace("_", "a").isalnum() or inner[:1] in "'\"[({" and form[i + 3:i + 4] in ",)] "
                out += inner if simple or r.random() < 0.1 else f"({inner})"
                i += 3
            else:
                out += form[i]
                i += 1
        return out

    def blank(self):
        return self.r.choice(["", "", "\n", "  ", "\n  ", "  \n", "\n\n", "text ", "\ttext\n"])

    def tag(self, text):
        r = self.r
        return (self.blank() + "{%" + r.choice(["", "", "", "-", "-", "+"]) + r.choice([" ", " ", ""]) + text + r.choice([" ", " ", "\n  "]) +
                r.choice(["", "", "", "-", "-", "+"]) + "%}" + self.blank())

    def output(self, text):
        r = self.r
        return self.blank() + "{{" + r.choice(["", "", "", "-"]) + " " + text + " " + r.choice(["", "", "", "-"]) + "}}" + self.blank()

    def body(self, depth):
        names = list(self.names)
        text = "".join(self.statement(depth - 1) for _ in range(self.r.randint(1, 3)))
        self.names = names
        return text

    def scoped(self, names, depth):
        old = self.names
        self.names = old + names
        text = self.body(depth)
        self.names = old
        return text

    def loop(self, depth):
        r = self.r
        over, target, names = r.choice([("messages", "m", ["m.content", "m['content']|trim", "m.role"]), ("messages[1:]", "m", ["m.content", "m.role"]),
                                        (self.expr("l", 2), "e", ["e"]), ("map.items()", "k, v", ["k", "v"]), ("rows", "e", ["e.v", "e.k"]),
                                        (self.expr("s", 2), "c", ["c"]), ("range(4)", "e", ["e"]), ("rows|map(attribute='v')", "e", ["e"])])
        if r.random() < 0.15:
            over += " if " + self.scoped_expr(names, "b")
        names = names + ["loop.index", "loop.index0", "loop.last", "loop.first", "loop.length", "loop.revindex", "loop.previtem", "loop.nextitem is defined",
                         "loop.cycle('a', 'b')", "loop.changed(n)"]
        inner = self.scoped(names, depth)
        if r.random() < 0.2:
            inner += self.tag("if " + self.scoped_expr(names, "b")) + self.tag(r.choice(["break", "continue"])) + self.tag("endif") + self.scoped(names, depth)
        if r.random() < 0.2:
            inner += self.tag("else") + self.body(depth)
        return self.tag(f"for {target} in {over}") + inner + self.tag("endfor")

    def tree(self, depth):
        """A loop that calls itself; its data are made to end."""
        r = self.r
        over = r.choice(["tree", "tree if e.n", "tree[1:]", "numbers", "tree if loop is undefined"])
        names = ["e.n", "e.kids|length", "loop.depth", "loop.depth0", "loop.index", "loop.last", "loop.changed(e.n)", "loop.previtem.n", "loop is callable"]
        again = r.choice(["loop(e.kids)", "loop(e.kids)|trim", "loop(e.kids)|upper", "loop(iterable=e.kids)", "'<' ~ loop(e.kids) ~ '>'", "loop([])|length",
                          "loop(e.kids) if e.n else loop", "loop(missing)", "loop(e.kids)", "loop(e.kids)"])
        inner = self.scoped(names, 1)
        if r.random() < 0.2:
            inner += self.tag("set n = e.n")
        if r.random() < 0.2:
            inner += self.tag("for f in [1]") + self.output(r.choice(["loop.index", "loop.depth", "e.n"])) + self.tag("endfor")
        inner += self.output(again) + self.scoped(names, 1)
        if r.random() < 0.3:
            inner += self.tag("else") + self.body(1)
        return self.tag(f"for e in {over} recursive") + inner + self.tag("endfor")

    def scoped_expr(self, names, kind):
        old = self.names
        self.names = old + names
        text = self.expr(kind, 2)
        self.names = old
        return text

    def conditional(self, depth):
        text = self.tag("if " + self.expr("b")) + self.body(depth)
        if self.r.random() < 0.3:
            text += self.tag("elif " + self.expr("b")) + self.body(depth)
        if self.r.random() < 0.5:
            text += self.tag("else") + self.body(depth)
        return text + self.tag("endif")

    def assignment(self, depth):
        r = self.r
        name = r.choice(["v1", "v2", "v3"])
        kind = r.choice("iswa")
        if r.random() < 0.2:
            text = self.tag("set " + name + r.choice(["", " | trim", " | upper"])) + self.body(depth) + self.tag("endset")
        elif r.random() < 0.15:
            text = self.tag(f"set {name}, v4 = {self.expr(kind)}, {self.expr('i')}")
        else:
            text = self.tag(f"set {name} = {self.expr(kind)}")
        self.names.append(name)
        return text

    def namespace(self, depth):
        text = self.tag(f"set ns = namespace(a={self.expr('i')}, t={self.expr('s')})")
        text += self.tag("for e in range(3)") + self.tag("set ns.a = ns.a + 1") + self.tag("set ns.t = ns.t ~ e") + self.tag("endfor")
        self.names += ["ns.a", "ns.t"]
        return text

    def macro(self, depth):
        name = self.r.choice(["f1", "f2"])
        form = self.r.choice(["p, q=1", "p, q=p", "p, q='z'"])
        text = self.tag(f"macro {name}({form})") + self.scoped(["p", "q"], depth)
        if self.r.random() < 0.3:
            text += self.output(self.r.choice(["caller()", "varargs", "kwargs", "caller is defined"]))
        text += self.tag("endmacro")
        self.names += [f"{name}({self.expr('a', 2)})", f"{name}({self.expr('s', 1)}, q={self.expr('i', 1)})"]
        if self.r.random() < 0.3:
            text += self.tag(f"call {name}({self.expr('i', 1)})") + self.body(depth) + self.tag("endcall")
        return text

    def statement(self, depth):
        r = self.r
        if depth <= 0:
            return self.output(self.expr())
        kind = r.random()
        if kind < 0.4:
            text = self.expr()
            return self.output(f"({text}) | e" if r.random() < 0.03 else text)
        if kind < 0.56:
            return self.loop(depth)
        if kind < 0.58:
            return self.tree(depth)
        if kind < 0.72:
            return self.conditional(depth)
        if kind < 0.84:
            return self.assignment(depth)
        if kind < 0.88:
            return self.namespace(depth)
        if kind < 0.92:
            return self.macro(depth)
        if kind < 0.94:
            return self.tag("filter " + r.choice(["upper", "trim", "replace('a', 'b')", "indent(2)"])) + self.body(depth) + self.tag("endfilter")
        if kind < 0.95:
            return self.tag("generation") + self.body(depth) + self.tag("endgeneration")
        if kind < 0.96:
            return self.tag(f"with w = {self.expr()}") + self.scoped(["w"], depth) + self.tag("endwith")
        if kind < 0.98:
            return self.blank() + r.choice(["{# note #}", "{#- note -#}", "{# a\nb #}\n", "{% raw %}{{ x }}{% endraw %}\n", "{%- raw -%} {% x %} {%- endraw -%}"])
        return r.choice(["a\n", "\n\n", " b ", "{ c }", "\r\nd\r\n"])

    def template(self):
        self.names = []
        return "".join(self.statement(3) for _ in range(self.r.randint(1, 4)))


def cases(seed, n):
    r = random.Random(seed)
    for _ in range(n):
        yield Maker(r).template(), variables(r)
