package db_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/saedb/saedb/db"
)

func TestParseMeta(t *testing.T) {
	id, meta, err := db.ParseMeta([]byte(`{
		"id": "a.jpg", "year": 2021, "big": 12345678901234567890, "exp": 1e3, "score": 0.5, "flag": false,
		"labels": ["sea", 3, true, null], "none": null, "empty": [], "camera": {"make": "Leica", "lens": {"mm": 35}},
		"taken": "2021-05-04T03:02:01.5+02:00", "day": "2021-05-04", "path": "trips/a.jpg"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"year": int64(2021), "big": 12345678901234567890.0, "exp": 1000.0, "score": 0.5, "flag": false,
		"labels": []string{"sea", "3", "true"}, "camera.make": "Leica", "camera.lens.mm": int64(35),
		"taken": time.Date(2021, 5, 4, 1, 2, 1, 500000000, time.UTC), "day": "2021-05-04", "path": "trips/a.jpg",
	}
	if id != "a.jpg" || !reflect.DeepEqual(meta, want) {
		t.Errorf("id %q\ngot  %v\nwant %v", id, meta, want)
	}
	if id, _, err := db.ParseMeta([]byte(`{"id": 42}`)); id != "42" || err != nil {
		t.Errorf("a number as id: %q, %v", id, err)
	}
	for text, says := range map[string]string{
		`[1]`:                         "one JSON object",
		`null`:                        "got null",
		`{} {}`:                       "more than one",
		`{"a": 1`:                     "one JSON object",
		`{"id": 1.5}`:                 "neither text nor a whole number",
		`{"id": {}}`:                  "neither text nor a whole number",
		`{"a": [[1]]}`:                "metadata a: a list holds a list",
		`{"a.b": 1, "a": {"b": 2}}`:   "a.b: given twice",
		`{"a": 1e999}`:                "metadata a: number 1e999",
		`{"a": {"b": [{"c": null}]}}`: "metadata a.b",
	} {
		if _, _, err := db.ParseMeta([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}
