package hnsw

// Situation is what decides how a query is answered.
type Situation struct {
	Rows  int // that the index holds
	Nodes int // of the graph, dead ones among them
	Graph bool
	Pass  int // rows that the filter lets through, at most
	K     int
	Ef    int
	M     int
}

// Plan is how a query is answered.
type Plan struct {
	Scan   bool
	Ef     int
	Rerank int
}

func Decide(s Situation) Plan {
	if !s.Graph || s.Pass == 0 {
		return Plan{Scan: true}
	}
	ef := max(s.Ef, s.K+s.K/2) * s.Nodes / s.Pass
	if ef*s.M > s.Pass {
		return Plan{Scan: true}
	}
	return Plan{Ef: ef, Rerank: max(s.K+s.K/2+8, s.Ef/4)}
}
