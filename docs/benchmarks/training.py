#!/usr/bin/env python3
"""The plain training step of saectl beside PyTorch's, in turns on the same cores. Needs torch and numpy; prints JSON lines and a table.

  taskset -c 1 python training.py --saectl ./saectl --threads 1
  python training.py --saectl ./saectl --threads 2

The step: h = W_enc (x - b_dec) + b_enc; z = relu(topk(h, k)); x̂ = W_decᵀ z + b_dec; the loss is the mean of (x̂ - x)²; AdamW with decoupled decay
on all four tensors, fp32. No noise, no rows of norm 1, no new starts: `saectl bench train --preset seed`. PyTorch in three forms:

  dense  z as a dense matrix, its product with W_dec, autograd, fused AdamW: what published code does
  bag    the decoder by embedding_bag; the gradient of W_enc is still a dense product
  bag2   also the gradient of W_enc by the kernel of embedding_bag: one dense product is left

One thread counts processor time, several count the clock. Every turn measures each form and saectl once more; the figures are medians over all steps
(of saectl over the medians of the turns), the ratios medians over the turns. glibc's malloc is told to keep its pages, which helps PyTorch where tensors are large.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

TUNED = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000"}
ROWS = [(4096, 128, 32, 12), (4096, 128, 512, 10), (4096, 1024, 32, 4), (16384, 128, 32, 5)]  # latents, batch, k, steps of a turn
D = 512


def clusters(np, n):
    """n unit vectors around 256 centres."""
    r = np.random.default_rng(1)
    x = r.standard_normal((256, D), dtype=np.float32)[r.integers(0, 256, n)] + 0.7 * r.standard_normal((n, D), dtype=np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def forms(torch):
    """The three ways to reconstruct x from the parameters p with k active latents."""
    F = torch.nn.functional

    class Encode(torch.autograd.Function):
        """The k largest of x·Wᵀ + b, whose gradient touches the chosen rows alone."""

        @staticmethod
        def forward(ctx, x, w, b, k):
            value, index = torch.topk(F.linear(x, w, b), k, dim=-1)
            value = F.relu(value)
            ctx.save_for_backward(x, w, index, value)
            return value, index

        @staticmethod
        def backward(ctx, grad, _):
            x, w, index, value = ctx.saved_tensors
            grad = grad * (value > 0)
            n, k = index.shape
            flat, by = index.reshape(-1), grad.reshape(-1).contiguous()
            rows = torch.arange(n).repeat_interleave(k)
            none = torch.empty(0, dtype=torch.long)
            gw = torch.ops.aten._embedding_bag_dense_backward(x.contiguous(), flat, rows, torch.full((n,), k), none, w.shape[0], False, 0, by)
            gb = torch.zeros(w.shape[0]).index_add_(0, flat, by)
            return F.embedding_bag(index, w, per_sample_weights=grad, mode="sum"), gw, gb, None

    def topk(p, x, k):
        value, index = torch.topk(F.linear(x - p["b_dec"], p["W_enc"], p["b_enc"]), k, dim=-1)
        return F.relu(value), index

    def dense(p, x, k):
        value, index = topk(p, x, k)
        return torch.zeros(len(x), len(p["W_enc"])).scatter(-1, index, value) @ p["W_dec"] + p["b_dec"]

    def bag(p, x, k, codes=topk):
        value, index = codes(p, x, k)
        return F.embedding_bag(index, p["W_dec"], per_sample_weights=value, mode="sum") + p["b_dec"]

    def bag2(p, x, k):
        return bag(p, x, k, lambda p, x, k: Encode.apply(x - p["b_dec"], p["W_enc"], p["b_enc"], k))

    return {"dense": dense, "bag": bag, "bag2": bag2}


class Trainer:
    def __init__(self, torch, form, m, k, mean):
        g = torch.Generator().manual_seed(1)
        w = torch.nn.functional.normalize(torch.randn(m, D, generator=g), dim=1)
        self.p = {"W_enc": w.clone(), "W_dec": w.clone(), "b_enc": torch.zeros(m), "b_dec": mean.clone()}
        self.torch, self.form, self.k = torch, form, k
        self.opt = torch.optim.AdamW([t.requires_grad_() for t in self.p.values()], lr=1e-3, weight_decay=1e-2, fused=True)

    def step(self, x):
        self.opt.zero_grad(set_to_none=True)
        loss = self.torch.nn.functional.mse_loss(self.form(self.p, x, self.k), x)
        loss.backward()
        self.opt.step()


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--saectl", required=True)
    a.add_argument("--threads", type=int, default=1)
    a.add_argument("--turns", type=int, default=5)
    a.add_argument("--only", help="one setting: latents,batch,k")
    a.add_argument("--forms", default="dense,bag,bag2")
    a = a.parse_args()
    if any(os.environ.get(k) != v for k, v in TUNED.items()):
        os.execve(sys.executable, [sys.executable] + sys.argv, {**os.environ, **TUNED})
    import numpy as np
    import torch

    torch.set_num_threads(a.threads)
    data = clusters(np, 8192)
    now = time.process_time if a.threads == 1 else time.perf_counter
    clock = "cpu" if a.threads == 1 else "wall"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.npy")
        np.save(path, data)
        x = torch.from_numpy(data)
        table = []
        for m, batch, k, steps in ROWS:
            if a.only and a.only != f"{m},{batch},{k}":
                continue
            table.append(measure(a, torch, x, path, m, batch, k, steps, now, clock))
    print(f"\n{clock} of a step in ms, {a.threads} thread(s), torch {torch.__version__}\n")
    names = a.forms.split(",")
    print("| latents, batch, k | saedb | " + " | ".join(names) + " | " + " | ".join("saedb over " + n for n in names) + " |")
    print("|---|" + "---|" * (1 + 2 * len(names)))
    for r in table:
        print(f"| {r['m']}, {r['batch']}, {r['k']} | {r['saedb']:.1f} | " + " | ".join(f"{r[n]:.1f}" for n in names) + " | "
              + " | ".join(f"{r['ratio'][n]:.2f}x" for n in names) + " |")


def measure(a, torch, x, path, m, batch, k, steps, now, clock):
    """Takes the turns of one setting."""
    variants = {n: f for n, f in forms(torch).items() if n in a.forms.split(",")}
    batches = [x[i:i + batch] for i in range(0, len(x), batch)]
    trainers = {n: Trainer(torch, f, m, k, x.mean(0)) for n, f in variants.items()}
    for t in trainers.values():
        for s in range(3):
            t.step(batches[s])
    times = {n: [] for n in trainers} | {"saedb": []}
    at = 0
    for _ in range(a.turns):
        for name, t in trainers.items():
            t.step(batches[at % len(batches)])  # brings the caches back
            turn = []
            for s in range(steps):
                begun = now()
                t.step(batches[(at + s) % len(batches)])
                turn.append((now() - begun) * 1e3)
            times[name].append(turn)
        at += steps
        command = [a.saectl, "bench", "train", "--vectors", path, "--preset", "seed", "--latents", str(m), "--batch", str(batch), "--k", str(k),
                   "--steps", str(2 * steps + 3), "--threads", str(a.threads)]
        out = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        times["saedb"].append([out[clock]["median"]])
    row = {"m": m, "batch": batch, "k": k, "threads": a.threads, "clock": clock}
    row |= {n: statistics.median(sum(t, [])) for n, t in times.items()}
    row["ratio"] = {n: statistics.median(statistics.median(p) / statistics.median(s) for p, s in zip(times[n], times["saedb"])) for n in trainers}
    print(json.dumps(row), flush=True)
    return row


if __name__ == "__main__":
    main()
