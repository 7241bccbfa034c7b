#!/usr/bin/env python3
"""The template engine against Python's jinja2, set up as transformers does it.

usage: jinja_parity.py MODEL.gguf BIN_FOLDER [--templates N] [--seed S] [--show N]

Random templates of jinja_templates.py, and with SHARED every case of chat/golden-jinja2.json
there: the same text, or an error from both. What contents of messages become is followed: the
letters that only contents have must lie within the parts that the engine names, and the parts
hold those bytes of the content that they say. Exits 1 when one differs."""

import argparse
import calendar
import json
import os
import subprocess
import sys
import time

import jinja_templates

# What the engine refuses though Python can: wide integers, and what has no fixed text.
LIMITS = ["64 bits", "cannot be printed", "is not supported", "too much memory", "a precision of", "are not supported"]


def run(program, lines):
    text = "".join(json.dumps(x) + "\n" for x in lines)
    out = subprocess.run([program], input=text.encode(), capture_output=True, check=False)
    if out.returncode:
        sys.exit(out.stderr.decode())
    return [json.loads(x) for x in out.stdout.splitlines()]


def parts_are_right(got, variables):
    """Every letter of a content lies in a part that names its content."""
    text = got["text"].encode()
    contents = [m["content"].encode() for m in variables["messages"]]
    covered = bytearray(len(text))
    for begin, end, source, offset in got["parts"]:
        if not 0 <= begin < end <= len(text) or source >= len(contents):
            return False
        covered[begin:end] = b"\1" * (end - begin)
        piece, whole = text[begin:end], contents[source]
        # changed text (upper case, escapes) stands for about the same place
        if piece.decode(errors="replace") in whole.decode() and whole[offset:offset + len(piece)] != piece:
            if whole.count(piece) == 1 and len(piece) > 4:
                return False
    for i, c in enumerate(text):
        if c in (0xce, 0xcf) and not covered[i]:  # first byte of a Greek letter
            return False
    return True


def random_templates(program, n, seed, show):
    env = jinja_templates.environment()
    cases = list(jinja_templates.cases(seed, n))
    got = run(program, [dict(template=t, variables=v, now=jinja_templates.NOW, sources=True) for t, v in cases])
    wrong = errors = limits = unsure = 0
    for (template, variables), g in zip(cases, got):
        text, error = jinja_templates.expected(env, template, variables)
        if error is not None:
            errors += 1
        if "error" in g and error is None and any(x in g["error"] for x in LIMITS):
            limits += 1
            continue
        if error and ("No filter named" in error or "No test named" in error):  # jinja2 says so where it is not used, too
            unsure += 1
            continue
        if error is None and ("generator object" in text or "object at 0x" in text or "function " in text):
            unsure += 1
            continue
        good = "error" in g if error is not None else g.get("text") == text and parts_are_right(g, variables)
        if not good:
            wrong += 1
            if wrong <= show:
                print(f"# {template!r}\n#   {variables!r}\n#   got  {g.get('text', g.get('error'))!r}\n#   want {text!r} {error}")
    print(f"{'not ok' if wrong else 'ok'} {n} random templates: {wrong} differ; {errors} raise in both, {limits} beyond limits, {unsure} without a fixed text")
    return wrong


def golden(program, path, show):
    with open(path, encoding="utf-8") as f:
        data = json.load(f)
    now = calendar.timegm(time.strptime(data["now"], "%Y-%m-%dT%H:%M:%S"))
    names = ["messages", "add_generation_prompt", "bos_token", "eos_token"]
    lines = [dict(template=c["template"], now=now, variables=dict({k: c[k] for k in names}, tools=None, documents=None))
             for c in data["cases"]]
    wrong = 0
    for c, g in zip(data["cases"], run(program, lines)):
        good = c["error"] in g.get("error", "") if c["error"] else g.get("text") == c["expected"]
        if not good:
            wrong += 1
            if wrong <= show:
                print(f"# {c['name']}, {c['conversation']}: {g}\n#   want {c['expected']!r} {c['error']}")
    print(f"{'not ok' if wrong else 'ok'} golden-jinja2.json: {len(lines)} renderings, {wrong} differ")
    return wrong


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("bin")
    p.add_argument("--templates", type=int, default=4000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--show", type=int, default=5)
    a = p.parse_args()
    program = os.path.join(os.path.dirname(os.path.abspath(a.bin)), "parity", "jinja_render")
    wrong = random_templates(program, a.templates, a.seed, a.show)
    if os.environ.get("SHARED"):
        wrong += golden(program, os.environ["SHARED"] + "/chat/golden-jinja2.json", a.show)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
