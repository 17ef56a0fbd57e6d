package deploy

import (
	"fmt"
	"slices"
	"strings"
)

// Known is everything that an expression may name.
type Known struct {
	Ours map[string]Metric
	// Others are series of the collector itself and of Prometheus, each with its labels.
	Others map[string][]string
}

// everywhere are the labels that Prometheus gives to all it scrapes.
var everywhere = []string{"job", "instance"}

// Check says what is wrong with the names in an expression, and which labels its result may have.
func (k Known) Check(expr string) (faults, labels []string) {
	e, err := ParseExpression(expr)
	if err != nil {
		return []string{err.Error()}, nil
	}
	labels = slices.Clone(everywhere)
	for _, s := range e.Selectors {
		has, enums, ok := k.labels(s.Metric)
		if !ok {
			faults = append(faults, fmt.Sprintf("there is no metric %s: %s", s.Metric, expr))
			continue
		}
		labels = append(labels, has...)
		for _, m := range s.Matchers {
			if !slices.Contains(has, m.Label) && !slices.Contains(everywhere, m.Label) {
				faults = append(faults, fmt.Sprintf("%s has no label %s: %s", s.Metric, m.Label, expr))
				continue
			}
			for _, v := range m.Values() {
				if values, ok := enums[m.Label]; ok && !values.Has(v) {
					faults = append(faults, fmt.Sprintf("%s of %s is never %q: %s", m.Label, s.Metric, v, expr))
				}
			}
		}
	}
	for _, by := range e.By {
		if !slices.Contains(labels, by) {
			faults = append(faults, fmt.Sprintf("no metric here has a label %s: %s", by, expr))
		}
	}
	if len(e.By) > 0 {
		labels = e.By // what an aggregation keeps; too many where there are several
	}
	return faults, labels
}

func (k Known) labels(series string) (names []string, values map[string]Label, ok bool) {
	if names, ok := k.Others[series]; ok {
		return names, nil, true
	}
	m, ok := Instrument(k.Ours, series)
	if !ok {
		return nil, nil, false
	}
	for name := range m.Labels {
		names = append(names, name)
	}
	if strings.HasSuffix(series, "_bucket") {
		names = append(names, "le")
	}
	// The name of an exporter is the operator's.
	values = make(map[string]Label, len(m.Labels))
	for name, label := range m.Labels {
		if name != "exporter" {
			values[name] = label
		}
	}
	return names, values, true
}
