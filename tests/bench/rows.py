"""The rows of the benchmark. Each takes a Bench and reports."""
import os
import re
import sys

import common
import estimators
from common import Run, digest, interleaved, median, spread, tokens_of, tool, together, write_lines

GOALS = {"avx512": (83, 65, 55, 0.65, 40), "avx2": (90, 80, 70, 0.75, 25), "portable": (0, 0, 0, 0.5, 0)}
TYPES = ("F32", "Q8_0", "Q4_1", "Q4_K", "Q6_K")


def percent(x):
    return f"{100 * x:.0f} %"


def limits(b):
    b.report.section("Limits of the machine")
    for isa in b.isas:
        peak = [b.peak(isa) / 1e9 for _ in range(3)]
        b.report.row(f"P, {isa}", f"{spread(peak)} GFLOP/s")
    b.report.row("B", f"{spread([b.read() / 1e9 for _ in range(3)])} GB/s")


def kernels(b):
    """Products of the models' shapes, % of P at 512 rows; the rate of reading weights at one row."""
    b.report.section("Products", "`build/release/bench/kernels -i ISA -j N -t TYPE -u gemm` (512 rows; K x N = 576x576, "
                     "576x1536, 1536x576, 2048x2048; % of P, which is measured between the samples: their median / what the best "
                     "fifth of them exceed) and `row` (one row; % of B; `-c`: the same weights again and again, so that what is "
                     "left is the work on them). "
                     "On a virtual machine whose neighbours use the other half of a core the samples are of two kinds, at the same P "
                     "to within some percent: a product reads its caches and fills the queues of the core beside its multiply-adds, "
                     "and the loop that measures P does neither. The best fifth is what the kernels do when nobody disturbs. "
                     "The tile of accumulators by itself, best of repeated samples on one core of a Xeon (model 207) that others used "
                     "too: about 93 % of P with all it reads in the first cache (84 of 91 and 163 of 175 GFLOP/s), 89 % with W in "
                     "the second (82 and 155), as in a product. Counted in the machine code, not by counters, which that machine "
                     "does not give: AVX-512 folds the sums of a tile in some 77 operations on the multipliers' ports, beside the "
                     "864 multiply-adds of 36 steps at K = 576. Unrolling by four measured the same; a tile with rows of x in the "
                     "lanes, which needs no fold, gave 95 % alone and less in a product (docs/decisions.md).")
    for isa in b.isas:
        for threads in (1, b.threads):
            for kind in TYPES:
                said = common.bench("kernels", "-i", isa, "-j", threads, "-s", "0.15", "-u", "-t", kind, "gemm")
                line = next(x for x in said.splitlines() if x.startswith(kind))
                shares = [[float(x) for x in pair.split("/")] for pair in line.split("|")[-1].split() if pair != "-"]
                half, best = ([pair[i] for pair in shares] for i in (0, 1))
                b.report.row(f"512 rows, {kind}, {isa}, {'one thread' if threads == 1 else f'{threads} threads'}",
                             " ".join(f"{x:.0f}" for x in half) + " % of P; best fifth " + " ".join(f"{x:.0f}" for x in best),
                             f"{GOALS[isa][0]} %", median(half) >= GOALS[isa][0])
    for kind in TYPES:
        for more, what in ((), ""), (("-c",), ", weights in a cache"):
            said = common.bench("kernels", "-i", b.isas[0], "-j", b.threads, "-s", "0.05", "-t", kind, *more, "row")
            line = next(x for x in said.splitlines() if x.startswith(kind))
            b.report.row(f"one row, {kind}, {b.isas[0]}{what}", "; ".join(x.strip() for x in line.split("|")[1:]) + " of B")


def capture_command(b, path, out, *more):
    return ["mi-capture", "-q", "-m", b.model.path, "--no-bos", "--at", "resid_post:*", "--pos", "last",
            path, "-o", out, *more]


