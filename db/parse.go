package db

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// ParseMeta reads one JSON object as metadata and takes the id out of it: the value of its key "id", a string or a
// whole number, "" if there is none. Inner objects are flattened with dots; whole numbers become int64, others
// float64; arrays of plain values become []string; strings that are full RFC 3339 times become time.Time; null is
// dropped. The error says which key cannot be stored.
func ParseMeta(object []byte) (id string, meta map[string]any, err error) {
	dec := json.NewDecoder(bytes.NewReader(object))
	dec.UseNumber()
	var top map[string]any
	if err := dec.Decode(&top); err != nil {
		return "", nil, fmt.Errorf("metadata: want one JSON object: %w", err)
	}
	if top == nil {
		return "", nil, errors.New("metadata: want one JSON object, got null")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return "", nil, errors.New("metadata: more than one JSON object")
	}
	switch v := top["id"].(type) {
	case nil:
	case string:
		id = v
	case json.Number:
		if _, err := v.Int64(); err != nil {
			return "", nil, fmt.Errorf("metadata: id %s is neither text nor a whole number", v)
		}
		id = v.String()
	default:
		return "", nil, errors.New("metadata: id is neither text nor a whole number")
	}
	delete(top, "id")
	meta = make(map[string]any, len(top))
	return id, meta, flatten(meta, "", top)
}

// flatten adds the values of object to meta, their keys after prefix.
func flatten(meta map[string]any, prefix string, object map[string]any) error {
	for key, v := range object {
		name := prefix + key
		if inner, ok := v.(map[string]any); ok {
			if err := flatten(meta, name+".", inner); err != nil {
				return err
			}
			continue
		}
		value, err := plain(v)
		if err != nil {
			return fmt.Errorf("metadata %s: %w", name, err)
		}
		if value == nil {
			continue
		}
		if _, twice := meta[name]; twice {
			return fmt.Errorf("metadata %s: given twice, as a key with dots and as an inner object", name)
		}
		meta[name] = value
	}
	return nil
}

// plain returns v as metadata holds it, nil for null and for an empty list.
func plain(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool:
		return v, nil
	case string:
		if t, ok := parseTime(v); ok {
			return t, nil
		}
		return v, nil
	case json.Number:
		return number(v)
	case []any:
		var list []string
		for _, e := range v {
			switch e := e.(type) {
			case nil:
			case string:
				list = append(list, e)
			case bool:
				list = append(list, strconv.FormatBool(e))
			case json.Number:
				list = append(list, e.String())
			default:
				return nil, errors.New("a list holds a list or an object: only plain values can be stored")
			}
		}
		if list == nil {
			return nil, nil
		}
		return list, nil
	}
	return nil, fmt.Errorf("a %T cannot be stored", v)
}

// number returns a whole number as int64 and any other as float64.
func number(n json.Number) (any, error) {
	if !strings.ContainsAny(n.String(), ".eE") {
		if i, err := n.Int64(); err == nil {
			return i, nil
		}
	}
	f, err := n.Float64()
	if err != nil {
		return nil, fmt.Errorf("number %s: %w", n, err)
	}
	return f, nil
}

// parseTime reads a full RFC 3339 time, date and zone included.
func parseTime(s string) (time.Time, bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[4] != '-' {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.UTC(), err == nil
}
