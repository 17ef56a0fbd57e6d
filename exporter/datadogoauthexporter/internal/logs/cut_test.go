package logs_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/logs"
)

// maxLog is what the intake keeps of a log: https://docs.datadoghq.com/api/latest/logs/#send-logs
const maxLog = 1_000_000

const mark = "…[truncated]"

// mapOne maps a record between two small ones, and returns its members; nil if it was dropped.
func mapOne(t *testing.T, fill func(plog.ResourceLogs, plog.LogRecord)) (members map[string]any, drops intake.Drops) {
	t.Helper()
	rl := plog.NewResourceLogs()
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	records.AppendEmpty().Body().SetStr("before")
	fill(rl, records.AppendEmpty())
	records.AppendEmpty().Body().SetStr("after")
	var out intake.Payload
	logs.New(logs.Options{}).Map(rl, &out, &drops)
	begin := uint32(0)
	var all []map[string]any
	for _, it := range out.Items {
		item := out.Body[begin : it.End-1]
		begin = it.End
		if len(item) > maxLog {
			t.Errorf("an item of %d bytes", len(item))
		}
		var m map[string]any
		if err := json.Unmarshal(item, &m); err != nil {
			t.Fatalf("%v: …%s", err, item[len(item)-100:])
		}
		all = append(all, m)
	}
	switch n := len(all); {
	case n == 2 && all[0]["message"] == "before" && all[1]["message"] == "after":
		return nil, drops
	case n == 3 && all[0]["message"] == "before" && all[2]["message"] == "after":
		return all[1], drops
	}
	t.Fatalf("%d items", len(all))
	return nil, drops
}

func TestALogThatIsTooLongIsCutWithAMark(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"ASCII": "x", "mixed": "aé€😀\"\n", "not UTF-8": "\xff"} {
		long := strings.Repeat(text, 1_300_000/len(text))
		m, drops := mapOne(t, func(_ plog.ResourceLogs, lr plog.LogRecord) {
			lr.Body().SetStr(long)
			lr.Attributes().PutStr("kept", "value")
		})
		got, _ := m["message"].(string)
		kept, cut := strings.CutSuffix(got, mark)
		if !cut || m["kept"] != "value" || drops != (intake.Drops{}) {
			t.Fatalf("%s: the message ends with %q, kept is %v, dropped %v", name, got[max(0, len(got)-20):], m["kept"], drops)
		}
		if !strings.HasPrefix(strings.ReplaceAll(long, "\xff", "\ufffd"), kept) || len(kept) < 300_000 {
			t.Fatalf("%s: %d bytes are kept", name, len(kept))
		}
	}
}

// TestTheLongestTextIsCut: of a short message nothing goes since an attribute is long.
func TestTheLongestTextIsCut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fill func(plog.ResourceLogs, plog.LogRecord)
		cut  string // the member that is cut
	}{
		"attribute": {func(_ plog.ResourceLogs, lr plog.LogRecord) {
			lr.Attributes().PutStr("a", strings.Repeat("x", 1_200_000))
		}, "a"},
		"resource attribute": {func(rl plog.ResourceLogs, _ plog.LogRecord) {
			rl.Resource().Attributes().PutStr("a", strings.Repeat("x", 1_200_000))
		}, "a"},
		"larger than a body": {func(_ plog.ResourceLogs, lr plog.LogRecord) {
			lr.Attributes().PutStr("a", strings.Repeat("x", 6_000_000))
		}, "a"},
		"less than is taken": {func(_ plog.ResourceLogs, lr plog.LogRecord) {
			lr.Attributes().PutStr("a", strings.Repeat("x", 900_000))
		}, ""},
	} {
		m, drops := mapOne(t, func(rl plog.ResourceLogs, lr plog.LogRecord) {
			lr.Body().SetStr("short")
			c.fill(rl, lr)
		})
		if m["message"] != "short" || drops != (intake.Drops{}) {
			t.Errorf("%s: message %v, dropped %v", name, m["message"], drops)
		}
		for key, v := range m {
			if text, _ := v.(string); strings.HasSuffix(text, mark) != (key == c.cut) {
				t.Errorf("%s: %s ends with %q", name, key, text[max(0, len(text)-20):])
			}
		}
	}
}

// TestManyLongTextsAreCut, and many short ones cannot be.
func TestManyLongTextsAreCut(t *testing.T) {
	t.Parallel()
	fill := func(texts, bytes int) func(plog.ResourceLogs, plog.LogRecord) {
		return func(_ plog.ResourceLogs, lr plog.LogRecord) {
			for i := range texts {
				lr.Attributes().PutStr(fmt.Sprint("key", i), strings.Repeat("x", bytes))
			}
		}
	}
	if m, drops := mapOne(t, fill(4000, 1000)); m == nil || drops != (intake.Drops{}) {
		t.Errorf("%d members, dropped %v", len(m), drops)
	}
	if m, drops := mapOne(t, fill(6000, 200)); m != nil || drops != (intake.Drops{intake.ReasonTooLarge: 1}) {
		t.Errorf("%d members, dropped %v", len(m), drops)
	}
}
