package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// awaitLog waits until the collector, another process, has written a text.
func awaitLog(t *testing.T, w *world.World, text string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if strings.Contains(w.Log.String(), text) {
			return
		}
	}
	t.Fatalf("the collector did not write %q; its last lines:\n%s", text, w.Log.Tail(20))
}
