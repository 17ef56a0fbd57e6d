package admin

import (
	"fmt"
	"strings"
	"time"
)

// waitsText says how long what arrives waits while a tenant is paused, and how much of it.
func waitsText(waits []SendWait) string {
	if len(waits) == 0 {
		return "What arrives meanwhile waits in the exporter, within its limits of age and size."
	}
	parts := make([]string, len(waits))
	for i, w := range waits {
		parts[i] = w.Signal + " "
		if w.MaxAge > 0 {
			parts[i] += "up to " + duration(w.MaxAge) + " and "
		}
		parts[i] += fmt.Sprintf("%.4g MiB", float64(w.MaxBytes)/(1<<20))
	}
	return "What arrives meanwhile waits: " + strings.Join(parts, ", ") + ". What is older is dropped, and beyond the size the oldest."
}

// duration is one that was configured, such as "17 h 55 min".
func duration(d time.Duration) string {
	var parts []string
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if n := d / u.of; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
			d -= n * u.of
		}
	}
	return strings.Join(parts, " ")
}