def capture(b):
    n = 40 if b.quick else 200
    prompts = tokens_of(1, n, 8, 64, b.model.d_vocab)
    path = write_lines(b.path("prompts.jsonl"), ({"tokens": p} for p in prompts))
    few = prompts[:n // 5]
    total, some = sum(map(len, prompts)), sum(map(len, few))
    flops = sum(b.model.flops(len(p)) for p in prompts)
    found = {}

    def ours(isa):
        command = capture_command(b, path, b.path(f"{isa}.mi"))
        return lambda: total / tool(*command, isa=isa, threads=b.threads).wall
    if b.quick:
        for isa in [*b.isas, "portable"]:
            ours(isa)()
        b.report.check("capture: every instruction set writes the same", len({
            digest(b.path(f"{isa}.mi")) for isa in [*b.isas, "portable"]}) == 1)
        return
    b.report.section("Capture", f"resid_post of all layers, {n} prompts of 8 to 64 random tokens that share no beginning, "
                     f"{total} tokens; the last position is written, all are computed. `mi-capture -m MODEL --no-bos --at "
                     "'resid_post:*' --pos last prompts.jsonl`: the whole process, start included. Peers: loaded and warm, "
                     f"a fifth of the prompts; batches of 32 sorted by length, and one prompt at a time.")
    what = {isa: ours(isa) for isa in b.isas}
    peaks = {f"P {isa}": (lambda isa=isa: b.peak(isa)) for isa in b.isas}
    if b.peers.network is not None:
        what["transformers, batches"] = lambda: some / b.peers.batched(few)
        what["transformers, one by one"] = lambda: some / b.peers.one_by_one(few)
    if b.peers.bridge is not None:
        what["TransformerLens, one by one"] = lambda: some / b.peers.lens(few)
    if b.peers.nnsight is not None:
        what["nnsight, one by one"] = lambda: some / b.peers.nnsight_residuals(few)
    found = interleaved(b.rounds, **peaks, **what)
    for isa in b.isas:
        share = [flops * r / total / p for r, p in zip(found[isa], found[f"P {isa}"])]
        goal = GOALS[isa][1]
        b.report.row(f"mi-capture, {isa}", f"{spread(found[isa])} tokens/s, {percent(median(share))} of P", f"{goal} %",
                     100 * median(share) >= goal)
    for name in what:
        if name not in b.isas:
            ratio = median(found[b.isas[0]]) / median(found[name])
            goal = 1 if "batches" in name else 3
            b.report.row(name, f"{spread(found[name])} tokens/s", f"ours {goal} times", ratio > goal, f"ours {ratio:.2f} times")


def shared(b):
    """Prompts with a common beginning: computed once."""
    b.report.section("Prompts that begin alike", "64 prompts of 80 tokens of which 64 are the same (`--pos last`).")
    start = tokens_of(9, 1, 64, 64, b.model.d_vocab)[0]
    ends = tokens_of(10, 64, 16, 16, b.model.d_vocab)
    path = write_lines(b.path("alike.jsonl"), ({"tokens": start + e} for e in ends))
    apart = write_lines(b.path("apart.jsonl"), ({"tokens": e + start} for e in ends))
    found = interleaved(b.rounds, **{k: (lambda p=p: tool(*capture_command(b, p, b.path("x.mi")), threads=b.threads).wall)
                                     for k, p in (("alike", path), ("apart", apart))})
    said = tool(*capture_command(b, path, b.path("x.mi"))[:1], "-v", *capture_command(b, path, b.path("x.mi"))[2:]).said
    b.report.row("common beginning", f"{spread(found['alike'])} s", note=re.search(r"(\d+ tokens \(\d+ shared)", said).group(1) + ")")
    b.report.row("the same tokens, nothing in common", f"{spread(found['apart'])} s")


def lengths(b):
    b.report.section("Long prompts", "`mi-capture --at resid_post:LAST --pos last`, as a whole process; attention's products count.")
    for length, n in ((512, 4), (2048, 1)):
        prompts = tokens_of(length, n, length, length, b.model.d_vocab)
        path = write_lines(b.path("long.jsonl"), ({"tokens": p} for p in prompts))
        for isa in b.isas:
            def share(isa=isa, n=n, length=length, path=path):
                seconds = tool("mi-capture", "-q", "-m", b.model.path, "--no-bos", "--at",
                               f"resid_post:{b.model.n_layers - 1}", path, "-o", b.path("x.mi"), isa=isa, threads=b.threads).wall
                return n * b.model.flops(length) / seconds / b.peak(isa)
            found = interleaved(b.rounds, x=share)["x"]
            b.report.row(f"{length} tokens, {isa}", f"{percent(median(found))} of P ({percent(min(found))} to {percent(max(found))})",
                         f"{GOALS[isa][2]} %", 100 * median(found) >= GOALS[isa][2])


def rate_of(run):
    return float(re.search(r"([\d.]+)/s\)(?=, [\d.]+ s,)", run.said).group(1))


def generate(b, model, path, n, *more):
    return rate_of(tool("mi-run", "-v", "-q", "-m", model, "--no-bos", "-n", n, "--temperature", 0, path, "-o", b.path("run.mi"),
                        *more, threads=b.threads))


def llama_tool(b, name):
    for folder in (b.llama or "", os.path.join(b.llama or "", "bin"), os.path.join(b.llama or "", "build", "bin")):
        if b.llama and os.access(os.path.join(folder, name), os.X_OK):
            return os.path.join(folder, name)
    return None


def other_types(b):
    """The model in other types of weights, when llama.cpp is there to write them."""
    files = {"as it is": b.model.path}
    quantize = llama_tool(b, "llama-quantize")
    for kind in ("F32", "F16", "Q8_0", "Q4_0", "Q4_K_S", "Q6_K") if quantize else ():
        path = b.path(f"{kind}.gguf")
        try:
            Run([quantize, "--allow-requantize", b.model.path, path, kind, str(b.threads)])
            files[kind] = path
        except RuntimeError:
            pass
    return files


def decode(b):
    prompt = tokens_of(4, 1, 16, 16, b.model.d_vocab)
    path = write_lines(b.path("one.jsonl"), ({"tokens": p} for p in prompt))
    b.report.section("One sequence", "`mi-run -n 96 --temperature 0` after 16 tokens; scores of every token are computed and written. "
                     "llama.cpp: `llama-bench -p 0 -n 96`. % of B: bytes of the file a token. 4-bit K types of this model are "
                     "in part other types, since its rows are no multiple of 256. What limits quantised types is work, not memory: "
                     "their rows of Products come from a cache hardly faster than from memory. Each weight becomes the exact float, "
                     "16 to an AVX-512 register, and is multiplied by a float; llama.cpp rounds x to 8 bits and multiplies "
                     "bytes, 64 to an instruction. F32 and F16, which take no unpacking, go at the rate of memory. "
                     "Of Q4_0 and Q4_1 32 weights are 8 operations on the two vector ports (AVX-512: one for the scale, one for "
                     "the table of levels, three shuffles, a shift, two multiply-adds), so 4 cycles at least; counted in the "
                     "machine code. One core took 4.3 to 4.7 from its caches, 11 to 12.5 GB/s at 2.7 GHz, and Q8_0, whose bound "
                     "is 4.5, took 4.8 (18.9 GB/s). From memory a core gave 8 to 10.6 and 10 to 14 GB/s, less than either limit "
                     "by itself: why they do not overlap better could not be seen without counters (distance and kind of "
                     "prefetch, and rows at a time, made no difference).")
    bench = llama_tool(b, "llama-bench")
    goals = {"F32": 0.75, "F16": 0.75}
    ratios = {"Q8_0": 1.1, "Q4_0": 1.0, "as it is": 1.0, "Q4_K_S": 0.7, "Q6_K": 0.7}
    for kind, model in other_types(b).items():
        what = {"ours": lambda model=model: generate(b, model, path, 96), "B": b.read}
        if bench:
            command = [bench, "-m", model, "-p", "0", "-n", "96", "-t", str(b.threads), "-r", "1", "-o", "csv"]
            what["llama.cpp"] = lambda command=command: float(
                [x for x in Run(command).said.splitlines() if x.startswith('"') or "," in x][-1].split(",")[-2].strip('"'))
        try:
            found = interleaved(b.rounds, **what)
        except (RuntimeError, ValueError) as error:
            b.report.row(kind, "failed", note=str(error).splitlines()[0][:120])
            continue
        share = median(found["ours"]) * os.path.getsize(model) / median(found["B"])
        ratio = median(found["ours"]) / median(found["llama.cpp"]) if bench else None
        goal, is_met = "", None
        if kind in goals:
            goal, is_met = f"{percent(goals[kind])} of B", share >= goals[kind]
        elif ratio is not None and kind in ratios:
            goal, is_met = f"{ratios[kind]} times llama.cpp", ratio >= ratios[kind]
        b.report.row(kind, f"{spread(found['ours'])} tokens/s, {percent(share)} of B", goal, is_met,
                     f"llama.cpp {spread(found['llama.cpp'])}, ours {ratio:.2f} times" if ratio else "")


def steered(b):
    """16 sequences that are steered differently, in one batch."""
    tool("mi-capture", "-q", "-m", b.model.path, "--no-bos", "--at", f"resid_post:{b.model.n_layers // 2}",
         write_lines(b.path("s.jsonl"), ({"tokens": p, "label": i % 2, "pair": i // 2} for i, p in
                                         enumerate(tokens_of(5, 16, 8, 8, b.model.d_vocab)))), "-o", b.path("s.mi"))
    tool("mi-direction", "fit", "--method", "mean-diff", b.path("s.mi"), "-o", b.path("d.mi"))
    prompt = tokens_of(6, 1, 16, 16, b.model.d_vocab)[0]
    path = write_lines(b.path("one.jsonl"), [{"tokens": prompt}])
    edit = f"add resid_post:{b.model.n_layers // 2} {b.path('d.mi')} * "
    variants = [x for i in range(16) for x in ("--variant", f"c{i}={edit}{(i - 8) / 2 or 4.5}")]
    b.report.section("16 sequences at once", "`mi-run -n 96 --temperature 0` of one prompt of 16 tokens, with `--edit 'add "
                     "resid_post:MIDDLE d.mi * 2'`, and with 16 times `--variant LABEL='add resid_post:MIDDLE d.mi * C'`. "
                     "The most there could be: the operations of a token (two a weight, unembedding included) at P, over "
                     "the tokens of one sequence a second.")
    isa = b.isas[0]
    found = interleaved(b.rounds, one=lambda: generate(b, b.model.path, path, 96, "--edit", edit + "2"),
                        many=lambda: generate(b, b.model.path, path, 96, *variants), P=lambda: b.peak(isa))
    one, many = median(found["one"]), median(found["many"])
    work = 2.0 * (b.model.n_layers * b.model.block + b.model.d_model * b.model.d_vocab)
    most = median(found["P"]) / work
    b.report.row("one", f"{spread(found['one'])} tokens/s")
    b.report.row("16", f"{spread(found['many'])} tokens/s, {percent(many / most)} of P", "6 times one", many / one >= 6,
                 f"{many / one:.2f} times; all of P would be {most / one:.1f} times")


def pair_of(b, length):
    base, source = tokens_of(length, 2, length, length, b.model.d_vocab)
    lines = [{"id": "b", "pair": 1, "side": "base", "tokens": base, "target": " in", "foil": " a"},
             {"id": "s", "pair": 1, "side": "source", "tokens": source}]
    return base, source, write_lines(b.path(f"pair{length}.jsonl"), lines)


def sweep_command(b, path, at, pos, out):
    return ["mi-patch", "-v", "-q", "-m", b.model.path, "--no-bos", "--at", at, "--pos", pos, "--metric", "logit_diff",
            path, "-o", out]


def minimal(b, length, at):
    """Operations of what must be computed: tokens from the change on, blocks behind the site."""
    layers = range(b.model.n_layers)
    if at.startswith("resid"):  # the last block's own values reach only their own logits
        token_blocks = sum((length - p) * (b.model.n_layers - 1 - l) for l in layers for p in range(length))
    else:
        token_blocks = b.model.n_heads * sum(b.model.n_layers - l for l in layers)
    return 2.0 * b.model.block * token_blocks


def sweeps(b):
    b.report.section("Sweeps", "Whole processes of `mi-patch --metric logit_diff` over one pair of random tokens that differ everywhere. "
                     "Least work: of every variant the tokens from its position on through the blocks behind its site, at 0.65 P "
                     "(AVX-512) or 0.75 P (AVX2). TransformerLens: `run_with_hooks`, one variant a call, as its "
                     "own patching functions do, on every logit; a sample of 12 variants, times their number. Its cost is mostly a call's own "
                     "and grows slower than the work, so the ratio falls with the length; what it would be if the least work took "
                     "place at all of P stands beside it. A process takes some 0.06 s before the first "
                     "product (Cold start), which the least work leaves out: half of what the sweep over heads may take. Our own, one a "
                     "call: a whole pass and the last row's logits (`bench/forward -n TOKENS`), times their number.")
    for length in (9,) if b.quick else (9, 16, 32):
        sweep(b, length, "resid_post:*", "all", b.model.n_layers * length)
    if not b.quick:
        sweep(b, 16, "z:*.*", "last", b.model.n_layers * b.model.n_heads)


def lens_hook(b, at, length):
    def of(i):
        layer, k = i * 7 % b.model.n_layers, i * 5 % (length if at.startswith("resid") else b.model.n_heads)
        name = f"blocks.{layer}." + ("hook_resid_post" if at.startswith("resid") else "attn.hook_z")

        def patch(x, cache):
            if at.startswith("resid"):
                x[:, k] = cache[name][:, k]
            else:
                x[:, -1, k] = cache[name][:, -1, k]
            return x
        return name, patch
    return of


def sweep(b, length, at, pos, n):
    base, source, path = pair_of(b, length)
    outs = {isa: b.path(f"sweep-{isa}.mi") for isa in b.isas}
    what = {isa: (lambda isa=isa: tool(*sweep_command(b, path, at, pos, outs[isa]), isa=isa, threads=b.threads).wall)
            for isa in b.isas}
    if b.quick:
        for call in what.values():
            call()
        tool(*sweep_command(b, path, at, pos, b.path("alone.mi")), "--batch", 1, threads=1)
        b.report.check("sweeps: every instruction set, and one variant a pass, write the same",
                       len({digest(x) for x in [*outs.values(), b.path("alone.mi")]}) == 1)
        return
    for isa in b.isas:
        what[f"P {isa}"] = lambda isa=isa: b.peak(isa)
    what["alone"] = lambda: n * float(common.bench("forward", "-j", b.threads, "-n", length, b.model.path))
    if b.peers.bridge is not None:
        what["lens"] = lambda: n * b.peers.lens_variants(base, source, lens_hook(b, at, length), 12)
    found = interleaved(b.rounds, **what)
    for isa in b.isas:
        share = GOALS[isa][3]
        allowed = minimal(b, length, at) / (share * median(found[f"P {isa}"]))
        b.report.row(f"{at} x {pos}, {length} tokens, {isa}", f"{spread(found[isa])} s", f"{allowed:.3g} s",
                     median(found[isa]) <= allowed)
        if "lens" in found:
            ratio = median(found["lens"]) / median(found[isa])
            goal = GOALS[isa][4] if at.startswith("resid") else 0
            least = minimal(b, length, at) / median(found[f"P {isa}"])
            b.report.row("beside TransformerLens", f"{spread(found['lens'])} s", f"{goal} times" if goal else "",
                         ratio >= goal if goal else None, f"ours {ratio:.1f} times; the least work at all of P would be "
                         f"{median(found['lens']) / least:.0f} times")
    ratio = median(found["alone"]) / median(found[b.isas[0]])
    b.report.row("our own, one variant a call", f"{spread(found['alone'])} s", "3.5 times", ratio >= 3.5, f"{ratio:.2f} times")


def where(b):
    """What the processors did in the jobs above, by samples of perf, and how fast the products ran meanwhile."""
    b.report.section("Where the time goes", "Samples of `perf record` over whole processes on the fastest instruction set, all threads. "
                     "Products: the tiles of accumulators alone, without the unpacking of quantised weights; their rate: all "
                     "operations with weights over the time in them, as a share of P before and after. End to end a job reaches that rate times "
                     "the share of products. One sequence reads each weight once a token: there the bytes count.")
    isa, vocab = b.isas[0], 2.0 * b.model.d_model * b.model.d_vocab
    weights = 2.0 * b.model.block * b.model.n_layers
    prompts = tokens_of(1, 200, 8, 64, b.model.d_vocab)
    long = tokens_of(512, 4, 512, 512, b.model.d_vocab)
    longer = tokens_of(2048, 1, 2048, 2048, b.model.d_vocab)
    one = write_lines(b.path("one.jsonl"), ({"tokens": p} for p in tokens_of(4, 1, 16, 16, b.model.d_vocab)))
    many = write_lines(b.path("16.jsonl"), ({"tokens": p} for p in tokens_of(4, 16, 16, 16, b.model.d_vocab)))
    pair = pair_of(b, 9)[2]
    run = ["mi-run", "-q", "-m", b.model.path, "--no-bos", "-n", 96, "--temperature", 0, "-o", b.path("x.mi")]
    jobs = (("capture of 200 prompts", capture_command(b, write_lines(b.path("p.jsonl"), ({"tokens": p} for p in prompts)),
                                                       b.path("x.mi")), weights * sum(map(len, prompts))),
            ("4 prompts of 512 tokens", capture_command(b, write_lines(b.path("l.jsonl"), ({"tokens": p} for p in long)),
                                                        b.path("x.mi")), weights * 4 * 512),
            ("a prompt of 2,048 tokens", capture_command(b, write_lines(b.path("longer.jsonl"), ({"tokens": p} for p in longer)),
                                                         b.path("x.mi")), weights * 2048),
            ("sweep of 9 tokens", sweep_command(b, pair, "resid_post:*", "all", b.path("x.mi")),
             minimal(b, 9, "resid_post:*") + vocab * 9 * b.model.n_layers),
            ("16 sequences at once", [*run, many], (weights + vocab) * 16 * 112),
            ("one sequence", [*run, one], 0))
    for name, command, work in jobs:
        before = b.peak(isa)
        found = common.samples([os.path.join(common.tools, command[0]), *command[1:], "-j", b.threads], b.path("perf"), isa)
        if not found:
            b.report.row(name, "not measured", note="there is no perf here")
            return
        shares, cpu = found
        rate = work / (shares.get("products", 0) * cpu) * b.threads / ((before + b.peak(isa)) / 2) if work else 0
        b.report.row(name, ", ".join(f"{k} {percent(v)}" for k, v in sorted(shares.items(), key=lambda x: -x[1]) if v >= 0.005),
                     note=f"products at {percent(rate)} of P" if rate else "")


def cold(b):
    b.report.section("Cold start", "One process, one prompt of 16 tokens, one captured site, the file in the page cache; TransformerLens: "
                     "a process that imports it and loads the same weights, no more.")
    path = write_lines(b.path("c.jsonl"), ({"tokens": p} for p in tokens_of(7, 1, 16, 16, b.model.d_vocab)))
    what = {"ours": lambda: tool("mi-capture", "-q", "-m", b.model.path, "--at", f"resid_post:{b.model.n_layers // 2}", path, "-o", b.path("x.mi")).wall}
    if b.peers.bridge is not None:
        code = (f"import sys; sys.path.insert(0, {os.path.join(common.here, '..', 'parity')!r}); import reference; "
                "from transformer_lens.model_bridge.sources import build_bridge_from_module; "
                f"m = reference.load({b.model.path!r}); m = m[0] if isinstance(m, tuple) else m; "
                "build_bridge_from_module(m, 'LlamaForCausalLM', hf_config=m.config)")
        what["lens"] = lambda: Run([sys.executable, "-c", code]).wall
    found = interleaved(b.rounds, **what)
    b.report.row("mi-capture", f"{spread(found['ours'])} s")
    if "lens" in found:
        ratio = median(found["lens"]) / median(found["ours"])
        b.report.row("TransformerLens", f"{spread(found['lens'])} s", "ours 25 times", ratio >= 25, f"ours {ratio:.0f} times")


def memory(b):
    b.report.section("Memory", "Peak of `mi-capture --at 'resid_post:*' --pos last` (the mapped file counts), as `-v` says.")
    peaks = []
    for n in (100, 1000):
        path = write_lines(b.path("m.jsonl"), ({"tokens": p} for p in tokens_of(8, n, 8, 64, b.model.d_vocab)))
        said = tool(*capture_command(b, path, b.path("m.mi"), "-v"), threads=b.threads).said
        peaks.append(float(re.search(r"peak (\d+) MiB", said).group(1)) * 2**20)
        b.report.row(f"{n} prompts", f"{peaks[-1] / 2**20:.0f} MiB", f"file + 150 MiB = {b.model.bytes / 2**20 + 150:.0f} MiB",
                     peaks[-1] <= b.model.bytes + 150 * 2**20)
    b.report.row("ten times the prompts", f"{peaks[1] / peaks[0]:.2f} times the peak", "the same", peaks[1] < 1.05 * peaks[0])


def processes(b):
    b.report.section("Two processes at once", "150 prompts in one process of 2 threads, and in two processes of half each.")
    prompts = tokens_of(1, 150, 8, 64, b.model.d_vocab)
    whole = write_lines(b.path("whole.jsonl"), ({"tokens": p} for p in prompts))
    halves = [write_lines(b.path(f"half{i}.jsonl"), ({"tokens": p} for p in prompts[i::2])) for i in (0, 1)]

    def pair(threads):
        command = [[os.path.join(common.tools, "mi-capture"), *capture_command(b, h, h + ".mi")[1:], "-j", threads] for h in halves]
        return lambda: together(command)
    found = interleaved(b.rounds, one=lambda: tool(*capture_command(b, whole, b.path("x.mi")), threads=2).wall,
                        single=pair(1), double=pair(2))
    for name, text, goal in (("single", "two, -j 1 each", 0.95), ("double", "two, -j 2 each", 0.9)):
        ratio = median(found["one"]) / median(found[name])
        b.report.row(text, f"{spread(found[name])} s", f"{percent(goal)} of the throughput of one", ratio >= goal, percent(ratio))
    b.report.row("one, -j 2", f"{spread(found['one'])} s")


def probes(b):
    """Directions and probes of every layer."""
    estimators.run(b)


def growth(b):
    b.report.section("How the cost grows", "`mi-capture --at resid_post:LAYER --pos last`, seconds of the whole process.")

    def seconds(n, length, layer):
        path = write_lines(b.path("g.jsonl"), ({"tokens": p} for p in tokens_of(12, n, length, length, b.model.d_vocab)))
        return median([tool("mi-capture", "-q", "-m", b.model.path, "--no-bos", "--at", f"resid_post:{layer}", path, "-o",
                            b.path("x.mi"), threads=b.threads).wall for _ in range(b.rounds)])
    last = b.model.n_layers - 1
    for what, cases in (("prompts of 32 tokens: 32, 64, 128", [(32, 32, last), (64, 32, last), (128, 32, last)]),
                        ("tokens of 16 prompts: 64, 128, 256", [(16, 64, last), (16, 128, last), (16, 256, last)]),
                        ("blocks of 64 prompts of 32: a quarter, half, all", [(64, 32, last // 4), (64, 32, last // 2), (64, 32, last)])):
        b.report.row(what, ", ".join(f"{seconds(*c):.2f} s" for c in cases))


def study(b):
    """The honesty study from nothing, as `make demo` runs it."""
    command = ["make", "-s", f"-j{b.threads}", "-f", os.path.join(common.top, "pipelines", "honesty", "Makefile"),
               "J=1", f"BIN={common.tools}", f"MODEL={os.path.abspath(b.model.path)}", f"OUT={b.path('study')}"]
    b.report.section("The honesty study", "`make demo MODEL=...`: every step of pipelines/honesty at its sizes, one time, steps "
                     "side by side with one thread each.")
    found = Run(command, env={"MAKEFLAGS": ""})
    b.report.row("the whole study", f"{found.wall:.0f} s, {found.cpu:.0f} s of processor time", "300 s", found.wall <= 300)


ALL = {f.__name__: f for f in (limits, kernels, capture, shared, lengths, decode, steered, sweeps, where, cold, memory, processes, probes,
                               growth, study)}
QUICK = ("capture", "sweeps")
