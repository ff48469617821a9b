#!/usr/bin/env python3
"""Times the same training step in PyTorch, eager and compiled, on the shapes of measure.go.

    ./verify -rivals DIR                        # the run that losses are compared with
    python3 rivals.py --parity DIR/parity.safetensors

The step is that of `timed` in measure.go: TopK, mean squared error, AdamW, decoder rows of norm 1 whose gradients are projected. Eager PyTorch has TF32 allowed and
the fused AdamW; the compiled one has torch.compile with mode="reduce-overhead" for the loss and its gradients, and for what is done to the decoder's rows. First
both train the small run of the parity file, on the GPU without TF32, and on the CPU where there is no GPU: other losses than ours end the program. Times are
medians over CUDA events around 16 steps each, with all rows on the device. Without PyTorch or without a GPU it says so and ends well.
"""
import argparse
import json
import statistics
import struct
import sys

SHAPES = [(4096, 32, 128), (4096, 32, 4096), (4096, 512, 128), (65536, 64, 8192)]  # latents, k, batch: those of measure.go
WIDTH = 512
PER_EVENT = 16


def read_safetensors(path, torch):
    """The float32 tensors of a file."""
    raw = open(path, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    tensors = {}
    for name, about in json.loads(raw[8 : 8 + size]).items():
        if name != "__metadata__":
            begin, end = about["data_offsets"]
            part = bytearray(raw[8 + size + begin : 8 + size + end])
            tensors[name] = torch.frombuffer(part, dtype=torch.float32).reshape(about["shape"]).clone()
    return tensors


class Rival:
    """The step, on weights that it owns."""

    def __init__(self, torch, weights, k, lr, device, compiled):
        self.torch = torch
        self.k = k
        self.w_enc, self.w_dec, self.b_enc, self.b_dec = [w.to(device).clone().requires_grad_() for w in weights]
        self.params = [self.w_enc, self.w_dec, self.b_enc, self.b_dec]
        fused = {"fused": True} if device == "cuda" else {}
        self.optimiser = torch.optim.AdamW(self.params, lr=lr, betas=(0.9, 0.999), eps=6.25e-10, weight_decay=0.0, **fused)
        self.loss, self.project, self.renorm = self.loss_of, self.project_rows, self.renorm_rows
        if compiled:
            self.loss = torch.compile(self.loss_of, mode="reduce-overhead")
            self.project = torch.compile(self.project_rows)
            self.renorm = torch.compile(self.renorm_rows)

    def loss_of(self, x):
        torch = self.torch
        h = torch.addmm(self.b_enc, x - self.b_dec, self.w_enc.t())
        top, at = torch.topk(h, self.k, dim=1, sorted=False)
        z = torch.zeros_like(h).scatter(1, at, torch.relu(top))
        return (torch.addmm(self.b_dec, z, self.w_dec) - x).square().mean()

    def project_rows(self, w, g):
        """The gradient without what would change a row's norm."""
        return g - (g * w).sum(1, keepdim=True) * w

    def renorm_rows(self, w):
        return w / w.norm(dim=1, keepdim=True)

    def step(self, x):
        torch = self.torch
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.loss(x)
        loss.backward()
        with torch.no_grad():
            self.w_dec.grad.copy_(self.project(self.w_dec, self.w_dec.grad))
            self.optimiser.step()
            self.w_dec.copy_(self.renorm(self.w_dec))
        return loss.detach()


def check(torch, path, device, compiled):
    """The largest relative difference of the losses of the parity run."""
    f = read_safetensors(path, torch)
    rival = Rival(torch, [f[n] for n in ("W_enc", "W_dec", "b_enc", "b_dec")], 16, 1e-3, device, compiled)
    worst = 0.0
    for x, want in zip(f["x"].to(device), f["losses"]):
        worst = max(worst, abs(float(rival.step(x)) - float(want)) / float(want))
    return worst


def time_shape(torch, m, k, batch, compiled, groups):
    """The medians, over groups of steps, of the milliseconds of one."""
    torch.manual_seed(1)
    data = torch.randn(PER_EVENT * batch, WIDTH, device="cuda")
    dec = torch.randn(m, WIDTH, device="cuda")
    dec /= dec.norm(dim=1, keepdim=True)
    rival = Rival(torch, [dec, dec, torch.zeros(m, device="cuda"), torch.zeros(WIDTH, device="cuda")], k, 1e-4, "cuda", compiled)
    times = []
    for group in range(groups + 2):
        order = torch.randperm(len(data), device="cuda")
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for s in range(PER_EVENT):
            rival.step(data[order[s * batch : (s + 1) * batch]])
        end.record()
        end.synchronize()
        if group >= 2:  # the first ones compile and warm up
            times.append(begin.elapsed_time(end) / PER_EVENT)
    return statistics.median(times), min(times)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--parity", required=True, help="parity.safetensors of verify -rivals")
    args.add_argument("--groups", type=int, default=20, help="how many times 16 steps are measured")
    o = args.parse_args()
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed here: no rivals are timed.")
        return 0
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = False
    ways = [False, True] if device == "cuda" else [False]
    for compiled in ways:
        worst = check(torch, o.parity, device, compiled)
        print(f"{'compiled' if compiled else 'eager'} on {device}: the losses of the parity run differ by {worst:.1e} at most, relative to ours")
        if not worst < 1e-4:
            print("THE STEPS ARE NOT THE SAME.")
            return 1
    if device == "cpu":
        print(f"PyTorch {torch.__version__} sees no GPU: no rivals are timed.")
        return 0
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    print(f"\n## PyTorch {torch.__version__} on {torch.cuda.get_device_name()}, TF32\n\n| latents | k | batch | eager, median ms | best | compiled, median ms | best |\n|---|---|---|---|---|---|---|")
    for m, k, batch in SHAPES:
        cells = []
        for compiled in ways:
            try:
                cells += ["%.4f" % t for t in time_shape(torch, m, k, batch, compiled, o.groups)]
            except Exception as e:  # a rival that cannot is one that lost, and the others go on
                cells += [type(e).__name__, ""]
            torch.cuda.empty_cache()
        print("|", " | ".join([str(m), str(k), str(batch)] + cells), "|", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
