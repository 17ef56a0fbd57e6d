package incidents_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/incidents"
)

func TestARecordSaysWhatItsAttributesSay(t *testing.T) {
	t.Parallel()
	lr := plog.NewLogRecord()
	lr.SetTimestamp(7)
	lr.Body().SetStr(" Checkout is down\nsince noon ")
	attrs := lr.Attributes()
	attrs.PutStr("datadog.incident.key", "k")
	attrs.PutBool("datadog.incident.customer_impacted", true)
	attrs.PutStr("datadog.incident.is_test", "true")
	attrs.PutStr("datadog.incident.severity", "SEV-1")
	attrs.PutStr("datadog.incident.services", "shop, pay,,")
	attrs.PutEmptySlice("datadog.incident.notification_handles").AppendEmpty().SetStr("@oncall")
	attrs.PutStr("datadog.incident.unknown", "x")
	attrs.PutStr("other", "x")
	r, ok := incidents.Read(lr, time.Now())
	got, err := json.Marshal(r)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	want := `{"key":"k","at":7,"text":"Checkout is down\nsince noon","impacted":true,"test":true,"handles":["@oncall"],` +
		`"fields":{"services":{"type":"autocomplete","list":["shop","pay"]},"severity":{"type":"dropdown","text":"SEV-1"}}}`
	if string(got) != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestAKeyIsMandatory(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{"k": true, strings.Repeat("é", 100): true, "": false, "  ": false, strings.Repeat("k", 101): false, "a\nb": false} {
		lr := plog.NewLogRecord()
		lr.Attributes().PutStr("datadog.incident.key", key)
		if _, ok := incidents.Read(lr, time.Now()); ok != want {
			t.Errorf("%.20q: %t", key, ok)
		}
	}
}

// TestARecordFitsIntoTheJournal has everything as long as it can be.
func TestARecordFitsIntoTheJournal(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\x01é", 10_000)
	lr := plog.NewLogRecord()
	lr.Body().SetStr(long)
	for _, name := range []string{"title", "customer_impact_scope", "type", "severity", "state", "detection_method", "summary", "root_cause"} {
		lr.Attributes().PutStr("datadog.incident."+name, long)
	}
	for _, name := range []string{"services", "teams", "notification_handles"} {
		list := lr.Attributes().PutEmptySlice("datadog.incident." + name)
		for range 1000 {
			list.AppendEmpty().SetStr(long)
		}
	}
	lr.Attributes().PutStr("datadog.incident.key", "k")
	r, _ := incidents.Read(lr, time.Now())
	raw, err := json.Marshal(r)
	if err != nil || len(raw) > credential.MaxJournalBytes*9/10 {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
	if n := utf8.RuneCountInString(r.Title); n != 400 || !strings.HasSuffix(r.Title, "…[truncated]") {
		t.Errorf("a title of %d characters", n)
	}
}
