package main

import (
	"strings"
	"testing"
)

func TestShorthandsQuote(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"a.jpg", `image "a.jpg"`},
		{`a"b.jpg|top|3`, `image "a\"b.jpg" top 3`},
		{"image", `image "image"`},
		{"text|a dog|in|dense", `text "a dog" in dense`},
		{"a.jpg|vs|image|b.jpg", `image "a.jpg" vs image "b.jpg"`},
		{"mean(image x, image y)", `image "mean(image x, image y)"`},
	} {
		if got := operandText(strings.Split(test.args, "|")); got != test.want {
			t.Errorf("near %s: %s, want %s", test.args, got, test.want)
		}
	}
	for _, test := range []struct{ args, want string }{
		{"", "concepts"},
		{"sea*", `concepts like "sea*"`},
		{"top", `concepts like "top"`},
		{"top|5", "concepts top 5"},
		{"sea*|top|5", `concepts like "sea*" top 5`},
	} {
		var args []string
		if test.args != "" {
			args = strings.Split(test.args, "|")
		}
		if got := conceptsText(args); got != test.want {
			t.Errorf("concepts %s: %s, want %s", test.args, got, test.want)
		}
	}
}

func TestParamValue(t *testing.T) {
	for text, want := range map[string]any{
		"2020": int64(2020), "-1": int64(-1), "0.5": 0.5, "1e3": 1000.0, "true": true, "false": false,
		"dog": "dog", "": "", "NaN": "NaN", "Inf": "Inf", "2020-01-02": "2020-01-02",
	} {
		if got := paramValue(text); got != want {
			t.Errorf("--param x=%s: %#v, want %#v", text, got, want)
		}
	}
}
