package oracle

import (
	"fmt"
	"strings"
	"testing"
)

// boundWitnesses are those of bounds that one item reaches, most of them with a setting.
var boundWitnesses = []witness{
	{
		x: eventsAreNoLogs, log: `{"eventName":"datadog.event","body":{"stringValue":"hi"}}`, want: []string{"missing:  → "},
		without: settings{"events": settings{"enabled": false}},
	},
	{
		x: eventsAreNoLogs, log: `{"attributes":[` + attrsJSON("datadog.type", "service_check", "datadog.check.name", "up") + `]}`, resource: webHost, want: []string{"missing:  → "},
		without: settings{"service_checks": settings{"enabled": false}},
	},
	{
		x: eventsAreNoLogs, metrics: strings.Replace(strings.Replace(gauge, `"7"`, `"0"`, 1), `"asInt"`, `"attributes":[`+attrsJSON("datadog.type", "service_check")+`],"asInt"`, 1), resource: webHost,
		want: []string{"missing:  → "}, without: settings{"service_checks": settings{"enabled": false}},
	},
	// Ages that Datadog takes.
	{x: oldItemsExpire, metrics: gauge, want: []string{"missing:  → "}, with: settings{"metrics": settings{"max_age": "5s"}}},
	{x: oldItemsExpire, log: `{"timeUnixNano":"@-10s","body":{"stringValue":"hi"}}`, want: []string{"missing:  → "}, with: settings{"logs": settings{"max_age": "5s"}}},
	{x: oldItemsExpire, span: clientSpan(""), want: []string{"missing:  → "}, with: settings{"traces": settings{"max_age": "5s"}}},
	{x: deepValuesAreCut, log: `{"attributes":[{"key":"k","value":` + nested(130) + `}]}`, want: []string{"k: " + listsOf("null", 127) + " → " + listsOf(`"x"`, 130)}, avoided: true},
	{x: deepValuesAreCut, span: clientSpan(`{"key":"k","value":` + nested(130) + `}`), want: []string{"meta k: " + listsOf("null", 129) + " → " + listsOf(`"x"`, 130)}, avoided: true},
	{
		x: deepValuesAreCut, metrics: strings.Replace(gauge, `"asInt"`, `"attributes":[{"key":"k","value":`+nested(130)+`}],"asInt"`, 1),
		want: []string{"tags: " + scopeTags + "|k:" + listsOf("null", 129) + " → " + scopeTags + "|k:" + listsOf(`"x"`, 130)}, avoided: true,
	},
	// The second series takes the place of the first, which had a difference to tell.
	{
		x: seriesAreCapped, metrics: counted("a", "@-30s", 5) + "," + counted("b", "@-20s", 1) + "," + counted("a", "@-10s", 7),
		want: []string{"missing:  → "}, with: settings{"metrics": settings{"max_series_per_tenant": 1}}, without: settings{"metrics": settings{"max_series_per_tenant": 2}},
	},
	{
		x: seriesAreCapped, metrics: counted("a", "@-30s", 5) + "," + counted("b", "@-20s", 1) + "," + counted("a", "@-10s", 7),
		want: []string{"missing:  → "}, with: settings{"metrics": settings{"max_series": 1}}, without: settings{"metrics": settings{"max_series": 2}},
	},
	{x: longHistogramsAreDropped, metrics: twice(4097), want: []string{"missing:  → "}, avoided: true},
	{x: itemsFitABody, log: `{"attributes":[` + shortTexts(5000) + `]}`, want: []string{"missing:  → "}, avoided: true},
	{
		x: longLogsAreCut, log: `{"body":{"stringValue":"` + strings.Repeat("a", 1_000_000) + `"}}`, avoided: true,
		want: []string{`message: "` + strings.Repeat("a", 999_884) + `…[truncated]" → "` + strings.Repeat("a", 1_000_000) + `"`},
	},
	{
		x: itemsFitABody, log: `{"attributes":[{"key":"a","value":{"kvlistValue":{"values":[` + attrsJSON("b", strings.Repeat("a", 10_000_000)) + `]}}},` + attrsJSON("a.b", "short") + `]}`,
		want: []string{"missing:  → "}, avoided: true,
	},
	{
		x: itemsFitABody, metrics: strings.Replace(gauge, `"asInt"`, `"attributes":[`+attrsJSON("k", strings.Repeat("a", 5_242_879))+`],"asInt"`, 1),
		want: []string{"missing:  → "}, avoided: true,
	},
	{x: itemsFitABody, span: clientSpan(manyTexts(130)), want: []string{"missing:  → "}, avoided: true},
}

const scopeTags = "instrumentation_scope:n/a|instrumentation_scope_version:n/a"

// nested is a text within so many lists, as OTLP; listsOf as JSON.
func nested(depth int) string {
	return strings.Repeat(`{"arrayValue":{"values":[`, depth) + `{"stringValue":"x"}` + strings.Repeat(`]}}`, depth)
}

func listsOf(inner string, depth int) string {
	return strings.Repeat("[", depth) + inner + strings.Repeat("]", depth)
}

// counted is one point of a cumulative sum that began before the test did.
func counted(name, at string, value int) string {
	return fmt.Sprintf(`{"name":%q,"sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"startTimeUnixNano":"@-9h","timeUnixNano":%q,"asInt":"%d"}]}}`, name, at, value)
}

// twice is a cumulative histogram of so many buckets with two points.
func twice(buckets int) string {
	var bounds, counts []string
	for i := range buckets {
		bounds, counts = append(bounds, fmt.Sprint(i)), append(counts, `"1"`)
	}
	point := func(at string, count int, first string) string {
		return fmt.Sprintf(`{"startTimeUnixNano":"@-9h","timeUnixNano":%q,"count":"%d","sum":1,"explicitBounds":[%s],"bucketCounts":[%q,%s]}`,
			at, count, strings.Join(bounds[1:], ","), first, strings.Join(counts[1:], ","))
	}
	return `{"name":"h","histogram":{"aggregationTemporality":2,"dataPoints":[` + point("@-20s", buckets, "1") + "," + point("@-10s", buckets+1, "2") + `]}}`
}

// longText is as long as a value of a span can be.
var longText = strings.Repeat("a", 25_000)

// manyTexts are attributes with long texts.
func manyTexts(n int) string {
	var all []string
	for i := range n {
		all = append(all, attrsJSON(fmt.Sprintf("k%d", i), longText))
	}
	return strings.Join(all, ",")
}

// shortTexts are attributes whose texts are too short to be cut.
func shortTexts(n int) string {
	var all []string
	for i := range n {
		all = append(all, attrsJSON(fmt.Sprintf("k%d", i), strings.Repeat("a", 250)))
	}
	return strings.Join(all, ",")
}

// Just below the bounds nothing differs.
func TestNothingDiffersWithinTheBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, x := range []witness{
		{x: longHistogramsAreDropped, metrics: twice(4096)},
		{x: deepValuesAreCut, log: `{"body":` + nested(128) + `,"attributes":[{"key":"k","value":` + nested(127) + `}]}`},
		{x: deepValuesAreCut, span: clientSpan(`{"key":"k","value":` + nested(128) + `}`)},
		{x: itemsFitABody, log: `{"body":{"stringValue":"` + strings.Repeat("a", 990_000) + `"}}`}, // Datadog cuts what is above 1 MB
		{x: itemsFitABody, span: clientSpan(manyTexts(126))},
	} {
		if got := differencesOf(t, w, x, nil, newExceptions()); len(got) > 0 {
			t.Errorf("%s: %.300q", x.x.name, got)
		}
	}
}
