package oracle

import (
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestCompareFindsWhatDiffers(t *testing.T) {
	t.Parallel()
	point := func(value string, tags string) item {
		return item{group: "series a at 1", id: "c1", fields: map[string]string{"value": value, "tags": tags}}
	}
	for name, c := range map[string]struct {
		ours, theirs []item
		want         string
	}{
		"equal lists in another order":        {[]item{point("1", "x"), point("2", "y")}, []item{point("2", "y"), point("1", "x")}, ""},
		"a value":                             {[]item{point("1", "x")}, []item{point("2", "x")}, "value 1→2"},
		"of several, the most alike are held": {[]item{point("1", "x"), point("3", "z")}, []item{point("3", "y"), point("1", "x")}, "tags z→y"},
		"what only they have":                 {nil, []item{point("1", "x")}, "missing →"},
		"what only we have, even if repeated": {[]item{point("1", "x"), point("1", "x")}, []item{point("1", "x")}, "extra →"},
	} {
		var got []string
		for _, d := range compare(c.ours, c.theirs) {
			got = append(got, d.field+" "+d.ours+"→"+d.theirs)
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s: %q, want %q", name, s, c.want)
		}
	}
}

func TestShrinkLeavesWhatMatters(t *testing.T) {
	t.Parallel()
	d := pmetric.NewMetrics()
	for _, host := range []string{"a", "b"} {
		rm := d.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("host.name", host)
		for _, name := range []string{"x", "culprit", "y"} {
			m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
			m.SetName(name)
			m.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(5)
		}
	}
	has := func(payloads []pmetric.Metrics) bool {
		for _, d := range payloads {
			text, err := metricsCodec.marshal(d)
			if err == nil && strings.Contains(string(text), "culprit") {
				return true
			}
		}
		return false
	}
	small := shrink(metricsCodec, []pmetric.Metrics{pmetric.NewMetrics(), d}, has)
	if len(small) != 1 || small[0].MetricCount() != 1 || small[0].DataPointCount() != 0 || small[0].ResourceMetrics().At(0).Resource().Attributes().Len() != 0 {
		text, _ := metricsCodec.marshal(small[0])
		t.Errorf("%d payloads are left, the first %s", len(small), text)
	}
}
