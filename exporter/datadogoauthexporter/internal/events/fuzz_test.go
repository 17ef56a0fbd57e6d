package events_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/events"
)

// FuzzEvent asserts what Datadog would refuse an item for, whatever the record holds.
func FuzzEvent(f *testing.F) {
	f.Add("title", "text", "key", "a:b", uint64(1_700_000_000_000_000_000), int32(17), true)
	f.Add("", "%%%\n", "\xff", ",,", uint64(0), int32(0), false)
	f.Add("\x00\u2028", "😀", strings.Repeat("k", 101), "", ^uint64(0), int32(-5), true)
	f.Fuzz(func(t *testing.T, title, text, key, tag string, at uint64, severity int32, isEvent bool) {
		rl := recordOf("datadog.service_check", func(lr plog.LogRecord) {
			if isEvent {
				lr.SetEventName("datadog.event")
			}
			lr.SetTimestamp(pcommon.Timestamp(at))
			lr.SetSeverityNumber(plog.SeverityNumber(severity))
			lr.Body().SetStr(text)
			for _, kind := range []string{"datadog.event.", "datadog.check."} {
				for _, name := range []string{"title", "name", "host", "alert_type", "priority", "source_type_name", "device_name", "related_event_id"} {
					lr.Attributes().PutStr(kind+name, title)
				}
				lr.Attributes().PutStr(kind+"aggregation_key", key)
				lr.Attributes().PutStr(kind+"tags", tag)
				lr.Attributes().PutStr(kind+"message", text)
			}
			lr.Attributes().PutStr(tag, key)
		})
		var out events.Outputs
		newMapper().MapLogs(rl, &out)
		if len(out.Events.Body)+len(out.Checks.Body) > 200_000 {
			t.Fatalf("an item of %d bytes", len(out.Events.Body)+len(out.Checks.Body))
		}
		for _, item := range read(t, &out.Events, "").Items {
			var e event
			decode(t, item, &e)
			judgeTags(t, e.Tags)
			if e.Title == "" || e.Text == "" || chars(e.Title) > 500 || chars(e.Text) > 4000 || chars(e.AggregationKey) > 100 || chars(e.Host) > 255 ||
				e.DateHappened > now.Unix()+7200 || !strings.Contains(" error warning info success user_update recommendation snapshot ", " "+e.AlertType+" ") ||
				!strings.Contains("normal low", e.Priority) {
				t.Fatalf("%s", item)
			}
		}
		for _, item := range read(t, &out.Checks, ",").Items {
			var c check
			decode(t, item, &c)
			judgeTags(t, c.Tags)
			if c.Check == "" || c.HostName == "" || c.Status == nil || *c.Status < 0 || *c.Status > 3 || chars(c.Message) > 500 || *c.Status == 0 && c.Message != "" {
				t.Fatalf("%s", item)
			}
		}
	})
}

func judgeTags(t *testing.T, tags []string) {
	t.Helper()
	if tags == nil || len(tags) > 100 {
		t.Fatalf("%d tags", len(tags))
	}
	for _, tag := range tags {
		if tag == "" || chars(tag) > 200 || !utf8.ValidString(tag) {
			t.Fatalf("tag %q", tag)
		}
	}
}
