package apmstats

import (
	"fmt"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// The buckets of a tenant have a key once, and it stays what it is when the groups of one of them are used again.
func TestBucketsShareKeys(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	set := New(Options{BySpanKind: true, BucketInterval: 10e9, MaxKeysPerTenant: 100, MaxKeys: 1000, Now: func() time.Time { return now }})
	add := func(tenant, resource string) {
		x := set.Begin(tenant, "org")
		x.Chunk(&Chunk{Env: "prod"})
		x.Span(&Span{Service: "shop", Name: "query", Resource: resource, Kind: "client", Start: now.UnixNano(), Duration: 1})
		x.Commit()
	}
	for i := range 5 {
		add("acme", fmt.Sprint("resource-", i))
	}
	now = now.Add(10 * time.Second)
	for i := range 5 {
		add("acme", fmt.Sprint("resource-", i))
	}
	c := set.of(owner{"acme", "org"})
	old, young := c.buckets[0], c.buckets[1]
	if &old.order[0].key[0] != &young.order[0].key[0] {
		t.Error("the payload's key is there twice")
	}
	var keys []string
	for hash, g := range young.groups {
		if &g.key[0] != &old.groups[hash].key[0] {
			t.Errorf("key %q is there twice", g.key)
		}
		keys = append(keys, string(g.key))
	}
	now = now.Add(11 * time.Second) // the first one is due
	set.Flush(false, func(string, string, intake.Payload) bool { return true })
	for i := range 50 {
		add("globex", fmt.Sprint("another-", i))
	}
	if len(c.buckets) != 1 || len(keys) != 5 {
		t.Fatalf("%d buckets, %d keys", len(c.buckets), len(keys))
	}
	for _, key := range keys {
		found := false
		for _, g := range c.buckets[0].groups {
			found = found || string(g.key) == key
		}
		if !found {
			t.Errorf("key %q has changed", key)
		}
	}
}
