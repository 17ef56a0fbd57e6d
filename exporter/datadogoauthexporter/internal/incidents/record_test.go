package incidents_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
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
	handles := attrs.PutEmptySlice("datadog.incident.notification_handles")
	for _, h := range []string{"@oncall", "bob@example.com", "", "@", "@" + strings.Repeat("x", 100), "a\nb"} {
		handles.AppendEmpty().SetStr(h)
	}
	attrs.PutStr("datadog.incident.teams", " , ")
	attrs.PutStr("datadog.incident.state", "")
	attrs.PutStr("datadog.incident.summary", " ")
	attrs.PutStr("datadog.incident.type", "SEV")
	attrs.PutStr("datadog.incident.unknown", "x")
	attrs.PutStr("other", "x")
	r, ok := incidents.Read(lr, time.Now())
	got, err := json.Marshal(r)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	want := `{"key":"k","at":7,"text":"Checkout is down\nsince noon","impacted":true,"test":true,"handles":["@oncall","@bob@example.com"],` +
		`"fields":{"services":{"type":"autocomplete","list":["shop","pay"]},"severity":{"type":"dropdown","text":"SEV-1"}}}`
	if string(got) != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if r.Omitted != 4 { // three handles and the type
		t.Errorf("omitted %d", r.Omitted)
	}
	attrs.PutStr("datadog.incident.type", "0123abcd-0000-4000-8000-00000000000F")
	if r, _ := incidents.Read(lr, time.Now()); r.Type != "0123abcd-0000-4000-8000-00000000000F" {
		t.Errorf("type %q", r.Type)
	}
	attrs.PutStr("datadog.incident.services", strings.Repeat("s,", 53))
	if r, _ := incidents.Read(lr, time.Now()); len(r.Fields["services"].List) != 50 || r.Omitted != 3+3 {
		t.Errorf("%d services, omitted %d", len(r.Fields["services"].List), r.Omitted)
	}
}

// TestKeysThatAreTooLongStayApart has two that begin alike.
func TestKeysThatAreTooLongStayApart(t *testing.T) {
	t.Parallel()
	read := func(key string) string {
		lr := plog.NewLogRecord()
		lr.Attributes().PutStr("datadog.incident.key", key)
		r, ok := incidents.Read(lr, time.Now())
		if n := utf8.RuneCountInString(r.Key); !ok || n != 100 {
			t.Errorf("%t, a key of %d characters", ok, n)
		}
		return r.Key
	}
	long := strings.Repeat("é", 200)
	if a, b := read(long+"a"), read(long+"b"); a == b || a != read(long+"a") || !strings.HasPrefix(a, "éé") {
		t.Errorf("%q and %q", a, b)
	}
}

// TestARecordOfTheFutureIsOneOfNow has clocks that are ahead, one of them beyond what 63 bits hold.
func TestARecordOfTheFutureIsOneOfNow(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 5)
	for stated, want := range map[pcommon.Timestamp]int64{
		pcommon.NewTimestampFromTime(now.AddDate(1, 0, 0)): now.UnixNano(),
		1<<64 - 1: now.UnixNano(),
		pcommon.NewTimestampFromTime(now.Add(-1 * time.Second)): now.UnixNano() - 1e9,
	} {
		lr := plog.NewLogRecord()
		lr.SetTimestamp(stated)
		if r, _ := incidents.Read(lr, now); r.At != want {
			t.Errorf("%d counts as %d, want %d", stated, r.At, want)
		}
	}
}

func TestAKeyIsMandatory(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{"k": true, strings.Repeat("é", 100): true, "": false, "  ": false, strings.Repeat("k", 101): true, "a\nb": false} {
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
