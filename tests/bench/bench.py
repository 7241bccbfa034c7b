"""usage: bench.py [--quick] [--rounds N] [--threads N] [--only NAME,... [--update]] [--output FILE] [MODEL]

How fast the kernels and the tools are on this machine, and how fast others do the same work.
Runs are interleaved; the first round is left out; what is said is the median and, in brackets,
the least and the most. P is the machine's rate of f32 multiply-adds and B its rate of reading
memory, both measured here by build/release/bench/kernels on as many threads.

Writes FILE (docs/benchmarks.md). --quick: small work, results compared, no page; exit 1 when one is wrong.
A slow machine fails nothing."""
import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time

import common
import rows
from common import Report, bench, top
from peers import Peers


def isas():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = next((line.split() for line in file if line.startswith("flags")), [])
    return [i for i, flag in (("avx512", "avx512bw"), ("avx2", "avx2")) if flag in flags] or ["portable"]


def cpu_name():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((x.split(":", 1)[1].strip() for x in file if x.startswith("model name")), "?")


class Bench:
    """Everything that a row needs."""

    def __init__(self, arguments, folder):
        self.quick, self.rounds, self.threads = arguments.quick, arguments.rounds, arguments.threads
        self.folder = folder
        self.model = common.Model(arguments.model)
        self.isas = isas()
        self.report = Report()
        self.peers = None if self.quick else Peers(arguments.model, self.threads)
        self.llama = os.environ.get("LLAMA_CPP")

    def path(self, name):
        return os.path.join(self.folder, name)

    def peak(self, isa):
        """P in operations a second, now."""
        return 1e9 * float(bench("kernels", "-i", isa, "-j", self.threads, "peak"))

    def read(self):
        """B in bytes a second, now."""
        return 1e9 * float(bench("kernels", "-j", self.threads, "read"))

    @staticmethod
    def revision():
        git = subprocess.run(["git", "-C", top, "rev-parse", "--short", "HEAD"], check=False, capture_output=True, text=True)
        return git.stdout.strip() or "unknown"

    def head(self, seconds):
        versions = self.peers.versions if self.peers else {}
        text = ["# Benchmarks", "",
                "Written by `make bench`, which repeats all of it. " + " ".join(__doc__.split("\n\n")[1].split()),
                "", f"- machine: {cpu_name()}, {os.cpu_count()} processors, {', '.join(self.isas)}; "
                    f"{platform.system()} {platform.release()}",
                f"- model: {self.model.name}, `{os.path.basename(self.model.path)}`, {self.model.bytes / 2**20:.1f} MiB",
                f"- {self.threads} threads unless a row says otherwise; revision {self.revision()}; "
                f"load of the machine at the end {os.getloadavg()[0]:.1f}; {seconds / 60:.0f} minutes",
                "- peers: " + (", ".join(f"{k} {v}" for k, v in sorted(versions.items())) or "none")]
        for name, why in sorted(self.peers.missing.items() if self.peers else []):
            text.append(f"- not measured: {name} ({why[:120]})")
        if not self.llama:
            text.append("- not measured: llama.cpp (LLAMA_CPP names a folder with llama-bench and llama-quantize)")
        return "\n".join(text) + "\n"


def replaced(old, new, revision):
    """The old page with the sections of the new one in the place of theirs."""
    head, *sections = old.rstrip("\n").split("\n\n## ")
    for section in new.rstrip("\n").split("\n\n## ")[1:]:
        title = section.split("\n", 1)[0]
        at = next((i for i, s in enumerate(sections) if s.split("\n", 1)[0] == title), len(sections))
        sections[at:at + 1] = [section + f"\n\nMeasured again at revision {revision}."]
    return "\n\n## ".join([head, *sections]) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", help="names of rows.py: " + ", ".join(rows.ALL))
    parser.add_argument("--update", action="store_true", help="with --only: put these sections into the page")
    parser.add_argument("--output", default=os.path.join(top, "docs", "benchmarks.md"))
    parser.add_argument("model", nargs="?", default=os.path.join(top, "models", "smollm2.gguf"))
    arguments = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        b = Bench(arguments, folder)
        for name in arguments.only.split(",") if arguments.only else rows.ALL:
            if b.quick and name not in rows.QUICK:
                continue
            try:
                rows.ALL[name](b)
            except (RuntimeError, OSError) as error:
                if b.quick:
                    raise
                if not b.report.sections:
                    b.report.section(name)
                b.report.row(name, "failed", note=str(error).splitlines()[0][:200])
        seconds = time.perf_counter() - start
        if not b.quick and (arguments.update or not arguments.only):
            page = b.report.page(b.head(seconds))
            with open(arguments.output, "r+" if arguments.update else "w", encoding="utf-8") as file:
                text = replaced(file.read(), page, b.revision()) if arguments.update else page
                file.seek(0)
                file.write(text)
                file.truncate()
        print(f"{seconds:.0f} s" + ("" if b.quick or arguments.only and not arguments.update else f"; {arguments.output} is written"))
    if b.report.failed:
        sys.exit("wrong results: " + "; ".join(b.report.failed))


if __name__ == "__main__":
    main()
