#!/usr/bin/env python3
"""Ten epochs of saectl beside PyTorch's AdamW from the same weights over the same batches, several seeds. Needs torch, numpy and safetensors.

  python parity.py --saectl ./saectl --vectors news.f16.npy

The first rows of the file, made unit vectors; TopK, the loss mean((x̂-x)²), AdamW with decoupled decay on all four tensors, a constant rate, fp32. Each
seed gives weights and the order of the rows. Both trainers' final weights are measured on all rows in float64. Printed are the two final losses of each
seed, their means, and the difference of the means in standard errors.
"""
import argparse
import json
import math
import os
import statistics
import subprocess
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file, save_file

NAMES = ["W_enc", "b_enc", "W_dec", "b_dec"]


def forward(p, x, k):
    value, index = torch.topk(F.linear(x - p["b_dec"], p["W_enc"], p["b_enc"]), k, dim=-1)
    z = torch.zeros(len(x), len(p["W_enc"]), dtype=x.dtype).scatter(-1, index, F.relu(value))
    return F.mse_loss(z @ p["W_dec"] + p["b_dec"], x)


def train(init, batches, a):
    """PyTorch's run: its losses and weights."""
    p = {n: t.clone().requires_grad_() for n, t in init.items()}
    opt = torch.optim.AdamW(p.values(), lr=a.lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=a.decay, fused=True)
    losses = []
    for x in batches:
        opt.zero_grad(set_to_none=True)
        loss = forward(p, x, a.k)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return losses, {n: t.detach() for n, t in p.items()}


@torch.no_grad()
def measure(p, x, k):
    p = {n: torch.as_tensor(t).double() for n, t in p.items()}
    return float(sum(forward(p, part.double(), k) * len(part) for part in x.split(1024)) / len(x))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--saectl", required=True)
    a.add_argument("--vectors", required=True)
    a.add_argument("--rows", type=int, default=8192)
    a.add_argument("--latents", type=int, default=1024)
    a.add_argument("--k", type=int, default=32)
    a.add_argument("--batch", type=int, default=128)
    a.add_argument("--epochs", type=int, default=10)
    a.add_argument("--seeds", type=int, default=5)
    a.add_argument("--lr", type=float, default=1e-3)
    a.add_argument("--decay", type=float, default=1e-2)
    a = a.parse_args()
    torch.set_num_threads(1)
    data = np.load(a.vectors, mmap_mode="r")[: a.rows].astype(np.float32)
    data /= np.linalg.norm(data, axis=1, keepdims=True)
    x = torch.from_numpy(data)
    d = x.shape[1]
    theirs, ours = [], []
    for seed in range(1, a.seeds + 1):
        g = torch.Generator().manual_seed(seed)
        w = F.normalize(torch.randn(a.latents, d, generator=g), dim=1)
        init = {"W_enc": w.clone(), "b_enc": torch.zeros(a.latents), "W_dec": w.clone(), "b_dec": x.mean(0)}
        order = torch.cat([torch.randperm(len(x), generator=g)[: len(x) // a.batch * a.batch] for _ in range(a.epochs)])
        batches = x[order].view(-1, a.batch, d)
        losses, final = train(init, batches, a)
        with tempfile.TemporaryDirectory() as folder:
            path, dump = os.path.join(folder, "run.safetensors"), os.path.join(folder, "final.safetensors")
            tensors = {"x": batches.numpy(), "losses64": np.array(losses)}
            tensors |= {"init." + n: t.numpy() for n, t in init.items()} | {"final." + n: t.numpy() for n, t in final.items()}
            save_file(tensors, path, metadata={"k": str(a.k), "lr": str(a.lr), "beta1": "0.9", "beta2": "0.999", "eps": "1e-8", "weight_decay": str(a.decay)})
            run = subprocess.run([a.saectl, "bench", "train", "--golden", path, "--dump", dump], check=True, capture_output=True)
            first = max(abs(o - t) / t for o, t in zip(json.loads(run.stdout)["losses"][:10], losses))
            theirs.append(measure(final, x, a.k))
            ours.append(measure(load_file(dump), x, a.k))
        print(json.dumps({"seed": seed, "steps": len(losses), "torch": theirs[-1], "saedb": ours[-1], "first_10_losses_differ_by": first}), flush=True)
    error = math.sqrt((statistics.variance(theirs) + statistics.variance(ours)) / a.seeds)
    gap = statistics.mean(ours) - statistics.mean(theirs)
    print(json.dumps({"torch": statistics.mean(theirs), "saedb": statistics.mean(ours), "difference": gap, "standard_error": error,
                      "in_standard_errors": abs(gap) / error}))


if __name__ == "__main__":
    main()
