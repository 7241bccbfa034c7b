#!/usr/bin/env python3
"""Chat templates: mi-run --tokens against jinja2, as transformers sets it up.

usage: chat_parity.py MODEL.gguf BIN_FOLDER [--conversations N]

Random conversations through every template: the model's own, and with SHARED the real ones of
chat/golden-jinja2.json there. Every rendering equals jinja2's, and what jinja2 refuses is
refused. Two differences are meant: a final assistant message stays open (jinja2's text up to
the end of that content), and a message that a template would drop is refused. The model's own
template is compared with transformers' apply_chat_template too, ids and all. Prints one line a
template and exits 1 when one fails."""

import argparse
import base64
import json
import os
import random
import subprocess
import sys
import tempfile

import jinja2
import jinja_templates
import small_model
from transformers import AutoTokenizer

CONTENTS = ["Hello", "Hi there", " spaces around ", "two\nlines", "\n\nlines first", "",
            "caf\u00e9 \U0001f600", "<|im_end|>", "</s>[INST]", "{{ x }}", "it's 'quoted' \\n",
            "The sky is blue.", "\t", "x" * 300]
SPECIAL = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "[INST]", "[/INST]"]
ENV = jinja_templates.environment()
failed = 0


def check(good, text):
    global failed
    failed += not good
    print(("ok " if good else "not ok ") + text)


def render(template, messages, prompt, bos="<s>"):
    """The text, or None where the template raises."""
    try:
        return ENV.from_string(template).render(
            messages=messages, add_generation_prompt=prompt, bos_token=bos, eos_token="</s>",
            tools=None, documents=None)
    except (jinja2.exceptions.TemplateError, TypeError):
        return None


def conversation(r):
    n = r.choice([1, 2, 3, 4, 5])
    roles = ["user", "assistant"] * 3
    if r.random() < 0.2:
        roles = r.choices(["user", "assistant", "system"], k=6)
    first = ["system"] if r.random() < 0.4 else []
    return [dict(role=x, content=r.choice(CONTENTS)) for x in (first + roles)[:n]]


def expected(template, messages, prompt):
    """What the tool should say: a text, or None for a refusal."""
    want = render(template, messages, prompt)
    last = messages[-1]
    if want is None or last["role"] != "assistant":
        return want
    # continue_final_message: cut behind the last content, found by a mark in its place
    mark = "\u2063MARK\u2063"
    marked = render(template, messages[:-1] + [dict(last, content=mark)], False)
    if marked is None or mark not in marked:
        return None
    content = last["content"]
    if render(template, messages[:-1] + [dict(last, content=f" {mark} ")], False) == marked:
        content = content.strip()
    return marked[:marked.index(mark)] + content


def drops(template, messages):
    """Is there a message that says something and does not come through?"""
    mark = "\u2063MARK\u2063"
    for i, m in enumerate(messages):
        if m["content"].strip():
            marked = messages[:i] + [dict(m, content=mark)] + messages[i + 1:]
            text = render(template, marked, False)
            if text is not None and mark not in text:
                return True
    return False


def run(tool, model, lines, prompt):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as f:
        f.write("".join(json.dumps(x) + "\n" for x in lines))
        f.flush()
        more = [] if prompt else ["--score"]  # which opens no turn; generating does
        out = subprocess.run([tool, "-m", model, "--tokens", "--date", "2025-07-10T12:00:00", *more,
                              f.name], capture_output=True, check=False)
    records = [json.loads(s) for s in out.stdout.decode().splitlines()]
    return out.returncode, records, out.stderr.decode()


def bytes_of(record):
    return b"".join(base64.b64decode(p["b64"]) if isinstance(p, dict) else p.encode()
                    for p in record["pieces"])


def try_template(name, tool, model, template, conversations):
    wrong = refusals = 0
    for prompt in (False, True):
        answered, texts = [], []
        for messages, wants_prompt in conversations:
            if wants_prompt != prompt:
                continue
            want = expected(template, messages, prompt)
            if want is not None and not drops(template, messages) and want:
                answered.append(messages)
                texts.append(want)
            elif refusals < 30:
                refusals += 1
                if run(tool, model, [dict(messages=messages)], prompt)[0] != 3:
                    wrong += 1
                    print(f"# not refused: {messages}")
        if not answered:
            continue
        status, got, message = run(tool, model, [dict(messages=m) for m in answered], prompt)
        if status:
            wrong += 1
            print(f"# {message}")
        for messages, want, g in zip(answered, texts, got):
            # bytes_only has every byte, so the pieces are the text
            if bytes_of(g) != want.encode():
                wrong += 1
                if wrong < 4:
                    print(f"# {messages}\n# {bytes_of(g)!r}\n# {want!r}")
    check(not wrong, f"{name}: {len(conversations)} conversations ({refusals} refused)")


def own_template(tool, model, conversations):
    t = AutoTokenizer.from_pretrained(os.path.dirname(os.path.abspath(model)),
                                      gguf_file=os.path.basename(model))
    wrong = n = 0
    for messages, _ in conversations:
        if messages[-1]["role"] == "assistant" or any("<|" in m["content"] or m["content"] == ""
                                                      for m in messages):
            continue  # transformers lets contents make control tokens
        want = t.apply_chat_template(messages, add_generation_prompt=True, tokenize=True)
        want = list(want["input_ids"] if hasattr(want, "keys") else want)
        status, got, message = run(tool, model, [dict(messages=messages)], True)
        n += 1
        if status or got[0]["tokens"] != want:
            wrong += 1
            print(f"# {messages} {message}")
        if n == 60:
            break
    check(n > 20 and not wrong, f"apply_chat_template, ids: {n} conversations, {wrong} differ")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("bin")
    p.add_argument("--conversations", type=int, default=150)
    a = p.parse_args()
    tool = a.bin + "/mi-run"
    r = random.Random(1)
    conversations = [(conversation(r), r.random() < 0.5) for _ in range(a.conversations)]
    templates = {"the model's": small_model.vocabulary(a.model)["template"]}
    if os.environ.get("SHARED"):
        with open(os.environ["SHARED"] + "/chat/golden-jinja2.json", encoding="utf-8") as f:
            for case in json.load(f)["cases"]:
                templates[case["name"]] = case["template"]
    with tempfile.TemporaryDirectory() as folder:
        for name, template in templates.items():
            path = f"{folder}/model.gguf"
            small_model.write(path, small_model.bytes_only(SPECIAL, template=template, bos=1, eos=2))
            try_template(name, tool, path, template, conversations)
    own_template(tool, a.model, conversations)
    sys.exit(1 if failed else 0)


main()
