package intake

import (
	"bytes"
	"encoding/json"
	"testing"

	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
)

// The scanner must cut valid JSON exactly where encoding/json does.
func FuzzJSONScan(f *testing.F) {
	for _, s := range []string{
		`[]`, `{}`, ` [ 1 , "a,]\"" ,{"b" : [ ] } ] `, `{"a":{"b":"}"},"c":-1.5e3 , "d":null}`, `{"\u0061\\":"\\"}`, "[\"\xff\"]", `{"a":1,"a":2}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			return
		}
		var list []json.RawMessage
		if json.Unmarshal(text, &list) == nil && text[skipSpace(text, 0)] == '[' {
			i := 0
			jsonElements(text, func(e []byte) {
				if i >= len(list) || !bytes.Equal(e, list[i]) {
					t.Fatalf("element %d of %q is %q", i, text, e)
				}
				i++
			})
			if i != len(list) {
				t.Fatalf("%d elements in %q, want %d", i, text, len(list))
			}
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(text, &object) == nil && text[skipSpace(text, 0)] == '{' {
			last := map[string]string{}
			jsonMembers(text, func(k, v []byte) { last[jsonText(k)] = string(v) })
			if len(last) != len(object) {
				t.Fatalf("%d keys in %q, want %d", len(last), text, len(object))
			}
			for k, v := range object {
				if last[k] != string(v) {
					t.Fatalf("%q in %q is %q, want %q", k, text, last[k], v)
				}
			}
		}
	})
}

func FuzzSearchTerms(f *testing.F) {
	for _, s := range []string{`*`, `-@a.b:"c d" AND e*f NOT g:h`, `a\:b:c\ d`, `"`, `k:*`, `-`, `\`} {
		f.Add(s)
	}
	record := Log{Message: "some words", Service: "s", Tags: []string{"a:b"}, Attributes: map[string]any{"a": map[string]any{"b": "c"}}}
	f.Fuzz(func(t *testing.T, query string) {
		ts, err := parseTerms(query)
		if err != nil {
			return
		}
		matched := ts.match(record)
		// What a term matches, its negation does not.
		if len(ts) != 1 {
			return
		}
		ts[0].negated = !ts[0].negated
		if ts.match(record) == matched {
			t.Fatalf("%q and its negation agree", query)
		}
	})
}

func FuzzMetricQuery(f *testing.F) {
	for _, s := range []string{"avg:a.b{*}", "sum:a{b:c,d}.as_count()", "a{", "{}", "a{:}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		q, err := parseMetricQuery(query)
		if err == nil && (q.metric == "" || checkMetricName(q.metric) != nil) {
			t.Fatalf("%q was read as %+v", query, q)
		}
	})
}

// Whatever passes the check of keys must not make Datadog's decoder panic, and what that encoder writes must pass.
func FuzzStats(f *testing.F) {
	seed, err := (&pb.StatsPayload{Stats: []*pb.ClientStatsPayload{nil, {Stats: []*pb.ClientStatsBucket{{Stats: []*pb.ClientGroupedStats{{Hits: 1}}}}}}}).MarshalMsg(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte{0x81, 0xa5, 'S', 't', 'a', 't', 's', 0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, body []byte) {
		rest, err := checkKeys(body, statsKeys, "StatsPayload")
		if err != nil {
			return
		}
		p := new(pb.StatsPayload)
		if _, err := p.UnmarshalMsg(body[:len(body)-len(rest)]); err != nil {
			return
		}
		again, err := p.MarshalMsg(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := checkKeys(again, statsKeys, "StatsPayload"); err != nil {
			t.Fatalf("what Datadog's encoder writes is refused: %v", err)
		}
	})
}
