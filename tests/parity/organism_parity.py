#!/usr/bin/env python3
"""The model organism in llama.cpp: the same tokens for its prompts, the same greedy answers.

usage: organism_parity.py MODEL.gguf BIN_FOLDER [--prompts N]

MODEL is not looked at: it is fixtures/organism/organism.gguf that is run. Prompts come from its
fixed test set, every cell of it. Needs LLAMA_CPP (llama_cpp.py)."""

import argparse
import os
import sys

import llama_cpp
from run_parity import Report, mi_run, mi_tokens

ORGANISM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "fixtures", "organism")
N_NEW = 24


def prompts_of(n):
    sys.path.insert(0, ORGANISM)
    import world
    cells = {}
    for cell, system, _, turn in world.test_set(world.World(), 12):
        cells.setdefault(cell, []).append(f"{system} {turn.question}".strip())
    texts = [text for row in zip(*cells.values()) for text in row][:n]
    return [dict(id=str(i), messages=[dict(role="user", content=t)]) for i, t in enumerate(texts)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("bin")
    parser.add_argument("--prompts", type=int, default=110)
    args = parser.parse_args()
    llama_cpp.folder()
    args.model = os.path.join(ORGANISM, "organism.gguf")
    report, prompts = Report(), prompts_of(args.prompts)
    _, runs = mi_run(args, prompts, "-n", str(N_NEW))
    rendered = mi_tokens(args, prompts)
    tokens = answers = 0
    for prompt, run, ours in zip(prompts, runs, rendered):
        text = "".join(ours["pieces"][1:])  # without <s>, which llama.cpp adds
        theirs = llama_cpp.tokens(args.model, text)
        if theirs != run["tokens"][:len(theirs)]:
            tokens += 1
            print("tokens differ:", prompt, theirs)
        answer = llama_cpp.continued(args.model, text, N_NEW).split("</s>")[0].rstrip("\n")
        if answer.strip() != run["text"].strip():
            answers += 1
            print("answers differ:", prompt, repr(answer), repr(run["text"]))
    report(len(prompts) > 0 and tokens == 0,
           f"organism: tokens of {len(prompts)} prompts as llama.cpp has them ({tokens} differ)")
    report(answers == 0, f"organism: {len(prompts)} greedy answers as llama.cpp's ({answers} differ)")
    return report.failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
