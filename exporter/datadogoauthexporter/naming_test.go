package datadogoauthexporter

import (
	"context"
	"strings"
	"testing"
)

// TestOptionsOfSpansHoldInEveryForm has one span, of an operation that gets another name, or of a trace that is ignored.
func TestOptionsOfSpansHoldInEveryForm(t *testing.T) {
	t.Parallel()
	for _, form := range []IntakeForm{IntakeAgent, IntakePublic} {
		for name, c := range map[string]struct {
			change  func(*TracesConfig)
			within  string // what is sent
			hits    int
			figures string
		}{
			"ignored":          {func(c *TracesConfig) { c.IgnoreResources = []string{"^no", "^work of acme$"} }, "", 0, "accepted 1 ignored 1"},
			"others ignored":   {func(c *TracesConfig) { c.IgnoreResources = []string{"^no"} }, "work of acme", 1, "accepted 1 delivered 1"},
			"name of the span": {func(c *TracesConfig) { c.SpanNameAsResourceName = true }, "work_of_acme", 1, "accepted 1 delivered 1"},
			"another name": {func(c *TracesConfig) {
				c.SpanNameAsResourceName, c.SpanNameRemappings = true, map[string]string{"work of acme": "Labour!"}
			}, "Labour", 1, "accepted 1 delivered 1"},
			"top level": {func(c *TracesConfig) { c.ComputeTopLevelBySpanKind = true }, "work of acme", 0, "accepted 1 delivered 1"},
		} {
			t.Run(string(form)+", "+name, func(t *testing.T) {
				t.Parallel()
				d, h := twoSites(t)
				set, tel := settings(t)
				e := runTraces(t, set, d, h, func(cfg *Config) {
					cfg.Traces.Intake = form
					c.change(&cfg.Traces)
				})
				td := tracesOf("acme")
				span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
				span.SetParentSpanID([8]byte{9}) // elsewhere: here the service is entered, unless kinds tell
				if err := e.ConsumeTraces(context.Background(), td); err != nil {
					t.Fatal(err)
				}
				stop(t, e)
				var bodies []string
				hits := 0
				for len(d.got) > 0 {
					r := <-d.got
					if r.path == statsPath {
						hits += hitsIn(r.body)
						continue
					}
					bodies = append(bodies, r.body)
				}
				if sent := strings.Join(bodies, ""); hits != c.hits || (len(bodies) == 0) != (c.within == "") || !strings.Contains(sent, c.within) {
					t.Errorf("%d hits, sent %q", hits, sent)
				}
				figures(t, tel, c.figures)
			})
		}
	}
}
