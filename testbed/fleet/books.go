package fleet

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Books are the collector's own counts of one signal, in items.
type Books struct {
	Accepted, Delivered, Expired, Parked, Redriven int
	Parking, Queued                                int // at the moment
	Dropped                                        map[string]int
}

// Settled is what became of accepted items: all that are neither waiting nor parked.
func (b Books) Settled() int {
	n := b.Delivered + b.Expired
	for _, items := range b.Dropped {
		n += items
	}
	return n
}

// Open is what is left: accepted, and neither settled nor parked nor, as far as the collector tells, queued. It is 0 when the books balance.
func (b Books) Open() int { return b.Accepted - b.Settled() - b.Parking - b.Queued }

const namespace = "otelcol_exporter_datadogoauth_"

// Books asks the collector for its own metrics, by signal. Items that wait in the queue are in Queued where the collector counts them.
func (f *Fleet) Books(ctx context.Context) (map[string]Books, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+f.metricsPort+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("own metrics: %s", resp.Status)
	}
	return readBooks(resp.Body)
}

// readBooks reads the text form of Prometheus, as far as it is about items.
//
//	otelcol_exporter_datadogoauth_dropped_items__item__total{exporter="datadogoauth",reason="baseline",signal="metrics",…} 12
func readBooks(r io.Reader) (map[string]Books, error) {
	all := map[string]Books{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), namespace)
		if !ok {
			continue
		}
		name, rest, ok := strings.Cut(rest, "_items")
		labels, value, ok2 := strings.Cut(rest, "} ")
		signal := label(labels, "signal")
		if !ok || !ok2 || signal == "" {
			continue
		}
		v, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
		if err != nil {
			return nil, fmt.Errorf("own metrics: %q: %w", lines.Text(), err)
		}
		b, n := all[signal], int(v)
		switch name {
		case "accepted":
			b.Accepted += n
		case "delivered":
			b.Delivered += n
		case "expired":
			b.Expired += n
		case "parked":
			b.Parked += n
		case "redriven":
			b.Redriven += n
		case "parking":
			b.Parking += n
		case "queued":
			b.Queued += n
		case "dropped":
			if b.Dropped == nil {
				b.Dropped = map[string]int{}
			}
			b.Dropped[label(labels, "reason")] += n
		}
		all[signal] = b
	}
	return all, lines.Err()
}

// label is the value of a label whose values need no escapes.
func label(labels, name string) string {
	_, rest, ok := strings.Cut(labels, name+`="`)
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(rest, `"`)
	return value
}
