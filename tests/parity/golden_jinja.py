#!/usr/bin/env python3
"""Writes tests/golden/text/jinja.json: random templates and what jinja2 makes of them.

usage: golden_jinja.py OUTPUT"""

import json
import re
import sys

import jinja_templates

WANTED, LONGEST = 300, 700


def main():
    env = jinja_templates.environment()
    cases = []
    raised = 0
    for template, variables in jinja_templates.cases(11, 4000):
        text, error = jinja_templates.expected(env, template, variables)
        fixed = error or not any(x in text for x in ("generator object", "object at 0x", "function "))
        fixed = fixed and not re.search(r"\d{19}", text or "")  # integers have 64 bits
        fixed = fixed and "&notit;" not in template  # an entity of HTML 5 is refused
        known = not error or not ("named" in error or "recursion" in error)
        if len(template) > LONGEST or len(text or "") > LONGEST or not fixed or not known:
            continue
        if error:
            raised += 1
            if raised > WANTED // 6:
                continue
        cases.append(dict(template=template, variables=variables, text=text))
        if len(cases) == WANTED:
            break
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        f.write('{"now": %d, "cases": [\n' % jinja_templates.NOW)
        f.write(",\n".join(json.dumps(c, ensure_ascii=False, separators=(",", ":")) for c in cases))
        f.write("\n]}\n")


main()
