package datadogoauthexporter

import (
	"regexp"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

// maxTagBytes and tagForm are Datadog's rules for a tag: what else it has would be replaced by underscores or lower case, and two collectors could come to
// have the same.
//
// https://docs.datadoghq.com/getting_started/tagging/
const maxTagBytes = 200

var tagForm = regexp.MustCompile(`^[a-z][a-z0-9_.\-/]*:[a-z0-9_.\-/:]*[a-z0-9_.\-/]$`)

// takenKeys are keys of tags that mean something to Datadog, or make a resource of a series.
var takenKeys = regexp.MustCompile(`^(host|device|service|env|version|source|dd\.internal\.[^:]*):`)

// validateWriters checks what is about several collectors that send metrics of one tenant.
func (m *MetricsConfig) validateWriters(f *faults) {
	if m.Shared && m.Sums.InitialCumulativeMonotonicValue == metrics.InitialKeep {
		f.add("metrics::shared", "cannot go with sums::initial_cumulative_monotonic_value: keep, which sends again what another collector has counted")
	}
	switch tag := m.WriterTag; {
	case tag == "":
	case len(tag) > maxTagBytes:
		f.add("metrics::writer_tag", "must have %d bytes at most, got %d", maxTagBytes, len(tag))
	case !tagForm.MatchString(tag):
		f.add("metrics::writer_tag", "must be a tag such as collector:gw-0, of lower-case letters, digits and _-./ behind a letter, with a colon between key and value, got %q", tag)
	case takenKeys.MatchString(tag):
		f.add("metrics::writer_tag", "must have a key of its own, such as collector, got %q", tag)
	}
}
