"""usage: page.py PAGE...: is each an HTML page that runs and fetches nothing but its own?

Says what is wrong and exits 1: a script that the page's policy does not name by its digest,
an event handler, an address to elsewhere, an element that we never write, a raw control."""

import base64
import hashlib
import html.parser
import json
import re
import sys

ELEMENTS = set(
    "html head meta link title style body header h1 h2 h3 h4 nav ul li a main section p div table "
    "thead tbody tr th td button span figure figcaption script noscript details summary b i br "
    "footer svg g path rect text".split()
)


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.faults, self.policy, self.script, self.stack, self.figures = [], "", None, [], 0
        self.feed(text)
        self.close()
        if self.stack:
            self.faults.append(f"left open: {self.stack}")

    def handle_starttag(self, tag, attrs):
        if tag not in ELEMENTS:
            self.faults.append(f"element <{tag}>")
        for name, value in attrs:
            if name.startswith("on") or name in ("src", "srcdoc", "action", "formaction", "style"):
                self.faults.append(f"attribute {name}={value!r}")
            if name == "href" and not re.fullmatch(r"#s\d+|data:,", value):
                self.faults.append(f"address {value!r}")
        attrs = dict(attrs)
        if attrs.get("http-equiv") == "Content-Security-Policy":
            self.policy = attrs["content"]
        if tag == "script":
            self.script = attrs.get("type", "")
        if tag not in ("meta", "link", "br", "path", "rect"):
            self.stack.append(tag)

    def handle_endtag(self, tag):
        if tag in ("path", "rect"):
            return
        if not self.stack or self.stack.pop() != tag:
            self.faults.append(f"stray </{tag}>")

    def handle_data(self, data):
        if self.script is None:
            if re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", data):
                self.faults.append(f"control in {data!r}")
            return
        if self.script == "application/json":
            figure = json.loads(data)
            assert set(figure) == {"data", "layout"}
            self.figures += 1
        else:
            digest = base64.b64encode(hashlib.sha256(data.encode()).digest()).decode()
            if f"'sha256-{digest}'" not in self.policy:
                self.faults.append(f"script of digest {digest}: {data[:60]!r}")
        self.script = None


for name in sys.argv[1:]:
    page = Page(open(name, encoding="utf-8", newline="").read())
    if not page.policy.startswith("default-src 'none'; ") or "unsafe-eval" in page.policy:
        page.faults.append(f"policy {page.policy!r}")
    for fault in page.faults[:10]:
        print(f"{name}: {fault}")
    if page.faults:
        sys.exit(1)
    print(f"{name}: {page.figures} figures")
