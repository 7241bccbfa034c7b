"""The same work by others, in this process, on the same weights; each at its best setting."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "parity"))


class Peers:
    """Loads what is installed; `missing` says why something is not measured."""

    def __init__(self, path, threads):
        self.missing, self.versions = {}, {}
        self.network = self.bridge = self.nnsight = None
        try:
            import reference
            import torch
            import transformers
            self.torch = torch
            torch.set_num_threads(threads)
            loaded = reference.load(path)
            self.network = (loaded[0] if isinstance(loaded, tuple) else loaded).eval()
            self.versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        except Exception as error:  # whatever an import may raise
            self.missing["transformers"] = repr(error)
            return
        self.load_more()

    def load_more(self):
        from importlib.metadata import version
        try:
            from transformer_lens.model_bridge.sources import build_bridge_from_module
            self.bridge = build_bridge_from_module(self.network, "LlamaForCausalLM",
                                                   hf_config=self.network.config)
            self.bridge.eval()
            self.versions["transformer-lens"] = version("transformer-lens")
        except Exception as error:
            self.missing["transformer-lens"] = repr(error)
        try:
            import nnsight
            self.nnsight = nnsight.NNsight(self.network)
            self.nnsight_residuals([[5, 6, 7]])
            self.versions["nnsight"] = version("nnsight")
        except Exception as error:
            self.nnsight = None
            self.missing["nnsight"] = repr(error)

    # ---- capture of the residual stream after every block: seconds ------------------------

    def batched(self, prompts, size=32):
        torch, start = self.torch, time.perf_counter()
        ordered = sorted(prompts, key=len)
        with torch.no_grad():
            for at in range(0, len(ordered), size):
                batch = ordered[at:at + size]
                width = max(map(len, batch))
                ids = torch.tensor([p + [0] * (width - len(p)) for p in batch])
                mask = torch.tensor([[1] * len(p) + [0] * (width - len(p)) for p in batch])
                self.network.model(ids, attention_mask=mask, output_hidden_states=True,
                                   use_cache=False)
        return time.perf_counter() - start

    def one_by_one(self, prompts):
        torch, start = self.torch, time.perf_counter()
        with torch.no_grad():
            for p in prompts:
                self.network.model(torch.tensor([p]), output_hidden_states=True, use_cache=False)
        return time.perf_counter() - start

    def lens(self, prompts):
        torch, start = self.torch, time.perf_counter()
        with torch.no_grad():
            for p in prompts:
                self.bridge.run_with_cache(torch.tensor([p]),
                                           names_filter=lambda n: n.endswith("resid_post"))
        return time.perf_counter() - start

    def nnsight_residuals(self, prompts):
        torch, start = self.torch, time.perf_counter()
        with torch.no_grad():
            for p in prompts:
                kept = []
                with self.nnsight.trace(torch.tensor([p])):
                    for block in self.nnsight.model.layers:
                        kept.append(block.output[0].save())
                assert len(kept) == len(self.nnsight.model.layers)
        return time.perf_counter() - start

    # ---- a sweep, as the package's own loop makes it: one whole run a variant ---------------

    def lens_variants(self, base, source, hook_of, n):
        """Seconds of one variant: the median of n. hook_of(i) gives (name, patch(x, cache))."""
        torch, times = self.torch, []
        base, source = torch.tensor([base]), torch.tensor([source])
        with torch.no_grad():
            _, cache = self.bridge.run_with_cache(source)
            for i in range(n + 1):
                name, patch = hook_of(i)
                start = time.perf_counter()
                logits = self.bridge.run_with_hooks(
                    base, fwd_hooks=[(name, lambda x, hook: patch(x, cache))])
                assert logits.shape[1] == base.shape[1]
                times.append(time.perf_counter() - start)
        return sorted(times[1:])[n // 2]
