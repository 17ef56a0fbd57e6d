package datadogoauthexporter

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

func TestREADMEListsEveryKey(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), "## Configuration")
	table, _, _ := strings.Cut(rest, "\n## ")
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(table, -1) {
		listed = append(listed, m[1])
	}
	if want := keys("", reflect.TypeFor[Config]()); !slices.Equal(listed, want) {
		t.Fatalf("README lists\n%v\nthe struct has\n%v", listed, want)
	}
}

// keys lists the keys of a struct of this package. Structs of the collector are one key each: they are documented there.
func keys(prefix string, of reflect.Type) []string {
	var all []string
	for i := range of.NumField() {
		f := of.Field(i)
		if !f.IsExported() {
			continue
		}
		key := prefix + f.Tag.Get("mapstructure")
		if f.Type.Kind() == reflect.Struct && f.Type.PkgPath() == of.PkgPath() {
			all = append(all, keys(key+"::", f.Type)...)
			continue
		}
		all = append(all, key)
	}
	return all
}

func TestConfigsOfTheDocumentationLoad(t *testing.T) {
	t.Parallel()
	var raw []byte
	for _, page := range []string{"README.md", "../../docs/events.md", "../../docs/incidents.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, text...)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(raw), -1)
	if len(blocks) < 4 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, b := range blocks {
		if _, err := load(t, b[1]); err != nil {
			t.Errorf("%v in\n%s", err, b[1])
		}
	}
}

// load reads the exporter's section of a collector file as the collector does.
func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	var file map[string]any
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	section, err := confmap.NewFromStringMap(file).Sub("exporters::datadogoauth")
	if err != nil {
		t.Fatal(err)
	}
	cfg := createDefaultConfig().(*Config)
	if err := section.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestEveryFaultIsReportedUnderItsKey(t *testing.T) {
	t.Parallel()
	_, err := load(t, `
exporters:
  datadogoauth:
    credentials: datadogoauth/other
    timeout: 0s
    max_sends_per_tenant: 200
    shutdown_timeout: 10ms
    max_queue_share_per_tenant: 1.5
    sending_queue: {wait_for_result: true, batch: {partition: {metadata_keys: [x]}}}
    parking: {max_bytes_per_tenant: 100, max_bytes: 1}
    tenant: {allowed: ["a\nb"]}
    http:
      endpoint: https://api.datadoghq.com
      timeout: 1s
      compression: gzip
      cookies: {}
      headers: {DD-API-KEY: abcdef}
      tls: {insecure: true, insecure_skip_verify: true}
    endpoints: {datadoghq.org: {api: https://a}, datadoghq.eu: {api: http://a, nothing: https://b}}
    hostname: "a b"
    resource_host: maybe
    integration: {source: "a,b"}
    metrics: {compression: lz4, remapping: some, max_age: -1s, max_ahead: -1s, delta_ttl: 0s, max_series: 0, histograms: {mode: nobuckets}, sums: {cumulative_monotonic_mode: x}}
    otlp: {platform: a.b, source: "a b"}
    logs: {compression: x, intake: public}
    traces: {intake: v2, ignore_resources: ["(", ""], span_name_remappings: {"": a, b: ""}, max_age: -1s, peer_tags: [""], bucket_interval: 1ms, max_stats_keys_per_tenant: 0, max_stats_keys: -1}
    events: {max_age: 18h}
    service_checks: {max_age: 0s}
    incidents: {max_age: -1s, search_for: 0s, remember_for: 1h}
`)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, key := range []string{
		"timeout: must be positive", "shutdown_timeout: must be at least", "sending_queue::wait_for_result:", "sending_queue::num_consumers:", "sending_queue::batch::partition:", "max_queue_share_per_tenant:", "parking::max_bytes:",
		"tenant: nothing names", "tenant::allowed::0:", "http::endpoint:", "http::timeout:", "http::compression:", "http::cookies:", "http::headers:",
		"http::tls::insecure:", "http::tls::insecure_skip_verify:", "endpoints: datadoghq.org:", "endpoints: datadoghq.eu::api:", "endpoints: datadoghq.eu::nothing:",
		"hostname:", "resource_host:", "metrics::remapping:", "integration::source:", "metrics::compression:", "metrics::max_age:", "metrics::max_ahead:", "metrics::delta_ttl:", "metrics::max_series:",
		"metrics::histograms: mode nobuckets", "metrics::sums::cumulative_monotonic_mode:", "logs::compression:", "traces::max_age:",
		"otlp::platform:", "otlp::source:", "logs::intake:", "traces::intake:", "traces::ignore_resources::0:", "traces::ignore_resources::1: must not be empty",
		`traces::span_name_remappings: must not hold an empty name, got "": "a"`, `traces::span_name_remappings: must not hold an empty name, got "b": ""`,
		"traces::peer_tags::0:", "traces::bucket_interval:", "traces::max_stats_keys_per_tenant:", "traces::max_stats_keys:",
		"events::max_age:", "service_checks::max_age:", "incidents::max_age:", "incidents::search_for:", "incidents::remember_for:",
	} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("nothing about %s", key)
		}
	}
	if strings.Contains(err.Error(), "abcdef") {
		t.Error("the error holds the value of a header")
	}
	if t.Failed() {
		t.Log(err)
	}
}

