package docs

import (
	"os"
	"strings"
	"testing"
)

// TestTheREADMEHasTheWholeExample: it calls the configuration complete.
func TestTheREADMEHasTheWholeExample(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../examples/datadog/collector.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "\n```yaml\n"+string(example)+"```\n") {
		t.Error("README.md shows another configuration than examples/datadog/collector.yaml; paste it anew")
	}
}
