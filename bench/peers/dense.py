#!/usr/bin/env python3
"""Dense search of saedb beside its peers: the same rows, the same queries, one thread, process CPU time.

  dense.py --saectl BINARY [--data DIR | --clip DIR] [--only exact,batch,graphs] [--passes 5] [--k 10]

--data DIR   base.npy, pictures.npy and texts.npy, as `saectl bench data --out DIR` writes them
--clip DIR   news, unsplash and names .f16.npy: every twentieth picture is a query, the rest is the base, names are the texts

Passes alternate: one pass of every contestant, then the next, so that a machine that slows down slows all of them. A pass of saedb is a
process of `saectl bench dense` with one measured pass. Recall and wrong rows are judged by scores in float64: a row is wrong if it scores
below the k-th nearest by more than float32 can tell (2e-6). Needs numpy and faiss-cpu; hnswlib and usearch for --only graphs. A peer
that cannot be imported is said to be missing. Prints one table.
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

SAME = 2e-6


def unit(rows):
    rows = rows.astype(np.float64)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def load(args):
    """The base and the queries of each kind."""
    if args.clip:
        read = lambda name: unit(np.load(os.path.join(args.clip, name + ".f16.npy")))
        pictures = np.concatenate([read("news"), read("unsplash")])
        held = np.arange(len(pictures)) % 20 == 7
        return pictures[~held], {"picture": pictures[held], "text": read("names")}
    read = lambda name: unit(np.load(os.path.join(args.data, name + ".npy")))
    return read("base"), {"picture": read("pictures"), "text": read("texts")}


class Truth:
    """Scores in float64 and the k-th of them, for each query."""

    def __init__(self, base, queries, k):
        self.k, self.queries, self.base = k, queries.astype(np.float64), base
        self.order, self.last = [], []
        for lo in range(0, len(queries), 50):
            scores = np.zeros((len(self.queries[lo:lo + 50]), len(base)))
            for at in range(0, len(base), 20000):
                scores[:, at:at + 20000] = self.queries[lo:lo + 50] @ base[at:at + 20000].astype(np.float64).T
            near = np.argpartition(-scores, k - 1, axis=1)[:, :k]
            for row, some in zip(scores, near):
                some = some[np.argsort(-row[some], kind="stable")]
                self.order.append(some)
                self.last.append(row[some[-1]])

    def judge(self, found):
        """Recall and the number of wrong rows. A row that ties with the k-th counts as found."""
        wrong = 0
        for i, rows in enumerate(found):
            rows = np.unique(np.asarray(rows[:self.k], dtype=np.int64))
            rows = rows[rows >= 0]
            scores = self.base[rows].astype(np.float64) @ self.queries[i]
            wrong += self.k - int((scores >= self.last[i] - SAME).sum())
        return 1 - wrong / (self.k * len(found)), wrong


class Faiss:
    def __init__(self, base, spec="Flat"):
        import faiss
        faiss.omp_set_num_threads(1)
        self.index = faiss.index_factory(base.shape[1], spec, faiss.METRIC_INNER_PRODUCT)
        if hasattr(self.index, "hnsw"):
            self.index.hnsw.efConstruction = 200
        self.index.add(base)

    def search(self, queries, k, single, ef):
        if ef:
            self.index.hnsw.efSearch = ef
        if single:
            return np.concatenate([self.index.search(queries[i:i + 1], k)[1] for i in range(len(queries))])
        return self.index.search(queries, k)[1]


class Hnswlib:
    def __init__(self, base):
        import hnswlib
        self.index = hnswlib.Index(space="ip", dim=base.shape[1])
        self.index.init_index(len(base), ef_construction=200, M=16, random_seed=1)
        self.index.add_items(base, num_threads=1)

    def search(self, queries, k, single, ef):
        self.index.set_ef(max(ef, k))
        return self.index.knn_query(queries, k, num_threads=1)[0]


class Usearch:
    def __init__(self, base):
        from usearch.index import Index
        self.index = Index(ndim=base.shape[1], metric="cos", dtype="i8", connectivity=16, expansion_add=200)
        self.index.add(np.arange(len(base)), base, threads=1)

    def search(self, queries, k, single, ef):
        self.index.expansion_search = ef
        return self.index.search(queries, k, threads=1).keys.astype(np.int64)


class Contestant:
    """One setting of one index; times are CPU milliseconds a query, one for each pass."""

    def __init__(self, name, kind, run, queries):
        self.name, self.kind, self.run, self.queries = name, kind, run, queries
        self.times, self.recall, self.wrong = [], None, None

    def row(self):
        qps = [1000 / t for t in self.times]
        return [self.name, self.kind, str(self.queries), "%.0f" % max(qps), "%.0f" % statistics.median(qps), "%.4f" % self.recall, str(self.wrong)]


def peer(index, queries, truth, k, single=False, ef=0):
    def run():
        start = time.process_time()
        found = index.search(queries, k, single, ef)
        took = 1000 * (time.process_time() - start) / len(queries)
        return took, *truth.judge(found)
    return run


def ours(saectl, folder, kind, truth, k, flags):
    queries = os.path.join(folder, kind + ".npy")
    near = os.path.join(folder, kind + ".truth.npy")

    def run():
        line = [saectl, "bench", "dense", "--json", "--base", os.path.join(folder, "base.npy"), "--queries", queries, "--truth", near,
                "--k", str(k), "--passes", "1", "--threads", "1"] + flags
        out = json.loads(subprocess.run(line, check=True, capture_output=True, env=dict(os.environ, GOMAXPROCS="1")).stdout)
        ours.built = out
        return out["cpu"]["best"], 1 - out["wrong"] / (k * out["settings"]["queries"]), out["wrong"]
    return run


def build(make, name, base, built):
    try:
        start = time.process_time()
        index = make(base)
    except ImportError as e:
        print("missing: %s: %s" % (name, e), file=sys.stderr)
        return None
    built[name] = time.process_time() - start
    return index


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--saectl", required=True)
    p.add_argument("--data")
    p.add_argument("--clip")
    p.add_argument("--only", default="exact,batch")
    p.add_argument("--passes", type=int, default=5)
    p.add_argument("--k", type=int, default=10)
    p.add_argument("--queries", type=int, default=1000, help="of each kind")
    p.add_argument("--singles", type=int, default=200, help="queries that are asked one at a time, of each kind")
    p.add_argument("--ef", default="32,64,128,400")
    args = p.parse_args()
    if bool(args.data) == bool(args.clip):
        p.error("one of --data and --clip")
    only = args.only.split(",")
    base, queries = load(args)
    built, list_ = {}, []
    with tempfile.TemporaryDirectory() as folder:
        np.save(os.path.join(folder, "base.npy"), base)
        flat = build(Faiss, "faiss IndexFlatIP", base, built) if {"exact", "batch"} & set(only) else None
        graphs = []
        if "graphs" in only:
            graphs = [(name, build(make, name, base, built)) for name, make in (
                ("faiss HNSWFlat", lambda b: Faiss(b, "HNSW16")), ("hnswlib", Hnswlib), ("usearch i8", Usearch))]
        for kind, rows in queries.items():
            for mode, n in (("exact", args.singles), ("batch", args.queries), ("graphs", args.queries)):
                if mode not in only:
                    continue
                some = np.ascontiguousarray(rows[np.linspace(0, len(rows) - 1, min(n, len(rows))).astype(int)])
                truth = Truth(base, some, args.k)
                name = kind + "." + mode
                np.save(os.path.join(folder, name + ".npy"), some)
                np.save(os.path.join(folder, name + ".truth.npy"), np.array(truth.order, dtype=np.int64))
                add = lambda who, run: list_.append(Contestant(who, name, run, len(some)))
                if mode == "graphs":
                    for who, index in graphs:
                        for ef in map(int, args.ef.split(",")) if index else ():
                            add("%s ef=%d" % (who, ef), peer(index, some, truth, args.k, ef=ef))
                    continue
                if flat:
                    add("faiss IndexFlatIP", peer(flat, some, truth, args.k, single=mode == "exact"))
                batch = "1" if mode == "exact" else str(len(some))
                add("saedb exact", ours(args.saectl, folder, name, truth, args.k, ["--index", "exact", "--batch", batch]))
        for _ in range(args.passes):
            for c in list_:
                took, c.recall, c.wrong = c.run()
                c.times.append(took)
        report(base, list_, built)


def report(base, list_, built):
    head = ["index", "queries", "n", "QPS best", "QPS median", "recall", "wrong"]
    rows = [head] + [c.row() for c in list_]
    widths = [max(len(r[i]) for r in rows) for i in range(len(head))]
    print("%d rows of %d" % base.shape)
    for r in rows:
        print("  ".join(v.ljust(w) if i < 2 else v.rjust(w) for i, (v, w) in enumerate(zip(r, widths))))
    by = {}
    for c in list_:
        by.setdefault(c.kind, {})[c.name] = statistics.median(c.times)
    for kind, times in by.items():
        if {"saedb exact", "faiss IndexFlatIP"} <= times.keys():
            print("%s: saedb exact is %.2f times as fast as faiss IndexFlatIP (medians)" % (kind, times["faiss IndexFlatIP"] / times["saedb exact"]))
    if hasattr(ours, "built"):
        built["saedb exact (clock)"] = ours.built["build_ms"] / 1000
        print("saedb exact: %.1f MB beyond %.1f MB of float32 rows" % (ours.built["bytes_beyond_rows"] / 1e6, (ours.built["bytes"] - ours.built["bytes_beyond_rows"]) / 1e6))
    for name, took in built.items():
        print("build %s: %.2f s of CPU" % (name, took))


if __name__ == "__main__":
    main()
