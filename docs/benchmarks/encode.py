#!/usr/bin/env python3
"""The encoder beside PyTorch's: vectors per second of h = x W^T + b and its top k, on the same rows and weights, in turn.

    pip install torch numpy
    go build -o saectl ./cmd/saectl
    encode.py --saectl ./saectl --latents 4096 --k 32 --batch 1024 --threads 1 [--bfloat16]

Rows are unit vectors around 256 centres, latents random unit rows (a trained autoencoder has fewer close calls). Each pass times PyTorch, then
saectl, for about a second each; printed are the vectors per second of a batch, median and best over all passes, by the time of all processors
(cpu) and by the clock (wall), and how well the codes agree. One JSON object. Pin it for one thread: taskset -c 1 python encode.py ...
"""
import argparse
import json
import os
import statistics
import struct
import subprocess
import tempfile
import time

import numpy as np
import torch
from torch.nn.functional import linear


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--saectl", required=True)
    p.add_argument("--width", type=int, default=512)
    p.add_argument("--latents", type=int, default=4096)
    p.add_argument("--k", type=int, default=32)
    p.add_argument("--batch", type=int, default=1024)
    p.add_argument("--rows", type=int, default=4096)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--passes", type=int, default=7)
    p.add_argument("--seconds", type=float, default=1, help="of each program in each pass, about")
    p.add_argument("--bfloat16", action="store_true", help="let PyTorch multiply in bfloat16 (matmul precision medium), inexactly")
    p.add_argument("--seed", type=int, default=1)
    return p.parse_args()


def unit(x):
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def problem(a):
    """Rows, W_enc (latents, width) and b_enc."""
    r = np.random.default_rng(a.seed)
    centres = r.standard_normal((256, a.width))
    x = unit(centres[r.integers(0, 256, a.rows)] + 0.7 * r.standard_normal((a.rows, a.width)))
    return x, unit(r.standard_normal((a.latents, a.width))), (0.01 * r.standard_normal(a.latents)).astype(np.float32)


def write_model(folder, w, b, k):
    """A SAELens folder: cfg.json and the tensors."""
    latents, width = w.shape
    with open(os.path.join(folder, "cfg.json"), "w", encoding="utf-8") as f:
        json.dump({"architecture": "topk", "k": k, "d_in": width, "d_sae": latents, "dtype": "float32", "device": "cpu",
                   "apply_b_dec_to_input": True, "normalize_activations": "none", "metadata": {"sae_lens_version": "6.0.0"}}, f)
    tensors = {"W_enc": w.T, "W_dec": w, "b_enc": b, "b_dec": np.zeros(width, np.float32)}
    header, at = {}, 0
    for name, t in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [at, at + t.nbytes]}
        at += t.nbytes
    head = json.dumps(header).encode()
    with open(os.path.join(folder, "sae_weights.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head)
        for t in tensors.values():
            f.write(np.ascontiguousarray(t).tobytes())


def time_torch(a, x, w, b):
    """Seconds of each batch: processors, clock."""
    cpu, wall, end, i = [], [], time.perf_counter() + a.seconds, 0
    with torch.inference_mode():
        while len(cpu) < 3 or time.perf_counter() < end:
            batch = x[i:i + a.batch]
            i = (i + a.batch) % (len(x) - a.batch + 1)
            c, t = time.process_time(), time.perf_counter()
            torch.topk(linear(batch, w, b), a.k, dim=1)
            cpu.append(time.process_time() - c)
            wall.append(time.perf_counter() - t)
    return cpu, wall


def time_saectl(a, folder, passes, dump=None):
    args = [a.saectl, "bench", "encode", "--vectors", os.path.join(folder, "x.npy"), "--model", folder, "--threads", str(a.threads),
            "--batch", str(a.batch), "--passes", str(passes)]
    out = subprocess.run(args + (["--dump", dump] if dump else []), check=True, capture_output=True, env={**os.environ, "GOMAXPROCS": str(a.threads)})
    return json.loads(out.stdout)


def agreement(a, x, w, b, dump):
    """Of all rows: the share of latents both chose, and the greatest difference of an activation, relative."""
    c = np.load(dump)
    with torch.inference_mode():
        h = linear(x, w, b)
        chosen = torch.topk(h, a.k, dim=1).indices.numpy()
    both, worst = 0, 0.0
    for i in range(len(x)):
        lo, hi = c["indptr"][i], c["indptr"][i + 1]
        both += len(set(c["indices"][lo:hi].tolist()) & set(chosen[i].tolist()))
        mine, theirs = c["data"][lo:hi], h[i].numpy()[c["indices"][lo:hi]]
        worst = max(worst, float(np.max(np.abs(mine - theirs) / np.abs(theirs), initial=0)))
    return both / (a.k * len(x)), worst


def main():
    a = arguments()
    torch.set_num_threads(a.threads)
    x, w, b = problem(a)
    tx, tw, tb = map(torch.from_numpy, (x, w, b))
    with tempfile.TemporaryDirectory() as folder:
        np.save(os.path.join(folder, "x.npy"), x)
        write_model(folder, w, b, a.k)
        dump = os.path.join(folder, "codes.npz")
        machine = time_saectl(a, folder, 1, dump)["machine"]
        shared, worst = agreement(a, tx, tw, tb, dump)
        torch.set_float32_matmul_precision("medium" if a.bfloat16 else "highest")
        time_torch(a, tx, tw, tb)
        cpu, wall, ours = [], [], []
        for _ in range(a.passes):
            c, t = time_torch(a, tx, tw, tb)
            cpu, wall = cpu + c, wall + t
            passes = max(1, round(a.seconds / (statistics.median(c) * max(1, a.rows // a.batch))))
            ours.append(time_saectl(a, folder, passes))
    rate = lambda seconds: round(a.batch / seconds)
    result = {"pytorch": {"cpu": {"median": rate(statistics.median(cpu)), "best": rate(min(cpu))}, "wall": {"median": rate(statistics.median(wall)), "best": rate(min(wall))}}}
    result["saedb"] = {by: {"median": rate(statistics.median(o[by]["median"] for o in ours) / 1000), "best": rate(min(o[by]["best"] for o in ours) / 1000)} for by in ("cpu", "wall")}
    result["ratio"] = {by: {of: round(result["saedb"][by][of] / result["pytorch"][by][of], 2) for of in ("median", "best")} for by in ("cpu", "wall")}
    result["codes"] = {"latents_shared": shared, "greatest_relative_difference": worst}
    result["settings"] = {k: v for k, v in vars(a).items() if k != "saectl"} | {"torch": torch.__version__}
    print(json.dumps(result | {"machine": machine}))


if __name__ == "__main__":
    main()
