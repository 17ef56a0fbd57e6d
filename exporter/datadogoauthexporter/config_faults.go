package datadogoauthexporter

import (
	"fmt"
	"slices"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// faults collects what is wrong.
type faults []error

func (f *faults) add(key, format string, args ...any) {
	*f = append(*f, fmt.Errorf(key+": "+format, args...))
}

func (f *faults) compression(section string, c intake.Compression) {
	oneOf(f, section+"::compression", c, intake.Zstd, intake.Gzip, intake.None)
}

func (f *faults) age(section string, d time.Duration) {
	if d < 0 {
		f.add(section+"::max_age", "must not be negative, got %s; 0 sends data of any age", d)
	}
}

// ageBelow checks an age where Datadog answers 400 to what is older than limit.
func (f *faults) ageBelow(section string, d, limit time.Duration) {
	if d <= 0 || d >= limit {
		f.add(section+"::max_age", "must be above 0 and below %s, from where on Datadog refuses the request, got %s", limit, d)
	}
}

func oneOf[T ~string](f *faults, key string, got T, known ...T) {
	if !slices.Contains(known, got) {
		f.add(key, "must be one of %v, got %q", known, string(got))
	}
}
