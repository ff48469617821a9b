#!/usr/bin/env python3
"""Search over sparse codes of saedb beside its peers: the same rows, the same queries, one thread, process CPU time.

  sparse.py --saectl BINARY --data DIR [--codes 32,512] [--passes 5] [--k 10]

DIR holds codesK.npz and queriesK.npz, as `saectl bench data --codes 32,512 --out DIR` writes them.

Passes alternate: one pass of every contestant, then the next. saedb is a process of `saectl bench sparse --step` for each mode, which builds once and
measures when it is told to; the C++ twin, sparse_twin.cpp beside this file, is compiled with g++ -O3 -march=native; SciPy multiplies csr(query) with
csr(codes^T), a query at a time. Recall is judged by scores in float64: a row is wrong if it scores below the k-th nearest by more than float32 can tell. Needs
numpy, scipy and g++. Prints one table.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
import numpy as np
import scipy.sparse as sp

SAME = 2e-6


class Truth:
    """The true order of rows and the k-th score, for each query, in float64."""

    def __init__(self, codes, queries, k):
        self.k, self.codes, self.queries = k, codes.astype(np.float64), queries.astype(np.float64)
        self.order, self.last = [], []
        for i in range(queries.shape[0]):
            scores = self.codes @ self.queries[i].toarray().ravel()
            near = np.argpartition(-scores, k - 1)[:k]
            near = near[np.argsort(-scores[near], kind="stable")]
            self.order.append(near)
            self.last.append(scores[near[-1]])

    def judge(self, found):
        """Recall and the number of wrong rows. A row that ties with the k-th counts as found."""
        wrong = 0
        for i, rows in enumerate(found):
            rows = np.unique(np.asarray(rows[:self.k], dtype=np.int64))
            rows = rows[rows >= 0]
            scores = self.codes[rows] @ self.queries[i].toarray().ravel()
            wrong += self.k - int((scores >= self.last[i] - SAME).sum())
        return 1 - wrong / (self.k * len(found)), wrong


class Process:
    """A peer that measures itself when it reads a line."""

    def __init__(self, line):
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ, GOMAXPROCS="1"))

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.process.stderr.read())
        return line

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Saedb(Process):
    def __init__(self, saectl, codes, queries, truth, k, flags):
        super().__init__([saectl, "bench", "sparse", "--json", "--step", "--codes", codes, "--queries", queries, "--truth", truth,
                          "--k", str(k), "--passes", "1"] + flags)
        self.decoder = json.JSONDecoder()

    def run(self):
        self.ask()
        text = ""
        while True:
            text += self.line()
            try:
                self.out = self.decoder.raw_decode(text.lstrip())[0]
                return self.out["cpu"]["best"], self.out["recall"], None
            except json.JSONDecodeError:
                pass

    def built(self):
        return self.out["build_cpu_ms"] / 1000, self.out["bytes"] / 1e6


class Twin(Process):
    def __init__(self, folder, truth, k, queries):
        binary = os.path.join(folder, "sparse_twin")
        if not os.path.exists(binary):
            source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sparse_twin.cpp")
            subprocess.run(["g++", "-O3", "-march=native", "-o", binary, source], check=True)
        super().__init__([binary, folder, str(k)])
        self.build = float(self.process.stderr.readline())
        self.truth, self.queries = truth, queries

    def run(self):
        self.ask()
        fields = self.line().split()
        recall, wrong = self.truth.judge(np.array(fields[1:], dtype=np.int64).reshape(self.queries, -1))
        return 1000 * float(fields[0]) / self.queries, recall, wrong

    def built(self):
        return self.build, self.truth.codes.nnz * 8 / 1e6


class Scipy:
    def __init__(self, codes, queries, truth, k):
        start = time.process_time()
        self.turned = codes.T.tocsr()
        self.build = time.process_time() - start
        self.queries, self.truth, self.k = [queries[i] for i in range(queries.shape[0])], truth, k

    def run(self):
        found = []
        start = time.process_time()
        for q in self.queries:
            r = q @ self.turned
            near = np.argpartition(-r.data, self.k - 1)[:self.k] if r.nnz > self.k else np.arange(r.nnz)
            found.append(r.indices[near[np.argsort(-r.data[near])]])
        took = 1000 * (time.process_time() - start) / len(self.queries)
        return took, *self.truth.judge(found)

    def built(self):
        return self.build, self.turned.nnz * 8 / 1e6

    def close(self):
        pass


def write(folder, name, matrix):
    for part, kind in (("indptr", np.int64), ("indices", np.int32), ("data", np.float32)):
        getattr(matrix, part).astype(kind).tofile(os.path.join(folder, name + "." + part))


def measure(args, active, folder):
    path = os.path.join(args.data, "codes%d.npz" % active)
    codes = sp.load_npz(path)
    queries = sp.load_npz(os.path.join(args.data, "queries%d.npz" % active))[:args.queries if active <= 128 else args.slow]
    truth = Truth(codes, queries, args.k)
    some, order = os.path.join(folder, "queries.npz"), os.path.join(folder, "truth.npy")
    sp.save_npz(some, queries, compressed=False)
    np.save(order, np.array(truth.order, dtype=np.int64))
    write(folder, "codes", codes)
    write(folder, "queries", queries)
    ours = lambda *flags: Saedb(args.saectl, path, some, order, args.k, list(flags))
    peers = {"saedb exact": ours(), "C++ twin": Twin(folder, truth, args.k, queries.shape[0]), "SciPy product": Scipy(codes, queries, truth, args.k)}
    if active >= 128:
        for effort in args.efforts.split(","):
            peers["saedb cut " + effort] = ours("--mode", "cut", "--effort", effort)
    times, judged = {name: [] for name in peers}, {}
    for peer in peers.values():
        peer.run()  # does not count: it waits for the build
    for _ in range(args.passes):
        for name, peer in peers.items():
            took, *judged[name] = peer.run()
            times[name].append(took)
    for peer in peers.values():
        peer.close()
    report(active, codes, queries, peers, times, judged)


def report(active, codes, queries, peers, times, judged):
    print("\n%d codes, %d of %d latents active, %d queries" % (codes.shape[0], active, codes.shape[1], queries.shape[0]))
    rows = [["index", "QPS best", "QPS median", "recall", "exact / it", "build s", "MB"]]
    exact = statistics.median(times["saedb exact"])
    for name, took in times.items():
        build, size = peers[name].built()
        rows.append([name, "%.0f" % (1000 / min(took)), "%.0f" % (1000 / statistics.median(took)), "%.4f" % judged[name][0],
                     "%.2f" % (statistics.median(took) / exact), "%.2f" % build, "%.0f" % size])
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for r in rows:
        print("  ".join(v.ljust(w) if i == 0 else v.rjust(w) for i, (v, w) in enumerate(zip(r, widths))))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--saectl", required=True)
    p.add_argument("--data", required=True)
    p.add_argument("--codes", default="32,512", help="active latents of the codes to measure")
    p.add_argument("--passes", type=int, default=5)
    p.add_argument("--k", type=int, default=10)
    p.add_argument("--queries", type=int, default=500)
    p.add_argument("--slow", type=int, default=100, help="queries of more than 128 latents")
    p.add_argument("--efforts", default="0", help="rows that saedb's cut mode scores; 0 is its default")
    args = p.parse_args()
    for active in map(int, args.codes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            measure(args, active, folder)


if __name__ == "__main__":
    main()
