package standin_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestTheStandInIsIndependentOfTheProduct: what both would share, both would have wrong. The module can see the product, for its end-to-end tests.
func TestTheStandInIsIndependentOfTheProduct(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	const product = "github.com/datadogoauth/otelcol-datadogoauth/"
	own := 0
	for path := range strings.FieldsSeq(string(out)) {
		if rest, ok := strings.CutPrefix(path, product); ok {
			own++
			if !strings.HasPrefix(rest, "testbed/") {
				t.Errorf("the stand-in depends on %s", path)
			}
		}
	}
	if own < 5 {
		t.Errorf("%d packages of our own were listed", own)
	}
}
