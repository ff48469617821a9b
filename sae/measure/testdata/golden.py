"""Writes golden.json: a small model, rows, and every figure that package measure and sae.Meter take of them, computed from
the definitions with numpy and scipy, without a look at the Go code's shortcuts. Needs numpy and scipy.

    python golden.py > golden.json
"""
import json

import numpy as np
from scipy.optimize import linear_sum_assignment

N, D, M, K, NEIGHBOURS = 60, 7, 24, 4, 5
rng = np.random.default_rng(20)


def single(a):
    """Numbers that float32 holds exactly, as float64."""
    return np.asarray(a, np.float32).astype(np.float64)


# Rows around a few directions and a mean, so that neighbours and PCA mean something.
themes = rng.normal(size=(5, D))
x = single(themes[rng.integers(5, size=N)] + 0.4 * rng.normal(size=(N, D)) + 0.5)
mean, scale = single(x.mean(0)), float(single(1.7))
w_enc, w_dec = single(rng.normal(size=(M, D))), single(rng.normal(size=(M, D)))
w_dec[3] = single(w_dec[2] * 1.5)  # one row written twice
b_enc, b_dec = single(0.3 * rng.normal(size=M)), single(0.1 * rng.normal(size=D))
b_enc[5] = -1000  # one dead latent
other = single(np.concatenate([w_dec[rng.permutation(M)] + 0.5 * rng.normal(size=(M, D)), rng.normal(size=(3, D))]))


def encode(x, k):
    h = (scale * (x - mean) - b_dec) @ w_enc.T + b_enc
    z = np.zeros_like(h)
    for i, row in enumerate(h):
        top = np.argsort(-row, kind="stable")[:k]
        z[i, top] = np.maximum(row[top], 0)
    return z


def decode(z):
    return (z @ w_dec + b_dec) / scale + mean


def metrics(x, recon, z):
    e = x - recon
    return {
        "rows": len(x),
        "fvu_sample": float(np.mean(e.var(axis=1, ddof=1) / x.var(axis=1, ddof=1))),
        "fvu_batch": float((e**2).sum() / ((x - x.mean(0)) ** 2).sum()),
        "nmae": float(np.mean(np.abs(e).mean(1) / np.abs(x).mean(1))),
        "cosine": float(np.mean((x * recon).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(recon, axis=1))),
        "l0_count": float((z != 0).sum(1).mean()),
        "l0_zero_fraction": float((z == 0).mean()),
        "dead": int((z == 0).all(0).sum()),
        "dead_fraction": float((z == 0).all(0).mean()),
    }


def hsic(a, b):
    m = len(a)
    a, b = a.copy(), b.copy()
    np.fill_diagonal(a, 0)
    np.fill_diagonal(b, 0)
    return (np.sum(a * b.T) + a.sum() * b.sum() / ((m - 1) * (m - 2)) - 2 * np.sum(a @ b) / (m - 2)) / (m * (m - 3))


def cknna(x, y, k):
    def mask(gram):
        gram = gram.copy()
        np.fill_diagonal(gram, -np.inf)
        chosen = np.zeros_like(gram)
        for i, row in enumerate(gram):
            chosen[i, np.argsort(-row, kind="stable")[:k]] = 1
        return chosen

    kx, ky = x @ x.T, y @ y.T
    mx, my = mask(kx), mask(ky)
    both = mx * my
    return float(hsic(both * kx, both * ky) / (np.sqrt(hsic(mx * kx, mx * kx) * hsic(my * ky, my * ky)) + 1e-6))


def geometry(w):
    gram = w @ w.T
    np.fill_diagonal(gram, 0)
    unit = w / np.linalg.norm(w, axis=1, keepdims=True)
    cos = np.abs(unit @ unit.T)
    np.fill_diagonal(cos, 0)
    nearest = cos.max(1)
    return {
        "orthogonality": float((gram**2).mean()),
        "nearest_mean": float(nearest.mean()),
        "nearest_p99": float(np.quantile(nearest, 0.99)),
        "nearest_max": float(nearest.max()),
        "duplicates": float((nearest > 0.9).mean()),
    }


def density(z):
    share = (z != 0).mean(0)
    edges = np.arange(-4, 1) / 2  # two bins a decade; 60 rows reach down two decades
    counts, _ = np.histogram(np.log10(share[share > 0]), edges)
    return {"silent": int((share == 0).sum()), "always": int((share >= 0.5).sum()),
            "median": float(np.median(share[share > 0])), "bins": counts.tolist()}


def pca(x, components):
    centred = x - x.mean(0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :components]
    return metrics(x, centred @ axes @ axes.T + x.mean(0), np.ones((len(x), components)))["fvu_batch"]


def match(a, b):
    unit = [w / np.linalg.norm(w, axis=1, keepdims=True) for w in (a, b)]
    cos = unit[0] @ unit[1].T
    rows, columns = linear_sum_assignment(cos, maximize=True)
    pairs = cos[rows, columns]
    return {"mean": float(pairs.mean()), "median": float(np.median(pairs)), "same": float((pairs > 0.9).mean()),
            "close": float((pairs > 0.7).mean()), "partner": columns.tolist()}


z = encode(x, K)
recon = decode(z)
levels = [1, 2, 4, 8, 24]
print(json.dumps({
    "d": D, "m": M, "k": K, "neighbours": NEIGHBOURS, "scale": scale, "mean": mean.tolist(), "x": x.ravel().tolist(),
    "w_enc": w_enc.ravel().tolist(), "w_dec": w_dec.ravel().tolist(), "b_enc": b_enc.tolist(), "b_dec": b_dec.tolist(),
    "other": other.ravel().tolist(),
    "metrics": metrics(x, recon, z),
    "cknna_code": cknna(x, z, NEIGHBOURS), "cknna_recon": cknna(x, recon, NEIGHBOURS),
    "geometry": geometry(w_dec), "density": density(z), "match": match(w_dec, other),
    "levels": levels, "sweep": [metrics(x, decode(encode(x, k)), encode(x, k)) for k in levels],
    "components": [1, 3, 6, 7], "pca": [pca(x, c) for c in [1, 3, 6, 7]],
}, indent=1))
