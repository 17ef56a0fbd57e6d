package hostmetadata_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/hostmetadata"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

func TestAResourceInFull(t *testing.T) {
	t.Parallel()
	w := newWorld(func(o *hostmetadata.Options) { o.Tags = []string{"team:pay", "env:prod"} })
	r := pmetric.NewResourceMetrics()
	resource(t, map[string]any{
		"cloud.provider": "aws", "host.id": "i-0123", "host.name": "ip-10-0-0-1", "cloud.region": "eu-west-1", "cloud.availability_zone": "eu-west-1a",
		"deployment.environment.name": "prod", "k8s.cluster.name": "blue", "datadog.host.tag.rack": "7", "datadog.host.tag.empty": "",
		"datadog.host.aliases": []any{"one", 2, "two"}, "datadog.ccrid": "arn:aws:ec2:1",
		"os.description": "Debian \"12\"", "os.type": "linux", "host.arch": "amd64",
		"os.kernel.name": "Linux", "os.kernel.release": "6.1", "os.kernel.version": "#1",
		"host.cpu.vendor.id": "GenuineIntel", "host.cpu.model.name": "Xeon", "host.cpu.family": "6", "host.cpu.model.id": 85,
		"host.cpu.stepping": 7, "host.cpu.cache.l2.size": 1024,
		"host.ip": []any{"10.0.0.1", "10.0.0.2", "fe80::1"}, "host.mac": []any{"AA-BB-CC-00-11-22", "00-00-00-00-00-00"}, "process.pid": 1,
	}).CopyTo(r.Resource().Attributes())
	metrics := r.ScopeMetrics().AppendEmpty().Metrics()
	for name, values := range map[string][]float64{"system.cpu.physical.count": {4}, "system.cpu.logical.count": {8}, "system.cpu.frequency": {1e9, 2.5e9}} {
		m := metrics.AppendEmpty()
		m.SetName(name)
		points := m.SetEmptyGauge().DataPoints()
		for _, v := range values {
			points.AppendEmpty().SetDoubleValue(v)
		}
	}
	tx := w.Begin("acme", "org")
	tx.AddMetrics(r)
	got := items(t, tx.Payload())
	gohai := `{"cpu":{"cache_size":"1024","cpu_cores":"4","cpu_logical_processors":"8","family":"6","mhz":"2500","model":"85",` +
		`"model_name":"Xeon","stepping":"7","vendor_id":"GenuineIntel"},"filesystem":[],"memory":{},` +
		`"network":{"ipaddress":"10.0.0.1","ipaddressv6":"fe80::1","macaddress":"aa:bb:cc:00:11:22"},` +
		`"platform":{"hostname":"i-0123","GOOARCH":"amd64","GOOS":"linux","hardware_platform":"amd64","kernel_name":"Linux",` +
		`"kernel_release":"6.1","kernel_version":"#1","machine":"amd64","os":"Debian \"12\"","processor":"amd64"}}`
	inString, err := json.Marshal(gohai)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"meta":{"instance-id":"i-0123","ec2-hostname":"ip-10-0-0-1","ccrid":"arn:aws:ec2:1","host_aliases":["one","two"],"hostname":"i-0123"},` +
		`"internalHostname":"i-0123","otel_version":"1.2.3","agent-flavor":"otelcol-test","host-tags":{"otel":["cloud_provider:aws",` +
		`"cluster_name:blue","env:prod","rack:7","region:eu-west-1","team:pay","zone:eu-west-1a"]},"gohai":` + string(inString) + `}`
	if len(got) != 1 || got[0] != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestWhatIsNotReported has resources that are no host, or do not offer themselves.
func TestWhatIsNotReported(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(pcommon.Map)
		why    string // "" when it is none of our business
	}{
		"the attribute is missing":         {func(m pcommon.Map) { m.Remove("datadog.host.use_as_metadata") }, ""},
		"the attribute is false":           {func(m pcommon.Map) { m.PutBool("datadog.host.use_as_metadata", false) }, ""},
		"the attribute is a text":          {func(m pcommon.Map) { m.PutStr("datadog.host.use_as_metadata", "true") }, "malformed"},
		"no host":                          {func(m pcommon.Map) { m.Remove("host.name") }, "no_host"},
		"an empty host":                    {func(m pcommon.Map) { m.PutStr("host.name", "") }, "no_host"},
		"a host that means any machine":    {func(m pcommon.Map) { m.PutStr("host.name", "localhost") }, "no_host"},
		"a task of Fargate is no host":     {func(m pcommon.Map) { m.PutStr("aws.ecs.launchtype", "fargate"); m.PutStr("aws.ecs.task.arn", "a") }, "no_host"},
		"a name that is longer than names": {func(m pcommon.Map) { m.PutStr("host.name", strings.Repeat("a", 256)) }, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r := newWorld(nil), named(t, "web-1")
			c.change(r)
			tx := w.Begin("acme", "org")
			tx.Add(r)
			if got := items(t, tx.Payload()); len(got) != 0 {
				t.Fatalf("reported %s", got)
			}
			reports, drops := tx.Commit()
			for _, why := range intake.Reasons() {
				want := 0
				if why.String() == c.why {
					want = 1
				}
				if drops[why] != want {
					t.Errorf("%d dropped as %s", drops[why], why)
				}
			}
			if (reports == 1) != (c.why != "") {
				t.Errorf("%d reports", reports)
			}
		})
	}
}

func TestAChangingClockRateIsNoChange(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	see := func(hz float64) []string {
		r := pmetric.NewResourceMetrics()
		named(t, "web-1").CopyTo(r.Resource().Attributes())
		m := r.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName("system.cpu.frequency")
		m.SetEmptyGauge().DataPoints().AppendEmpty().SetDoubleValue(hz)
		tx := w.Begin("acme", "org")
		tx.AddMetrics(r)
		defer tx.Commit()
		return items(t, tx.Payload())
	}
	if got := see(1e9); len(got) != 1 || !strings.Contains(got[0], `mhz\":\"1000\"`) {
		t.Fatalf("%q", got)
	}
	w.now = w.now.Add(5 * period / 6)
	if got := see(2e9); len(got) != 0 {
		t.Fatalf("%q", got)
	}
	w.now = w.now.Add(period)
	if got := see(2e9); len(got) != 1 || !strings.Contains(got[0], `mhz\":\"2000\"`) {
		t.Fatalf("%q", got)
	}
}

