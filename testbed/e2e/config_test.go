package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func run(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t, "otelcol-datadogoauth"), args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// placeholders stand for what a configuration takes from the environment.
var envName = regexp.MustCompile(`\$\{env:([A-Z_0-9]+)`)

func placeholders(config string) []string {
	var env []string
	for _, m := range envName.FindAllStringSubmatch(config, -1) {
		value := "127.0.0.1:4317"
		switch {
		case strings.HasSuffix(m[1], "URL"):
			value = "https://localhost:8444"
		case strings.HasSuffix(m[1], "PROXY"):
			value = "http://127.0.0.1:3128"
		case strings.HasSuffix(m[1], "DIR"):
			value = "/nonexistent"
		}
		env = append(env, m[1]+"="+value)
	}
	return env
}

func TestBothComponentsAreInTheDistribution(t *testing.T) {
	t.Parallel()
	out, err := run(t, nil, "components")
	if err != nil || strings.Count(out, "name: datadogoauth\n") != 2 {
		t.Errorf("components: %v\n%s", err, out)
	}
}

// configsShown are the examples and every YAML block of the documentation, by where they are.
func configsShown(t *testing.T) map[string]string {
	t.Helper()
	configs := map[string]string{}
	examples, err := filepath.Glob(filepath.Join(root, "examples/*/*.yaml"))
	if err != nil || len(examples) < 4 {
		t.Fatalf("examples: %v, %v", examples, err)
	}
	for _, path := range examples {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		configs[path] = string(raw)
	}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	for _, pattern := range []string{"*.md", "docs/*.md", "deploy/*.md", "extension/*/README.md", "exporter/*/README.md"} {
		pages, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range pages {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range block.FindAllStringSubmatch(string(raw), -1) {
				if strings.HasPrefix(m[1], "- alert:") { // a rule of Prometheus
					continue
				}
				configs[fmt.Sprintf("%s: block %d", path, len(configs))] = m[1]
			}
		}
	}
	return configs
}

// TestEveryConfigShownIsValid validates a block with a service section alone, any other merged over what it leaves out.
func TestEveryConfigShownIsValid(t *testing.T) {
	t.Parallel()
	configs := configsShown(t)
	for name, config := range configs {
		file := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"validate", "--config", file}
		switch {
		case strings.Contains(config, "\nservice:"):
		case strings.Contains(config, "  seal:"): // the whole extension
			args = []string{"validate", "--config", "testdata/bare.yaml", "--config", file}
		default:
			args = []string{"validate", "--config", filepath.Join(root, "examples/datadog/collector.yaml"), "--config", file}
		}
		if out, err := run(t, placeholders(config), args...); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	t.Logf("%d configurations are valid", len(configs))
}

func TestValidateReportsEveryFaultAtOnceUnderItsKey(t *testing.T) {
	t.Parallel()
	out, err := run(t, nil, "validate", "--config", "testdata/faulty.yaml")
	if err == nil {
		t.Fatal("a faulty configuration was found valid")
	}
	for _, key := range []string{
		"clients::broken::client_id", "clients::broken::client_secret_file", "clients::broken::redirect_url", "clients::broken::stage",
		"flow::public_url", "store::path", "seal::tokens_keyset_file", "seal::keys_keyset_file", "http::tls::insecure_skip_verify",
		"tenant", "endpoints", "metrics::histograms::mode", "logs::compression",
	} {
		if !strings.Contains(out, key) {
			t.Errorf("nothing is said of %s", key)
		}
	}
	t.Log(out)
}
