package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// durability is what a configuration says of durability. Blocks of the documentation leave out what is of no interest to them.
type durability struct {
	Extensions map[string]struct {
		FSync      bool   `yaml:"fsync"`
		Directory  string `yaml:"directory"`
		MaxSize    int64  `yaml:"max_size"`
		Compaction struct {
			OnRebound bool   `yaml:"on_rebound"`
			Directory string `yaml:"directory"`
		} `yaml:"compaction"`
	} `yaml:"extensions"`
	Exporters map[string]struct {
		Queue struct {
			Storage string `yaml:"storage"`
		} `yaml:"sending_queue"`
	} `yaml:"exporters"`
	Service struct {
		Pipelines map[string]struct {
			Processors, Exporters []string
		} `yaml:"pipelines"`
	} `yaml:"service"`
}

// durable says whether an exporter of ours keeps its queue in a storage, and what is at odds with that.
func durable(config string) (is bool, faults []string, err error) {
	var c durability
	if err := yaml.Unmarshal([]byte(config), &c); err != nil {
		return false, nil, err
	}
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for name, exporter := range c.Exporters {
		storage := exporter.Queue.Storage
		if typeOf(name) != "datadogoauth" || storage == "" {
			continue
		}
		is = true
		if s, ok := c.Extensions[storage]; !ok {
			fault("%s: there is no %s", name, storage)
		} else if typeOf(storage) == "file_storage" && !s.FSync {
			fault("%s: a power failure loses what was acknowledged without fsync", storage)
		}
		for pipeline, p := range c.Service.Pipelines {
			if !slices.Contains(p.Exporters, name) {
				continue
			}
			if len(p.Processors) == 0 || typeOf(p.Processors[0]) != "memory_limiter" {
				fault("%s: memory_limiter is not the first processor", pipeline)
			}
			if slices.ContainsFunc(p.Processors, func(p string) bool { return typeOf(p) == "batch" }) {
				fault("%s: batch acknowledges before the queue has it", pipeline)
			}
		}
	}
	return is, faults, nil
}

// bounded says what the storages of a configuration lack to be bounded, and to give room back.
func bounded(config string) (faults []string, err error) {
	var c durability
	if err := yaml.Unmarshal([]byte(config), &c); err != nil {
		return nil, err
	}
	for name, s := range c.Extensions {
		if typeOf(name) != "file_storage" {
			continue
		}
		if s.MaxSize <= 0 {
			faults = append(faults, name+": there is no max_size")
		}
		// Only where the new file is on the same file system is it moved in one step.
		if !s.Compaction.OnRebound || !strings.HasPrefix(s.Compaction.Directory, s.Directory+"/") {
			faults = append(faults, name+": no compaction on_rebound below its directory")
		}
	}
	return faults, nil
}

// typeOf is the type of a component by its id.
func typeOf(id string) string {
	kind, _, _ := strings.Cut(id, "/")
	return kind
}

// TestWhatIsShownForDurableUseIsDurable looks at the examples and at every block of the documentation.
func TestWhatIsShownForDurableUseIsDurable(t *testing.T) {
	t.Parallel()
	examples := 0
	for name, config := range configsShown(t) {
		is, faults, err := durable(config)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(name, "examples") {
			examples++
			if !is {
				t.Errorf("%s: its exporter has no storage", name)
			}
			more, err := bounded(config)
			if faults = append(faults, more...); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, fault := range faults {
			t.Errorf("%s: %s", name, fault)
		}
	}
	t.Logf("%d examples", examples)
}

func TestWhatIsNotDurableIsSeen(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(root, "examples/datadog/collector.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	good := string(raw)
	if is, faults, err := durable(good); !is || len(faults) != 0 || err != nil {
		t.Fatalf("durable %t, %q, %v", is, faults, err)
	}
	if faults, err := bounded(good); len(faults) != 0 || err != nil {
		t.Fatalf("%q, %v", faults, err)
	}
	for change, want := range map[[2]string]string{
		{"    fsync: true\n", ""}:                                                 "without fsync",
		{"fsync: true", "fsync: false"}:                                           "without fsync",
		{"storage: file_storage", "storage: file_storage/other"}:                  "there is no file_storage/other",
		{"processors: [memory_limiter]", "processors: [memory_limiter, batch]"}:   "batch acknowledges",
		{"processors: [memory_limiter]", "processors: [memory_limiter, batch/2]"}: "batch acknowledges",
		{"processors: [memory_limiter]", "processors: [batch, memory_limiter]"}:   "not the first",
		{"    max_size: 4294967296\n", ""}:                                        "no max_size",
		{"      on_rebound: true\n", ""}:                                          "no compaction",
		{"queue/compaction", "other"}:                                             "no compaction",
		{"      processors: [memory_limiter]\n", ""}:                              "not the first",
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		_, faults, err := durable(bad)
		more, err2 := bounded(bad)
		faults, err = append(faults, more...), errors.Join(err, err2)
		if bad == good || err != nil || !strings.Contains(strings.Join(faults, ""), want) {
			t.Errorf("%q for %q: %q, %v; want %q", change[1], change[0], faults, err, want)
		}
	}
	if is, _, err := durable(strings.ReplaceAll(good, "storage: file_storage", "queue_size: 1000")); is || err != nil {
		t.Errorf("without a storage: durable %t, %v", is, err)
	}
}