func FuzzResource(f *testing.F) {
	f.Add("host.name", "web-1", "datadog.host.tag.a", "b", true)
	f.Add("datadog.host.name", "\xff\"", "host.cpu.model.name", "\x00", false)
	f.Add("host.ip", "::1", "host.mac", "A-B", true)
	f.Fuzz(func(t *testing.T, key, value, key2, value2 string, list bool) {
		r := named(t, "h", key, value)
		if list {
			s := r.PutEmptySlice(key2)
			s.AppendEmpty().SetStr(value2)
			s.AppendEmpty().SetStr(value)
		} else {
			r.PutStr(key2, value2)
		}
		r.PutBool("datadog.host.use_as_metadata", true)
		for _, text := range newWorld(nil).reports(t, "acme", r) {
			var object struct {
				Meta  struct{ Hostname string }
				Gohai string
				Tags  struct{ Otel []string } `json:"host-tags"`
			}
			if err := json.Unmarshal([]byte(text), &object); err != nil || object.Meta.Hostname == "" || !json.Valid([]byte(object.Gohai)) {
				t.Fatalf("%v: %s", err, text)
			}
			if tags := object.Tags.Otel; len(slices.Compact(slices.Sorted(slices.Values(tags)))) != len(tags) {
				t.Fatalf("tags %q", tags)
			}
		}
	})
}