// TestTheQueueFitsTheRest has values that are good alone and not together.
func TestTheQueueFitsTheRest(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"max_sends_per_tenant: 127":                                                  "",
		"max_sends_per_tenant: 128":                                                  "sending_queue::num_consumers: must be above twice",
		"sending_queue: {num_consumers: 5}":                                          "sending_queue::num_consumers: must be above twice",
		"sending_queue: {num_consumers: 5}, service_checks: {enabled: false}":        "",
		"sending_queue: {storage: file_storage}":                                     "",
		"sending_queue: {storage: file_storage}, retry_on_failure: {enabled: false}": "sending_queue::storage: needs retry_on_failure",
		"retry_on_failure: {enabled: false}":                                         "",
	} {
		_, err := load(t, "exporters: {datadogoauth: {tenant: {fixed: acme}, "+text+"}}")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestIntakesThatCannotDoWhatIsAskedAreNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"resource_host: drop, logs: {intake: otlp}":                                              "logs::intake: otlp cannot",
		"metrics: {intake: otlp, remapping: runtime}":                                            "metrics::remapping:",
		"metrics: {intake: public}":                                                              "metrics::intake:",
		"traces: {intake: otlp, ignore_resources: [" + strings.Repeat("abcdefghij", 500) + "]}":  "traces::intake: otlp takes ignore_resources",
		"traces: {ignore_resources: [" + strings.Repeat("abcdefghij", 500) + "]}":                "",
		"traces: {intake: otlp, compute_top_level_by_span_kind: true}":                           "traces::compute_top_level_by_span_kind:",
		"traces: {intake: public, compute_top_level_by_span_kind: true}":                         "",
		"otlp: {platform: vercel, source: x}, metrics: {intake: otlp}, traces: {intake: public}": "",
	} {
		_, err := load(t, "exporters: {datadogoauth: {tenant: {fixed: acme}, "+text+"}}")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v", text, err)
		}
	}
}

func TestQueueMustStayEnabled(t *testing.T) {
	t.Parallel()
	_, err := load(t, "exporters: {datadogoauth: {tenant: {fixed: acme}, sending_queue: {enabled: false}}}")
	if err == nil || !strings.Contains(err.Error(), "sending_queue: must stay enabled") {
		t.Fatal(err)
	}
}

func TestInitialValueOfRawValues(t *testing.T) {
	t.Parallel()
	const sums = "exporters: {datadogoauth: {tenant: {fixed: acme}, metrics: {sums: {%s}}}}"
	for keys, valid := range map[string]bool{
		"initial_cumulative_monotonic_value: drop":                                       true,
		"cumulative_monotonic_mode: raw_value":                                           true,
		"cumulative_monotonic_mode: to_delta, initial_cumulative_monotonic_value: keep":  true,
		"cumulative_monotonic_mode: raw_value, initial_cumulative_monotonic_value: keep": false,
		"cumulative_monotonic_mode: raw_value, initial_cumulative_monotonic_value: auto": false,
	} {
		_, err := load(t, fmt.Sprintf(sums, keys))
		if valid != (err == nil) {
			t.Errorf("%s: %v", keys, err)
		}
		if !valid && err != nil && !strings.Contains(err.Error(), "metrics::sums::initial_cumulative_monotonic_value: remove it") {
			t.Errorf("%s: the error does not name the key: %v", keys, err)
		}
	}
}

func TestKeysOfDatadogsExporterAreNamed(t *testing.T) {
	t.Parallel()
	_, err := load(t, `
exporters:
  datadogoauth:
    tenant: {fixed: acme}
    api: {key: abcdef, site: datadoghq.eu}
    metrics: {report_quantiles: true, histograms: {send_count_sum_metrics: true}}
`)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"api: remove it", "metrics::report_quantiles: use metrics::summaries::mode", "metrics::histograms::send_count_sum_metrics: use"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing of %q", want)
		}
	}
	if strings.Contains(err.Error(), "abcdef") {
		t.Error("the error holds a value")
	}
	if _, err = load(t, "exporters: {datadogoauth: {tenant: {fixed: acme}, metrics: {unknown: 1}}}"); err == nil {
		t.Error("an unknown key is accepted")
	}
}
