package deploy

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Components are the directories of those that declare instruments, from the root of the repository.
var Components = []string{"exporter/datadogoauthexporter", "extension/datadogoauthext"}

// Metric is an instrument as the collector's Prometheus endpoint shows it.
type Metric struct {
	Name      string // with the prefix that the collector gives it; its endpoint adds no suffix for type or unit
	Histogram bool
	// Labels are its attributes, by the names shown.
	Labels map[string]Label
}

// Label is an attribute.
type Label struct {
	// Values are all that it can have. Where the declaration has no enum they are the texts in the component's sources, which is a check against
	// mistyped words only; Enum tells one from the other.
	Values []string
	Enum   bool
}

// Has reports whether the label may have a value.
func (l Label) Has(value string) bool { return slices.Contains(l.Values, value) }

// declaration is what is read of a metadata.yaml.
type declaration struct {
	Attributes map[string]struct {
		NameOverride string `yaml:"name_override"`
		Enum         []string
	}
	Telemetry struct {
		Metrics map[string]struct {
			Enabled    bool
			Attributes []string
			Histogram  *struct{} `yaml:"histogram"`
		}
	}
}

// shownPrefix is what the collector puts before every name.
const shownPrefix = "otelcol_"

// Declared are the instruments of the components, by the name shown.
func Declared(root string) (map[string]Metric, error) {
	all := map[string]Metric{}
	for _, dir := range Components {
		raw, err := os.ReadFile(filepath.Join(root, dir, "metadata.yaml"))
		if err != nil {
			return nil, err
		}
		texts, err := literals(filepath.Join(root, dir))
		if err != nil {
			return nil, err
		}
		if err := declared(all, raw, texts); err != nil {
			return nil, fmt.Errorf("%s/metadata.yaml: %w", dir, err)
		}
	}
	return all, nil
}

func declared(all map[string]Metric, raw []byte, texts []string) error {
	var d declaration
	if err := yaml.Unmarshal(raw, &d); err != nil {
		return err
	}
	if len(d.Telemetry.Metrics) == 0 {
		return fmt.Errorf("no instruments")
	}
	for name, m := range d.Telemetry.Metrics {
		if !m.Enabled {
			continue
		}
		shown := Metric{Name: shownPrefix + name, Histogram: m.Histogram != nil, Labels: map[string]Label{}}
		for _, id := range m.Attributes {
			a, ok := d.Attributes[id]
			if !ok {
				return fmt.Errorf("%s: no attribute %s", name, id)
			}
			label := Label{Values: a.Enum, Enum: true}
			if len(a.Enum) == 0 {
				label = Label{Values: texts}
			}
			if a.NameOverride != "" {
				id = a.NameOverride
			}
			shown.Labels[id] = label
		}
		all[shown.Name] = shown
	}
	return nil
}

var literal = regexp.MustCompile(`"([a-z][a-z_ ]*)"`)

// literals are the short texts in quotes in the Go sources of a directory, tests and generated code apart.
func literals(dir string) ([]string, error) {
	var texts []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(d.Name(), "generated_") {
			return err
		}
		raw, err := os.ReadFile(path)
		for _, m := range literal.FindAllStringSubmatch(string(raw), -1) {
			texts = append(texts, m[1])
		}
		return err
	})
	slices.Sort(texts)
	return slices.Compact(texts), err
}

// Instrument finds what declares the name of a series: a histogram shows three.
func Instrument(all map[string]Metric, series string) (Metric, bool) {
	if m, ok := all[series]; ok {
		return m, !m.Histogram
	}
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		if base, ok := strings.CutSuffix(series, suffix); ok && all[base].Histogram {
			return all[base], true
		}
	}
	return Metric{}, false
}
