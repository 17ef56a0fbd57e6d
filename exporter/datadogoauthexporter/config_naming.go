package datadogoauthexporter

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// validateNaming checks what spans are called and which traces are left out.
func (t *TracesConfig) validateNaming(f *faults) {
	for i, expr := range t.IgnoreResources {
		key := fmt.Sprintf("traces::ignore_resources::%d", i)
		if expr == "" {
			f.add(key, "must not be empty: it would leave out every trace")
		} else if _, err := regexp.Compile(expr); err != nil {
			f.add(key, "%w", err)
		}
	}
	for _, from := range slices.Sorted(maps.Keys(t.SpanNameRemappings)) {
		if to := t.SpanNameRemappings[from]; from == "" || to == "" {
			f.add("traces::span_name_remappings", "must not hold an empty name, got %q: %q", from, to)
		}
	}
}

// ignored are the compiled expressions of IgnoreResources.
func (t *TracesConfig) ignored() ([]*regexp.Regexp, error) {
	var all []*regexp.Regexp
	for i, text := range t.IgnoreResources {
		expr, err := regexp.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("traces::ignore_resources::%d: %w", i, err)
		}
		all = append(all, expr)
	}
	return all, nil
}
