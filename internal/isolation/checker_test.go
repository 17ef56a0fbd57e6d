package isolation_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/isolation"
)

// request is an OTLP request of owners as it goes to the OTLP intake: without the attribute that names the tenant.
func request(t *testing.T, seed uint64, owners ...isolation.Owner) (path string, body []byte) {
	t.Helper()
	g := isolation.NewGenerator(rand.New(rand.NewPCG(seed, 1)), new(isolation.Streams))
	now := time.Unix(1_800_000_000, 0)
	var err error
	if seed%2 == 0 {
		d := g.Metrics(now, owners...)
		for _, rm := range d.ResourceMetrics().All() {
			rm.Resource().Attributes().Remove(isolation.TenantAttribute)
			rm.ScopeMetrics().At(0).Metrics().RemoveIf(func(m pmetric.Metric) bool { return strings.HasPrefix(m.Name(), "check.") }) // no number of theirs tells
		}
		body, err = pmetricotlp.NewExportRequestFromMetrics(d).MarshalProto()
		path = "/v1/metrics"
	} else {
		d := g.Logs(now, owners...)
		for _, rl := range d.ResourceLogs().All() {
			rl.Resource().Attributes().Remove(isolation.TenantAttribute)
			for _, lr := range rl.ScopeLogs().At(0).LogRecords().All() {
				lr.Attributes().RemoveIf(func(k string, _ pcommon.Value) bool { return strings.HasPrefix(k, "datadog.") })
			}
		}
		body, err = plogotlp.NewExportRequestFromLogs(d).MarshalProto()
		path = "/v1/logs"
	}
	if err != nil {
		t.Fatal(err)
	}
	return path, body
}

func TestWhatIsGeneratedIsItsOwners(t *testing.T) {
	t.Parallel()
	var c isolation.Checker
	for n := range isolation.Tenants {
		for seed := range uint64(50) {
			o := isolation.Owner{Tenant: n, Changes: int(seed % 4)}
			path, body := request(t, seed, o)
			found, err := c.Check(path, "", body)
			if err != nil {
				t.Fatalf("tenant %d, seed %d: %v", n, seed, err)
			}
			if found.Owners&o.Set() == 0 || found.Owners&^isolation.AnyOf(n) != 0 {
				t.Fatalf("tenant %d, seed %d: found %s", n, seed, found.Owners)
			}
		}
	}
}

func TestABodyOfTwoTenantsIsNobodys(t *testing.T) {
	t.Parallel()
	var c isolation.Checker
	for a := range isolation.Tenants {
		for b := range isolation.Tenants {
			path, body := request(t, uint64(2*(a*isolation.Tenants+b)+1), isolation.Owner{Tenant: a}, isolation.Owner{Tenant: b})
			if _, err := c.Check(path, "", body); (err == nil) != (a == b) {
				t.Fatalf("tenants %d and %d: %v", a, b, err)
			}
		}
	}
}

// TestTheDifferenceOfTwoTenantsIsNobodys: a value that one tenant's counter has grown by since another's, with nothing else to tell.
func TestTheDifferenceOfTwoTenantsIsNobodys(t *testing.T) {
	t.Parallel()
	var c isolation.Checker
	value := func(o isolation.Owner, seed uint64) float64 {
		g := isolation.NewGenerator(rand.New(rand.NewPCG(seed, 3)), new(isolation.Streams))
		for {
			d := g.Metrics(time.Unix(1_800_000_000, 0), o)
			for _, m := range d.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
				if m.Type() == pmetric.MetricTypeGauge && strings.Contains(m.Name(), "gauge") {
					p := m.Gauge().DataPoints().At(0)
					return p.DoubleValue() + float64(p.IntValue())
				}
			}
		}
	}
	series := func(v float64) []byte {
		point := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), math.Float64bits(v))
		point = protowire.AppendVarint(protowire.AppendTag(point, 2, protowire.VarintType), 1_800_000_000/216*216) // in a window of tenant 0
		one := protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "bare.requests")
		one = protowire.AppendBytes(protowire.AppendTag(one, 4, protowire.BytesType), point)
		return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), one)
	}
	first := isolation.Owner{}
	for n := 1; n < isolation.Tenants; n++ {
		for seed := range uint64(20) {
			own, other := value(first, seed)*1000, value(isolation.Owner{Tenant: n}, seed)
			if _, err := c.Check("/api/v2/series", "", series(own)); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Check("/api/v2/series", "", series(own-other)); err == nil {
				t.Fatalf("%v - %v of tenant %d is taken for tenant 0's", own, other, n)
			}
		}
	}
}

// TestAChangedTextIsNobodys puts the mark of another tenant, or none, into the place of each text of a body.
func TestAChangedTextIsNobodys(t *testing.T) {
	t.Parallel()
	var c isolation.Checker
	own := `[{"message":"hello zqaaqz","service":"svc-zqaaqz","ddtags":"team:zqaaqz","@timestamp":"2027-01-15T07:58:48Z","n":1009}]`
	if !json.Valid([]byte(own)) {
		t.Fatal("not JSON")
	}
	if found, err := c.Check("/api/v2/logs", "", []byte(own)); err != nil || found.Owners != (isolation.Owner{}).Set() {
		t.Fatalf("%s %v", found.Owners, err)
	}
	for _, wrong := range []string{"zqbaqz", "someone"} {
		for rest := own; ; {
			at := strings.LastIndex(rest, "zqaaqz")
			if at < 0 {
				break
			}
			changed := own[:at] + wrong + own[at+len("zqaaqz"):]
			if _, err := c.Check("/api/v2/logs", "", []byte(changed)); err == nil {
				t.Errorf("%s is taken for tenant 0's", changed)
			}
			rest = rest[:at]
		}
	}
	for _, changed := range []string{strings.Replace(own, "1009", "1013", 1), strings.Replace(own, "07:58:48", "07:59:30", 1), `[{"message":"hello"}]`, `[`, `[]`} {
		if _, err := c.Check("/api/v2/logs", "", []byte(changed)); err == nil {
			t.Errorf("%s is taken for tenant 0's", changed)
		}
	}
}

// TestFlippedBytesOfAProtobufBody: most are seen, but for those of flags and types, and none makes the reader panic.
func TestFlippedBytesOfAProtobufBody(t *testing.T) {
	t.Parallel()
	var c isolation.Checker
	path, body := request(t, 4, isolation.Owner{Tenant: 5})
	seen := 0
	for i := range body {
		changed := bytes.Clone(body)
		changed[i] ^= 0x55
		if _, err := c.Check(path, "", changed); err != nil {
			seen++
		}
	}
	if seen*10 < len(body)*6 {
		t.Errorf("%d of %d flipped bytes were seen", seen, len(body))
	}
}
