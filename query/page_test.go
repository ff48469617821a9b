package query_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/saedb/saedb/query"
	"github.com/saedb/saedb/query/querytest"
)

// firstCursor returns the cursor behind the first row of a query.
func firstCursor(t *testing.T, src query.Source, text string, p query.Params) string {
	t.Helper()
	rows, err := answer(src, text+` top 1 after ""`, p)
	if err != nil || len(rows) != 1 || rows[0].Cursor == "" {
		t.Fatalf("%s: no cursor in %v, %v", text, rows, err)
	}
	return rows[0].Cursor
}

// A cursor goes on where it says, whatever may change from page to page.
func TestCursorGoesOn(t *testing.T) {
	src := shore(t)
	c := firstCursor(t, src, "concept = $c or concept = dog", query.Params{"c": "sea"})
	for _, text := range []string{"concept = $c or concept = dog", "find concept=$c  OR concept = 'dog' exact top 7", "concept = $c or concept = dog offset 5 with meta effort 3"} {
		got, err := answer(src, text+" after $x", query.Params{"c": "sea", "x": c})
		if err != nil || len(got) != 2 || got[0].Rank != 2 || got[0].ID != "b" || got[1].Cursor != "" {
			t.Errorf("%s: %v %v, want b and a, and no cursor", text, got, err)
		}
	}
}

// TestCursorRefused: a cursor fits one query, its parameters, and one state of the database.
func TestCursorRefused(t *testing.T) {
	src := shore(t)
	c := firstCursor(t, src, "concept = $c", query.Params{"c": "sea"})
	for _, text := range []string{"concept = dog", "concept = $c order by id", "concept = $c min score 0.1", "concept = $c distinct", "concept = $c group by label", "images where concept = $c"} {
		_, err := answer(src, text+" after $x", query.Params{"c": "sea", "x": c})
		if err == nil || !strings.Contains(err.Error(), "another query") {
			t.Errorf("%s with the cursor of another query: %v", text, err)
		}
	}
	if _, err := answer(src, "concept = $c after $x", query.Params{"c": "dog", "x": c}); err == nil || !strings.Contains(err.Error(), "another query") {
		t.Errorf("other parameters: %v", err)
	}
	d, err := querytest.ParseData("latents 3 k 2\nconcept sea 0:1\nitem a 3 4 0\nitem 42 1 0 0")
	if err != nil {
		t.Fatal(err)
	}
	d.State = "another"
	_, err = answer(querytest.NewMemory(d), "concept = $c after $x", query.Params{"c": "sea", "x": c})
	if !errors.Is(err, query.ErrChanged) {
		t.Errorf("another state: %v, want ErrChanged", err)
	}
}

// TestDamagedCursor: no cursor with another letter, cut, or with more behind is taken for one.
func TestDamagedCursor(t *testing.T) {
	src := shore(t)
	c := firstCursor(t, src, "concept = sea", nil)
	damaged := []string{c + "A", c + "=", " " + c, "x"}
	for i := range c {
		letter := "A"
		if c[i] == 'A' {
			letter = "B"
		}
		damaged = append(damaged, c[:i]+letter+c[i+1:])
		if i > 0 {
			damaged = append(damaged, c[:i])
		}
	}
	for _, bad := range damaged {
		_, err := answer(src, "concept = sea after $x", query.Params{"x": bad})
		if err == nil || !strings.Contains(err.Error(), "no cursor, or a damaged one") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Two processes that opened the same state make the same cursors.
func TestCursorsSurvive(t *testing.T) {
	for _, text := range []string{"concept = sea", "near image a in dense", "all order by meta.year", "all distinct 1"} {
		if a, b := firstCursor(t, shore(t), text, nil), firstCursor(t, shore(t), text, nil); a != b {
			t.Errorf("%s: %s and then %s", text, a, b)
		}
	}
}

func ExampleRow_cursor() {
	d, err := querytest.ParseData("item a 1\nitem b 1\nitem c 1\nitem d 1\nitem e 1")
	if err != nil {
		fmt.Println(err)
		return
	}
	src := querytest.NewMemory(d)
	for cursor, more := "", true; more; more = cursor != "" {
		rows, err := answer(src, "all top 2 after $cursor", query.Params{"cursor": cursor})
		if err != nil {
			fmt.Println(err)
			return
		}
		var ids []string
		cursor = ""
		for _, row := range rows {
			ids = append(ids, row.ID)
			cursor = row.Cursor
		}
		fmt.Println(strings.Join(ids, ", "))
	}
	// Output:
	// a, b
	// c, d
	// e
}
