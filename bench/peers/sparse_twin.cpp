// Exact search over sparse codes, a term at a time, in C++: what bench/peers/sparse.py measures saedb against.
//
//   sparse_twin DIR K     K hits a query
//
// DIR holds, in native byte order, codes and queries in compressed rows: codes.indptr and queries.indptr (int64), .indices (int32), .data (float32). Postings are
// pairs of a row and a float32 activation; a query adds weight times activation to a float32 for each row and takes the K largest in one pass. For each line on
// stdin all queries are asked once; then a line is printed with the processor time in seconds and the rows that were found.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

template <class T> static std::vector<T> load(const std::string &path) {
  std::ifstream f(path, std::ios::binary | std::ios::ate);
  if (!f) { fprintf(stderr, "%s: cannot be read\n", path.c_str()); exit(2); }
  std::vector<T> v(f.tellg() / sizeof(T));
  f.seekg(0);
  f.read((char *)v.data(), v.size() * sizeof(T));
  return v;
}

struct Matrix {
  std::vector<int64_t> start;
  std::vector<int32_t> column;
  std::vector<float> value;
  explicit Matrix(const std::string &name)
      : start(load<int64_t>(name + ".indptr")), column(load<int32_t>(name + ".indices")), value(load<float>(name + ".data")) {}
  size_t rows() const { return start.size() - 1; }
};

struct Posting { uint32_t row; float act; };
struct Hit { float score; uint32_t row; };

static bool better(const Hit &a, const Hit &b) { return a.score > b.score; }

static double now() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
  if (argc != 3) { fprintf(stderr, "sparse_twin DIR K\n"); return 2; }
  const std::string dir = argv[1];
  const size_t k = atoi(argv[2]), lane = 16;
  const Matrix codes(dir + "/codes"), queries(dir + "/queries");
  const double begun = now();
  int32_t latents = 0;
  for (int32_t c : codes.column) latents = std::max(latents, c + 1);
  for (int32_t c : queries.column) latents = std::max(latents, c + 1);
  std::vector<int64_t> first(latents + 1);
  for (int32_t c : codes.column) first[c + 1]++;
  for (int32_t l = 0; l < latents; l++) first[l + 1] += first[l];
  std::vector<Posting> postings(codes.column.size());
  std::vector<int64_t> next(first);
  for (size_t r = 0; r < codes.rows(); r++)
    for (int64_t i = codes.start[r]; i < codes.start[r + 1]; i++) postings[next[codes.column[i]]++] = {(uint32_t)r, codes.value[i]};
  fprintf(stderr, "%.3f\n", now() - begun);

  std::vector<float> sums((codes.rows() + lane - 1) / lane * lane);
  std::vector<std::vector<Hit>> found(queries.rows());
  for (int c; (c = getchar()) != EOF;) {
    if (c != '\n') continue;
    const double from = now();
    for (size_t q = 0; q < queries.rows(); q++) {
      std::fill(sums.begin(), sums.end(), 0.f);
      for (int64_t t = queries.start[q]; t < queries.start[q + 1]; t++) {
        const float w = queries.value[t];
        const Posting *end = &postings[0] + first[queries.column[t] + 1];
        for (const Posting *p = &postings[0] + first[queries.column[t]]; p < end; p++) sums[p->row] += w * p->act;
      }
      auto &best = found[q];
      best.clear();
      float least = 0;
      for (size_t i = 0; i < sums.size(); i += lane) { // a lane is looked into only if one of it is better: compilers make vector instructions of that
        float most = 0;
        for (size_t j = 0; j < lane; j++) most = std::max(most, sums[i + j]);
        if (most <= least) continue;
        for (size_t j = 0; j < lane; j++) {
          if (sums[i + j] <= least) continue;
          best.push_back({sums[i + j], (uint32_t)(i + j)});
          std::push_heap(best.begin(), best.end(), better);
          if (best.size() > k) { std::pop_heap(best.begin(), best.end(), better); best.pop_back(); }
          if (best.size() == k) least = best[0].score;
        }
      }
    }
    printf("%.9f", now() - from);
    for (auto &best : found) {
      std::sort(best.begin(), best.end(), better);
      for (size_t i = 0; i < k; i++) printf(" %d", i < best.size() ? (int)best[i].row : -1);
    }
    printf("\n");
    fflush(stdout);
  }
}
