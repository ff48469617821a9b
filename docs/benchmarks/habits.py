#!/usr/bin/env python3
"""The sweep of training habits: a TopK autoencoder in PyTorch, judged on videos it has not seen.

    pip install torch numpy
    habits.py --data DIR --epochs 16 --lr 2e-3 --decay 1 --noise 0.25

DIR holds NAME.f16.npy and NAME.ids.txt of news, unsplash and flickr8k (README.md). Ids of news are VIDEO/FRAME; a fifth
of the videos is kept back. Prints one JSON object: batch FVU of training rows and of other videos, the latter at other k,
share of latents that fire for no training row, share of decoder rows with a neighbour above a cosine of 0.9.
"""
import argparse
import json
import math
import os

import numpy as np
import torch
from torch.nn.functional import normalize


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--data", required=True)
    p.add_argument("--epochs", type=int, default=16)
    p.add_argument("--latents", type=int, default=4096)
    p.add_argument("--k", type=int, default=32)
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument("--decay", type=float, default=0, help="of the encoder's rows")
    p.add_argument("--noise", type=float, default=0, help="on what the encoder sees, in standard deviations")
    p.add_argument("--levels", default="", help="several k at once: 8,16,32")
    p.add_argument("--reverse", action="store_true", help="sparser levels weigh more")
    p.add_argument("--tied", action="store_true")
    p.add_argument("--silence", type=float, default=0, help="share of latents silenced at random")
    p.add_argument("--mix", type=float, default=0, help="rows mixed by a share from Beta(mix, mix)")
    p.add_argument("--from-rows", action="store_true", help="first directions from the rows")
    p.add_argument("--average", type=float, default=0, help="moving average of the weights")
    p.add_argument("--seed", type=int, default=1)
    return p.parse_args()


def load(folder):
    """Unit rows, those to train on and those of other videos."""
    ids, rows = [], []
    for name in ("news", "unsplash", "flickr8k"):
        with open(os.path.join(folder, name + ".ids.txt"), encoding="utf-8") as f:
            ids += f.read().split("\n")[:-1]
        rows.append(np.load(os.path.join(folder, name + ".f16.npy")).astype(np.float32))
    x = np.concatenate(rows)
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    video = [i.rsplit("/", 1)[0] if i.startswith("L") and "/" in i else None for i in ids]
    videos = sorted(set(filter(None, video)))
    order = np.random.default_rng(7).permutation(len(videos))
    other = set(np.array(videos)[order[:len(videos) // 5]])
    kept = np.array([v in other for v in video])
    return x[~kept], x[kept]


def topk(h, k):
    values, at = h.topk(k, dim=1)
    return torch.zeros_like(h).scatter(1, at, torch.relu(values))


class Autoencoder:
    def __init__(self, a, rows):
        self.a = a
        self.dec = torch.randn(a.latents, rows.shape[1])
        if a.from_rows:
            self.dec = rows[torch.randperm(len(rows))[:a.latents]] + 0.1 * self.dec
        self.dec = normalize(self.dec, dim=1)
        self.enc = self.dec if a.tied else self.dec.clone()
        self.bias, self.shift = torch.zeros(a.latents), torch.zeros(rows.shape[1])
        self.params = [self.dec, self.bias, self.shift] + ([] if a.tied else [self.enc])
        for p in self.params:
            p.requires_grad_()

    def hidden(self, x):
        return (x - self.shift) @ self.enc.T + self.bias

    def decode(self, z):
        return z @ self.dec + self.shift

    def loss(self, x):
        a = self.a
        if a.mix:
            share = torch.distributions.Beta(a.mix, a.mix).sample((len(x), 1))
            mixed = share * x + (1 - share) * x[torch.randperm(len(x))]
            x = mixed * x.norm(dim=1).mean() / mixed.norm(dim=1, keepdim=True)
        h = self.hidden(x + a.noise * torch.randn_like(x) if a.noise else x)
        if a.silence:
            h = torch.where(torch.rand(a.latents) < a.silence, -1e9, h)
        levels = [int(k) for k in a.levels.split(",")] if a.levels else [a.k]
        weights = [len(levels) - i if a.reverse else 1 for i in range(len(levels))]
        losses = [w * ((self.decode(topk(h, k)) - x) ** 2).mean() for w, k in zip(weights, levels)]
        return sum(losses) / sum(weights)


def train(a, rows):
    model = Autoencoder(a, rows)
    free = [p for p in model.params if p is not model.enc]
    groups = [{"params": free, "weight_decay": 0.0}, {"params": [model.enc], "weight_decay": a.decay}]
    optimiser = torch.optim.AdamW(groups, lr=a.lr, eps=6.25e-10)
    average = [p.detach().clone() for p in model.params]
    steps, step = a.epochs * (len(rows) // a.batch), 0
    for _ in range(a.epochs):
        for batch in torch.randperm(len(rows))[:len(rows) // a.batch * a.batch].split(a.batch):
            for g in optimiser.param_groups:
                g["lr"] = a.lr * (1 + math.cos(math.pi * step / steps)) / 2
            optimiser.zero_grad()
            model.loss(rows[batch]).backward()
            with torch.no_grad():
                model.dec.grad -= (model.dec.grad * model.dec).sum(1, keepdim=True) * model.dec
                torch.nn.utils.clip_grad_norm_(model.params, 1.0)
                optimiser.step()
                model.dec /= model.dec.norm(dim=1, keepdim=True)
                for mean, p in zip(average, model.params):
                    mean.lerp_(p, 1 - min(a.average, (1 + step) / (10 + step)))
            step += 1
    if a.average:
        with torch.no_grad():
            for p, mean in zip(model.params, average):
                p.copy_(mean)
            model.dec /= model.dec.norm(dim=1, keepdim=True)
    return model


@torch.no_grad()
def judge(a, model, rows, others):
    def fvu(x, k):
        error = x - model.decode(topk(model.hidden(x), k))
        return round(float((error ** 2).sum() / ((x - x.mean(0)) ** 2).sum()), 4)

    fires = (topk(model.hidden(rows), a.k) > 0).any(0)
    cosine = model.dec @ model.dec.T
    cosine.fill_diagonal_(-1)
    return {
        "training": fvu(rows, a.k), "others": fvu(others, a.k), "others_at": {k: fvu(others, k) for k in (8, 16, 32, 64, 128, 256)},
        "dead": round(float((~fires).float().mean()), 4), "doubled": round(float((cosine.max(1).values > 0.9).float().mean()), 4),
    }


def main():
    a = arguments()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    rows, others = load(a.data)
    mean = rows.mean(0)
    scale = math.sqrt(rows.shape[1] / ((rows - mean) ** 2).sum(1).mean())
    rows, others = torch.from_numpy((rows - mean) * scale), torch.from_numpy((others - mean) * scale)
    print(json.dumps({**judge(a, train(a, rows), rows, others), **vars(a)}))


if __name__ == "__main__":
    main()
