package events_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/events"
)

// event and check are the items as Datadog reads them.
type event struct {
	Title          string   `json:"title"`
	Text           string   `json:"text"`
	DateHappened   int64    `json:"date_happened"`
	AlertType      string   `json:"alert_type"`
	Priority       string   `json:"priority"`
	Host           string   `json:"host"`
	AggregationKey string   `json:"aggregation_key"`
	SourceTypeName string   `json:"source_type_name"`
	DeviceName     string   `json:"device_name"`
	RelatedEventID int64    `json:"related_event_id"`
	Tags           []string `json:"tags"`
}

type check struct {
	Check     string   `json:"check"`
	HostName  string   `json:"host_name"`
	Status    *int     `json:"status"`
	Timestamp int64    `json:"timestamp"`
	Message   string   `json:"message"`
	Tags      []string `json:"tags"`
}

func decode(t testing.TB, item []byte, into any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(item)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v: %s", err, item)
	}
}

// chars counts as the limits do.
func chars(s string) int { return len(utf16.Encode([]rune(s))) }

// recordOf is a resource with one log record.
func recordOf(eventName string, set func(plog.LogRecord)) plog.ResourceLogs {
	rl := plog.NewResourceLogs()
	rl.Resource().Attributes().PutStr("host.name", "web-1")
	lr := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	lr.SetEventName(eventName)
	set(lr)
	return rl
}

func oneEvent(t *testing.T, set func(plog.LogRecord)) (e event) {
	t.Helper()
	var out events.Outputs
	newMapper().MapLogs(recordOf("datadog.event", set), &out)
	got := read(t, &out.Events, "")
	if len(got.Items) != 1 {
		t.Fatalf("%d events, dropped %v", len(got.Items), got.Dropped)
	}
	decode(t, got.Items[0], &e)
	return e
}

func TestWhatIsTooLongIsCutWithAMark(t *testing.T) {
	t.Parallel()
	const mark = "…[truncated]"
	for name, text := range map[string]string{
		"ASCII": strings.Repeat("a", 9000), "two bytes": strings.Repeat("é", 9000), "two units": strings.Repeat("😀", 9000),
		"not UTF-8": strings.Repeat("\xff", 9000), "mixed": strings.Repeat("aé😀", 3000),
	} {
		e := oneEvent(t, func(lr plog.LogRecord) {
			lr.Attributes().PutStr("datadog.event.title", text)
			lr.Attributes().PutStr("datadog.event.host", text)
			lr.Attributes().PutStr("datadog.event.tags", text)
			lr.Body().SetStr(text)
		})
		for _, f := range []struct {
			of, got string
			max     int
			mark    string
		}{{"title", e.Title, 500, mark}, {"text", e.Text, 4000, mark}, {"host", e.Host, 255, mark}, {"tag", e.Tags[0], 200, "...truncated"}} {
			whole := strings.TrimSuffix(f.got, f.mark)
			// A character of two units may not have fitted into the last one.
			if n := chars(f.got); n > f.max || n < f.max-1 || whole == f.got || !strings.HasPrefix(strings.ToValidUTF8(text, ""), strings.ReplaceAll(whole, "\ufffd", "")) {
				t.Errorf("%s: %s has %d characters: %.80q…%.40q", name, f.of, n, f.got, f.got[max(0, len(f.got)-40):])
			}
		}
	}
	fits := strings.Repeat("é", 4000)
	if e := oneEvent(t, func(lr plog.LogRecord) { lr.Body().SetStr(fits) }); e.Text != fits {
		t.Error("a text that fits was cut")
	}
}

func TestMarkdownStaysMarkdown(t *testing.T) {
	t.Parallel()
	e := oneEvent(t, func(lr plog.LogRecord) { lr.Body().SetStr("%%% \n# Deployed\n" + strings.Repeat("x", 5000) + "\n %%%") })
	if e.Title != "# Deployed" || chars(e.Text) != 4000 || !strings.HasPrefix(e.Text, "%%% \n# Dep") || !strings.HasSuffix(e.Text, "x…[truncated]\n %%%") {
		t.Errorf("title %q, text %.20q…%.40q", e.Title, e.Text, e.Text[len(e.Text)-40:])
	}
}

func TestLongKeysThatBeginAlikeStayTwo(t *testing.T) {
	t.Parallel()
	key := func(key string) string {
		return oneEvent(t, func(lr plog.LogRecord) {
			lr.Body().SetStr("x")
			lr.Attributes().PutStr("datadog.event.aggregation_key", key)
		}).AggregationKey
	}
	long := strings.Repeat("k", 200)
	a, b := key(long+"a"), key(long+"b")
	if a == b || a != key(long+"a") || chars(a) != 100 || !strings.HasPrefix(a, long[:83]+"~") {
		t.Errorf("%q, %q", a, b)
	}
	if got := key(long[:100]); got != long[:100] {
		t.Errorf("a key that fits became %q", got)
	}
}

func TestTheLastOfTooManyTagsSaysSo(t *testing.T) {
	t.Parallel()
	tags := func(own, others int) []string {
		return oneEvent(t, func(lr plog.LogRecord) {
			lr.Body().SetStr("x")
			list := lr.Attributes().PutEmptySlice("datadog.event.tags")
			for i := range own {
				list.AppendEmpty().SetStr(fmt.Sprint("own:", i))
			}
			for i := range others {
				lr.Attributes().PutInt(fmt.Sprint("other", i), 1)
			}
		}).Tags
	}
	for _, n := range [][2]int{{0, 0}, {100, 0}, {0, 100}, {50, 50}} {
		if got := tags(n[0], n[1]); len(got) != n[0]+n[1] {
			t.Errorf("of %v tags %d are left", n, len(got))
		}
	}
	for _, n := range [][2]int{{101, 0}, {0, 101}, {60, 41}, {99, 2}, {100, 1}, {500, 500}} {
		got := tags(n[0], n[1])
		if len(got) != 100 || got[99] != "tags_truncated:true" || n[0] >= 99 && got[98] != "own:98" {
			t.Errorf("of %v tags %d are left, the last ones %q", n, len(got), got[max(0, len(got)-2):])
		}
	}
}

func TestTheMessageOfACheckIsCut(t *testing.T) {
	t.Parallel()
	var out events.Outputs
	newMapper().MapLogs(recordOf("datadog.service_check", func(lr plog.LogRecord) {
		lr.Attributes().PutStr("datadog.check.name", "up")
		lr.Attributes().PutInt("datadog.check.status", 2)
		lr.Body().SetStr(strings.Repeat("é", 501))
	}), &out)
	var c check
	decode(t, read(t, &out.Checks, ",").Items[0], &c)
	if chars(c.Message) != 500 || !strings.HasSuffix(c.Message, "é…[truncated]") || *c.Status != 2 {
		t.Errorf("%d characters: %q", chars(c.Message), c.Message)
	}
}

func TestWhatIsNotTakenStays(t *testing.T) {
	t.Parallel()
	m := events.New(events.Options{})
	var out events.Outputs
	for _, name := range []string{"datadog.event", "datadog.service_check", "datadog.other"} {
		if n := m.MapLogs(recordOf(name, func(lr plog.LogRecord) { lr.Body().SetStr("x") }), &out); n != 0 {
			t.Errorf("%s: %d taken", name, n)
		}
	}
	if len(out.Events.Body)+len(out.Checks.Body) != 0 {
		t.Error("something was mapped")
	}
}
