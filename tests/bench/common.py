"""What the rows of the benchmark share: processes that are timed, prompts, medians, rows."""
import json
import os
import random
import re
import statistics
import subprocess
import time

here = os.path.dirname(os.path.abspath(__file__))
top = os.path.normpath(os.path.join(here, "..", ".."))
tools = os.environ.get("MI_BIN") or os.path.join(top, "build", "release", "bin")
benches = os.path.normpath(os.path.join(tools, "..", "bench"))


class Run:
    """A finished process: seconds on the wall, of the processor, what it said."""

    def __init__(self, command, env=None, stdin=None):
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 env={**os.environ, **(env or {})}, stdin=stdin, text=True)
        self.said = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        child.stdout.close()
        self.wall = time.perf_counter() - start
        self.cpu = usage.ru_utime + usage.ru_stime
        if status:
            raise RuntimeError(f"{' '.join(command)}: exit {child.returncode}\n{self.said[-2000:]}")


def tool(name, *arguments, isa=None, threads=None):
    command = [os.path.join(tools, name), *map(str, arguments)]
    if threads:
        command += ["-j", str(threads)]
    return Run(command, env={"MI_ISA": isa} if isa else None)


def bench(name, *arguments):
    return Run([os.path.join(benches, name), *map(str, arguments)]).said


# Functions of the tools by what they do, for samples of the processor; the first that fits.
WORK = (("products", r"(tile_packed|run_many|few_MI|run_few)"), ("unpacking", r"pack_MI"),
        ("attention", r"(tile_plain|run_mix|run_attend|run_scores|run_dot|pack_|order_heads|rope)"),
        ("softmax", r"(run_top|run_exp_sum|run_divide)"), ("scores of tokens", r"(compute_entropy|mi_score)"),
        ("threads", r"libgomp|GOMP|gomp|wait_gate|mi_par_crew|run_crew|serve$"), ("system", r"\[k\]"))


def samples(command, path, isa=None):
    """(share of the processor's time by kind of work, all of that time), or None without perf."""
    env = {"OMP_WAIT_POLICY": "passive", **({"MI_ISA": isa} if isa else {})}
    try:
        run = Run(["perf", "record", "-q", "-o", path, *map(str, command)], env=env)
        said = Run(["perf", "report", "-i", path, "--no-children", "--stdio", "-F", "overhead,dso,symbol"]).said
    except (OSError, RuntimeError):
        return None
    shares = {}
    for line in said.splitlines():
        found = re.match(r" +([\d.]+)% +(.*)", line)
        if found:
            kind = next((k for k, pattern in WORK if re.search(pattern, found.group(2))), "rest")
            shares[kind] = shares.get(kind, 0) + float(found.group(1)) / 100
    return shares, run.cpu


def together(commands):
    """Seconds until the last of several processes that run at once is done."""
    start = time.perf_counter()
    children = [subprocess.Popen(list(map(str, c)), stdout=subprocess.DEVNULL) for c in commands]
    for c in children:
        if c.wait():
            raise RuntimeError(f"{c.args}: exit {c.returncode}")
    return time.perf_counter() - start


def interleaved(rounds, **what):
    """Calls each by turns; {name: [values]}. The first round warms caches and is left out."""
    found = {name: [] for name in what}
    for i in range(rounds + 1):
        for name, call in what.items():
            value = call()
            if i or rounds < 2:
                found[name].append(value)
    return found


def median(x):
    return statistics.median(x)


def spread(x, digits=3):
    """"median (least to most)"."""
    text = [f"{v:.{digits}g}" if abs(v) < 1000 else f"{v:.0f}" for v in (median(x), min(x), max(x))]
    return text[0] if len(x) < 2 else f"{text[0]} ({text[1]} to {text[2]})"


def digest(path):
    return re.search(r"digest (\S+)", tool("mi-view", "--check", path).said).group(1)


def tokens_of(seed, n, low, high, d_vocab):
    """n lists of low to high random tokens, no two with a common beginning."""
    rng, first = random.Random(seed), min(100, d_vocab // 2)  # the first ones are no text
    return [[first + (i * 131 + 7) % (d_vocab - first)] +
            [rng.randrange(first, d_vocab) for _ in range(rng.randint(low, high) - 1)]
            for i in range(n)]


def write_lines(path, records):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(r) + "\n" for r in records)
    return path


class Model:
    """Sizes of a model file, and the operations that its work takes."""

    def __init__(self, path):
        self.path = path
        info = dict(x.split(": ", 1) for x in tool("mi-run", "-m", path, "--info").said.splitlines()
                    if ": " in x)
        for key in ("n_layers", "n_heads", "n_kv_heads", "d_model", "d_head", "d_mlp", "d_vocab"):
            setattr(self, key, int(info[key]))
        self.name = info.get("name", os.path.basename(path))
        self.bytes = os.path.getsize(path)
        self.block = self.d_model * (2 * self.d_head * (self.n_heads + self.n_kv_heads) +
                                     3 * self.d_mlp)

    def flops(self, length, layers=None):
        """Of all blocks over one prompt, attention's products included."""
        layers = layers or self.n_layers
        return layers * (2.0 * self.block * length +
                         2.0 * self.n_heads * self.d_head * length * (length + 1))


class Report:
    """Rows as they are found: printed at once, and kept for the page."""

    def __init__(self):
        self.sections, self.failed = [], []

    def section(self, title, text=""):
        self.sections.append((title, text, []))
        print(f"\n# {title}", flush=True)

    def row(self, what, found, goal="", is_met=None, note=""):
        met = "" if is_met is None else "yes" if is_met else "no"
        self.sections[-1][2].append((what, found, goal, met, note))
        print(f"{what}: {found}" + (f"; goal {goal}: {met}" if goal else "") +
              (f"; {note}" if note else ""), flush=True)

    def check(self, what, is_right):
        """A result that is wrong fails the run; a slow one does not."""
        print(f"{'ok' if is_right else 'NOT OK'} - {what}", flush=True)
        if not is_right:
            self.failed.append(what)

    def page(self, head):
        lines = [head]
        for title, text, rows in self.sections:
            lines += [f"## {title}", ""]
            if text:
                lines += [text, ""]
            if rows:
                lines += ["| what | measured | goal | reached | remark |", "|---|---|---|---|---|"]
                lines += ["| " + " | ".join(r) + " |" for r in rows] + [""]
        return "\n".join(lines).rstrip() + "\n"
