#!/usr/bin/env python3
"""Dense search of saedb beside its peers: the same rows, the same queries, one thread, process CPU time.

  dense.py --saectl BINARY [--data DIR | --clip DIR] [--only exact,batch,graphs,coder,ivf,open] [--passes 5] [--k 10]

--data DIR   base.npy, pictures.npy and texts.npy, as `saectl bench data --out DIR` writes them
--clip DIR   news, unsplash and names .f16.npy: every twentieth picture is a query, the rest is the base, names are the texts

Passes alternate: one pass of every contestant, then the next, so that a machine that slows down slows all of them. saedb is a
process of `saectl bench dense --step` for each kind of query, which builds once and measures when it is told to. Recall and wrong rows are judged by scores in float64: a row is wrong if it scores
below the k-th nearest by more than float32 can tell (2e-6). Needs numpy and faiss-cpu; hnswlib and usearch for --only graphs.
--only open writes saved graphs of the base to files and opens them again: first when the system has forgotten the file (as far as it does so when asked), then
warm, by the clock. saedb maps its file and compares checksums as pages are read; "and verified" compares all of them at once.
--samples gives saedb's graph sample texts: with --clip every second name, and only the others are asked for. A peer
that cannot be imported is said to be missing, and so is coder/hnsw (--only coder) where Go cannot build it. Prints one table.
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


class Ivf:
    """Product codes of 4 bits in 1024 lists, the best rerank times k of them scored from the rows; ef is the number of lists that are looked at."""

    def __init__(self, base, rerank):
        import faiss
        faiss.omp_set_num_threads(1)
        self.index = faiss.index_factory(base.shape[1], "IVF1024,PQ128x4fs,RFlat", faiss.METRIC_INNER_PRODUCT)
        self.index.train(base)
        self.index.add(base)
        self.index.k_factor = rerank
        self.lists = faiss.extract_index_ivf(self.index.base_index)

    def search(self, queries, k, single, ef):
        self.lists.nprobe = ef
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


class Ours:
    """A process of saedb's measurement, or of another program of the same form. It measures all breadths in one go, when the first of them is asked for."""

    def __init__(self, program, folder, kind, k, flags):
        path = lambda end: os.path.join(folder, kind + end + ".npy")
        line = program + ["--step", "--base", os.path.join(folder, "base.npy"), "--queries", path(""), "--truth", path(".truth"), "--k", str(k),
                          "--passes", "1"] + flags
        self.k, self.built = k, None
        self.settings = flags[flags.index("--ef") + 1].count(",") + 1 if "--ef" in flags else 1
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ, GOMAXPROCS="1"))
        self.decoder, self.buffer = json.JSONDecoder(), ""

    def read(self):
        while True:
            try:
                out, end = self.decoder.raw_decode(self.buffer.lstrip())
                self.buffer = self.buffer.lstrip()[end:]
                return out
            except json.JSONDecodeError:
                line = self.process.stdout.readline()
                if not line:
                    raise RuntimeError("saectl ended")
                self.buffer += line

    def contestant(self, first):
        def run():
            if first:
                self.process.stdin.write("\n")
                self.process.stdin.flush()
            self.built = out = self.read()
            return out["cpu"]["best"], 1 - out["wrong"] / (self.k * out["settings"]["queries"]), out["wrong"]
        return run

    def ready(self):
        """One round that does not count: it waits for the build."""
        for i in range(self.settings):
            self.contestant(i == 0)()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def coder_program(folder):
    """Builds the program that measures coder/hnsw, from the Go module that lies above this folder."""
    program, module = os.path.join(folder, "coder"), os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    try:
        subprocess.run(["go", "build", "-C", module, "-o", program, "./coder"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as e:
        print("missing: coder/hnsw: %s" % (getattr(e, "stderr", "") or e).strip(), file=sys.stderr)
        return None
    return program


def forget(path):
    """Asks the system to drop a file from its cache."""
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def clock(f):
    start = time.perf_counter()
    f()
    return 1000 * (time.perf_counter() - start)


def savers(base, folder):
    """For each peer: its name, its file, what writes the file and what opens it."""
    def hnswlib_(path):
        import hnswlib
        index = Hnswlib(base).index
        index.save_index(path)
        return lambda: hnswlib.Index(space="ip", dim=base.shape[1]).load_index(path)

    def faiss_(path):
        import faiss
        faiss.write_index(Faiss(base, "HNSW16").index, path)
        return lambda: faiss.read_index(path)

    def usearch_(path, view):
        from usearch.index import Index
        Usearch(base).index.save(path)
        return lambda: Index.restore(path, view=view)

    return [("hnswlib load_index", "hnswlib", hnswlib_), ("faiss read_index", "faiss", faiss_),
            ("usearch i8 load", "usearch", lambda p: usearch_(p, False)), ("usearch i8 view", "usearch-view", lambda p: usearch_(p, True))]


def opening(args, base, folder):
    """Opens saved graphs, in turn."""
    path = lambda name: os.path.join(folder, name)
    np.save(path("asked.npy"), base[:10])
    line = [args.saectl, "bench", "dense", "--json", "--base", path("base.npy"), "--queries", path("asked.npy"), "--index", "hnsw", "--threads", "1"]
    subprocess.run(line + ["--passes", "1", "--save", path("saedb")], stdout=subprocess.DEVNULL, check=True)
    ours = lambda passes: json.loads(subprocess.run(line + ["--passes", str(passes), "--open", path("saedb")], stdout=subprocess.PIPE, check=True).stdout)["open"]
    peers = []
    for name, file, make in savers(base, folder):
        try:
            peers.append((name, path(file), make(path(file))))
        except ImportError as e:
            print("missing: %s: %s" % (name, e), file=sys.stderr)
    if args.wait:
        print("built", flush=True)
        sys.stdin.readline()
    times = {}
    for turn in range(args.passes):
        for name, file, load in peers:
            forget(file)
            times.setdefault(name, []).append((clock(load), clock(load)))
        forget(path("saedb"))
        cold = ours(1)
        times.setdefault("saedb open", []).append((cold["first_ms"], cold["best_ms"]))
        times.setdefault("saedb open, and its first query", []).append((cold["first_ms"] + cold["first_query_ms"], float("nan")))
        times.setdefault("saedb open and verified", []).append((cold["first_ms"] + cold["verify_ms"], cold["open_verify_ms"]))
    print("%d rows of %d: opening a saved graph, ms by the clock, medians of %d" % (*base.shape, args.passes))
    for name, rows in times.items():
        first, warm = zip(*rows)
        print("%-34s forgotten %8.1f  warm %8.1f" % (name, statistics.median(first), statistics.median(warm)))
    for name, file, _ in peers + [("saedb", path("saedb"), None)]:
        print("%s: %.1f MB" % (name, os.path.getsize(file) / 1e6))


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
    p.add_argument("--probes", default="4,8,16,32,64,128,256", help="groups that are looked at, for --only ivf")
    p.add_argument("--rerank", type=int, default=10, help="rows that faiss scores again for each that is asked for, for --only ivf")
    p.add_argument("--our-ef", default="16,24,32,48,64,128,256,400", help="the same for saedb")
    p.add_argument("--samples", action="store_true", help="give every second text to saedb's graph as a sample, and ask for the others")
    p.add_argument("--wait", action="store_true", help="once all is built, wait for a line on stdin before anything is timed")
    p.add_argument("--kinds", default="picture,text")
    args = p.parse_args()
    if bool(args.data) == bool(args.clip):
        p.error("one of --data and --clip")
    only = args.only.split(",")
    base, queries = load(args)
    queries = {kind: queries[kind] for kind in args.kinds.split(",")}
    built, list_, processes, sampling = {}, [], [], []
    saedb = [args.saectl, "bench", "dense", "--json", "--threads", "1"]
    with tempfile.TemporaryDirectory() as folder:
        np.save(os.path.join(folder, "base.npy"), base)
        if "open" in only:
            opening(args, base, folder)
            if only == ["open"]:
                return
        if args.samples:
            samples, queries["text"] = queries["text"][::2], queries["text"][1::2]
            np.save(os.path.join(folder, "samples.npy"), samples)
            sampling = ["--samples", os.path.join(folder, "samples.npy")]
        flat = build(Faiss, "faiss IndexFlatIP", base, built) if {"exact", "batch"} & set(only) else None
        ivf = build(lambda b: Ivf(b, args.rerank), "faiss IVF1024,PQ128x4fs", base, built) if "ivf" in only else None
        graphs = []
        coder = coder_program(folder) if "coder" in only else None
        if "graphs" in only:
            graphs = [(name, build(make, name, base, built)) for name, make in (
                ("faiss HNSWFlat", lambda b: Faiss(b, "HNSW16")), ("hnswlib", Hnswlib), ("usearch i8", Usearch))]
        for kind, rows in queries.items():
            for mode, n in (("exact", args.singles), ("batch", args.queries), ("graphs", args.queries), ("coder", args.queries), ("ivf", args.queries)):
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
                    graph = Ours(saedb, folder, name, args.k, ["--index", "hnsw", "--ef", args.our_ef] + sampling)
                    processes.append(("saedb hnsw", graph))
                    for i, ef in enumerate(args.our_ef.split(",")):
                        add("saedb hnsw ef=" + ef, graph.contestant(i == 0))
                    continue
                if mode == "coder":
                    if coder:
                        graph = Ours([coder], folder, name, args.k, ["--ef", args.ef])
                        processes.append(("coder/hnsw", graph))
                        for i, ef in enumerate(args.ef.split(",")):
                            add("coder/hnsw ef=" + ef, graph.contestant(i == 0))
                    continue
                if mode == "ivf":
                    for n in map(int, args.probes.split(",")) if ivf else ():
                        add("faiss IVF1024,PQ128x4fs n=%d" % n, peer(ivf, some, truth, args.k, ef=n))
                    parted = Ours(saedb, folder, name, args.k, ["--index", "parted", "--ef", args.probes, "--batch", str(len(some))])
                    processes.append(("saedb parted", parted))
                    for i, n in enumerate(args.probes.split(",")):
                        add("saedb parted n=" + n, parted.contestant(i == 0))
                    continue
                if flat:
                    add("faiss IndexFlatIP", peer(flat, some, truth, args.k, single=mode == "exact"))
                batch = "1" if mode == "exact" else str(len(some))
                exact = Ours(saedb, folder, name, args.k, ["--index", "exact", "--batch", batch])
                processes.append(("saedb exact", exact))
                add("saedb exact", exact.contestant(True))
        for _, process in processes:
            process.ready()
        if args.wait:
            print("built", flush=True)
            sys.stdin.readline()
        for _ in range(args.passes):
            for c in list_:
                took, c.recall, c.wrong = c.run()
                c.times.append(took)
        for _, process in processes:
            process.close()
        report(base, list_, built, processes)


def report(base, list_, built, processes):
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
    for name, process in processes:
        out = process.built
        built[name] = out.get("build_cpu_ms", out.get("build_ms")) / 1000
        if "bytes" in out:
            print("%s: %.1f MB beyond %.1f MB of float32 rows" % (name, out["bytes_beyond_rows"] / 1e6, (out["bytes"] - out["bytes_beyond_rows"]) / 1e6))
    for name, took in built.items():
        print("build %s: %.2f s of CPU" % (name, took))


if __name__ == "__main__":
    main()
