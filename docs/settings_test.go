// Package docs has tests only: what the documentation says of settings is so.
package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext"
)

// defaults are the configurations of both components before anything is written.
func defaults() []component.Config {
	return []component.Config{datadogoauthexporter.NewFactory().CreateDefaultConfig(), datadogoauthext.NewFactory().CreateDefaultConfig()}
}

// ofOthers are settings of the collector and of other components that the documentation names.
var ofOthers = []string{"service::extensions", "telemetry::metrics::level", "component_health::include_recoverable_errors"}

// pages are the texts of the documentation by their path, without the history of changes, which names what there was, and the alert rules,
// which say what to set.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == "dist" || name == "testdata" || len(name) > 2 && name[0] == '.'):
			return filepath.SkipDir
		case filepath.Ext(name) == ".md" && name != "CHANGELOG.md", path == "../deploy/alerts.yaml":
			text, err := os.ReadFile(path)
			all[path] = string(text)
			return err
		}
		return nil
	})
	if err != nil || len(all) < 10 {
		t.Fatalf("%d pages: %v", len(all), err)
	}
	return all
}

var (
	setting      = regexp.MustCompile(`\b[a-z][a-z_0-9]*(::([a-z_0-9]+[a-z0-9.-]*[a-z0-9]|<[a-z]+>|…))+`)
	settingTable = regexp.MustCompile(`(?m)^\| Setting \| (Default)?.*\n\|[-|]+\|\n((?:\|.*\n)+)`)
	assignment   = regexp.MustCompile("`([a-z_0-9:]+): ([a-z0-9_]+)`")
	quoted       = regexp.MustCompile("`([^`]+)`")
)

func TestSettingsExist(t *testing.T) {
	t.Parallel()
	named := 0
	for path, text := range pages(t) {
		names := setting.FindAllString(text, -1)
		for _, table := range settingTable.FindAllStringSubmatch(text, -1) {
			for _, row := range rows(table[2]) {
				name, _, _ := strings.Cut(row[0], ": ")
				names = append(names, name)
			}
		}
		for _, name := range names {
			if named++; !exists(name) {
				t.Errorf("%s: there is no setting %s", path, name)
			}
		}
	}
	if named < 200 {
		t.Errorf("%d names of settings were found", named)
	}
}

// rows are the first quoted texts of the first two columns.
func rows(table string) (all [][2]string) {
	for line := range strings.Lines(table) {
		var row [2]string
		for i, cell := range strings.Split(strings.Trim(line, "| \n"), " | ") {
			if m := quoted.FindStringSubmatch(cell); m != nil && i < len(row) {
				row[i] = m[1]
			}
		}
		all = append(all, row)
	}
	return all
}

// exists says that one of the components has the setting. A name that begins with tls is one below any HTTP section.
func exists(name string) bool {
	if slices.Contains(ofOthers, name) {
		return true
	}
	path := strings.Split(name, "::")
	for _, cfg := range defaults() {
		if of := reflect.TypeOf(cfg); has(of, path) || path[0] == "tls" && has(of, append([]string{"http"}, path...)) {
			return true
		}
	}
	return false
}

// has says that a configuration of this type has a key at path.
func has(of reflect.Type, path []string) bool {
	if len(path) == 0 {
		return true
	}
	if get, ok := reflect.PointerTo(of).MethodByName("Get"); ok && strings.HasPrefix(of.Name(), "Optional[") {
		return has(get.Type.Out(0).Elem(), path)
	}
	switch of.Kind() {
	case reflect.Pointer:
		return has(of.Elem(), path)
	case reflect.Map, reflect.Slice:
		return has(of.Elem(), path[1:])
	case reflect.Struct:
		if path[0] == "…" { // any
			return len(path) == 1
		}
		for f := range of.Fields() {
			key, options, _ := strings.Cut(f.Tag.Get("mapstructure"), ",")
			if f.IsExported() && (key == path[0] && has(f.Type, path[1:]) || strings.Contains(options, "squash") && has(f.Type, path)) {
				return true
			}
		}
	}
	return false
}

// What is shown as `name: value` can be written.
func TestValuesOfSettingsAreTaken(t *testing.T) {
	t.Parallel()
	shown := 0
	for path, text := range pages(t) {
		for _, m := range assignment.FindAllStringSubmatch(text, -1) {
			name, value := m[1], m[2]
			if !strings.Contains(name, "::") && !exists(name) || slices.Contains(ofOthers, name) {
				continue
			}
			shown++
			if err := takes(name, value); err != nil {
				t.Errorf("%s: %s: %s: %v", path, name, value, err)
			}
		}
	}
	if shown < 15 {
		t.Errorf("%d values are shown", shown)
	}
}

// takes writes one setting into the component that has it.
func takes(name, value string) error {
	var v any
	if err := yaml.Unmarshal([]byte(value), &v); err != nil {
		return err
	}
	path := strings.Split(name, "::")
	for i := len(path) - 1; i >= 0; i-- {
		v = map[string]any{path[i]: v}
	}
	for _, cfg := range defaults() {
		if !has(reflect.TypeOf(cfg), path) {
			continue
		}
		if err := confmap.NewFromStringMap(v.(map[string]any)).Unmarshal(cfg); err != nil {
			return err
		}
		// What else the configuration lacks is not the matter.
		if err := confmap.Validate(cfg); err != nil && strings.Contains(err.Error(), name+": ") {
			return err
		}
		return nil
	}
	return fmt.Errorf("there is no setting %s", name)
}

func TestDefaultsOfSettingsAreSo(t *testing.T) {
	t.Parallel()
	compared := 0
	for path, text := range pages(t) {
		for _, table := range settingTable.FindAllStringSubmatch(text, -1) {
			if table[1] == "" {
				continue
			}
			for _, row := range rows(table[2]) {
				name, _, _ := strings.Cut(row[0], ": ")
				compared++
				if got := defaultOf(t, name); got != row[1] {
					t.Errorf("%s: the default of %s is %s, not %s", path, name, got, row[1])
				}
			}
		}
	}
	if compared < 3 {
		t.Errorf("%d defaults were compared", compared)
	}
}

func defaultOf(t *testing.T, name string) string {
	t.Helper()
	for _, cfg := range defaults() {
		conf := confmap.New()
		if err := conf.Marshal(cfg); err != nil {
			t.Fatal(err)
		}
		if conf.IsSet(name) {
			return fmt.Sprint(conf.Get(name))
		}
	}
	return "unknown"
}
