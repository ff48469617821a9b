package db_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/internal/dbtest"
	"github.com/saedb/saedb/internal/kv"
	"github.com/saedb/saedb/query"
)

func TestStats(t *testing.T) {
	d := dbtest.MustOpen(t)
	mustPut(t, d,
		db.Item{ID: "a", Vec: []float32{1, 0}, Meta: map[string]any{"year": int64(1999), "path": "a.jpg"}},
		db.Item{ID: "b", Vec: []float32{0, 1}, Meta: map[string]any{"year": 1999.5}},
		db.Item{ID: "c", Vec: []float32{1, 1}, Meta: map[string]any{"year": int64(2001), "tags": []string{"x", "y"}}},
	)
	st, err := d.Stats(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if st.Bytes == 0 {
		t.Error("three items take no bytes")
	}
	st.Bytes = 0
	want := db.Stats{
		Format: kv.Format, Items: 3, Dim: 2, Space: db.Space{Dim: 2}, Models: []db.ModelInfo{},
		Fields: []query.Field{
			{Name: "meta.tags", Types: []string{"string"}, Count: 1},
			{Name: "meta.year", Types: []string{"float", "int"}, Count: 3},
			{Name: "path", Types: []string{"string"}, Count: 1}, // those whose path is not their id
		},
	}
	if !reflect.DeepEqual(st, want) {
		t.Errorf("got  %+v\nwant %+v", st, want)
	}
}
