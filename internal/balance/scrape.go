package balance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Parse reads the text form of Prometheus, as far as it is about items. Units and types in names are as the collector's reader is configured:
//
//	otelcol_exporter_datadogoauth_dropped_items__item__total{exporter="datadogoauth",reason="baseline",signal="metrics",…} 12
//	otelcol_exporter_datadogoauth_queued_items{exporter="datadogoauth",signal="logs"} 3 1700000000000
//
// It is an error if the text has no gauge of what is queued: then these are not the metrics of a collector with this exporter.
func Parse(text io.Reader) (Books, error) {
	b, queued := Books{}, false
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		rest, ours := strings.CutPrefix(lines.Text(), Prefix)
		if !ours {
			continue
		}
		name, rest, ok := strings.Cut(rest, "{")
		labels, after, ok2 := strings.Cut(rest, "} ")
		instrument, _, items := strings.Cut(name, "_items")
		if !ok || !ok2 || !items {
			continue
		}
		number, _, _ := strings.Cut(after, " ")
		value, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return nil, fmt.Errorf("own metrics: %q: %w", lines.Text(), err)
		}
		queued = queued || instrument == "queued"
		b.Add(instrument+"_items", func(name string) string { return label(labels, name) }, int(value))
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("own metrics: %w", err)
	}
	if !queued {
		return nil, errors.New("own metrics: nothing says what is queued")
	}
	return b, nil
}

// label is the value of a label. Values of ours need no escapes.
func label(labels, name string) string {
	for rest := labels; rest != ""; {
		key, after, _ := strings.Cut(rest, `="`)
		value, next, _ := strings.Cut(after, `"`)
		if key == name {
			return value
		}
		rest = strings.TrimPrefix(next, ",")
	}
	return ""
}

// Scrape asks a collector for its own metrics.
func Scrape(ctx context.Context, url string) (Books, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("own metrics: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("own metrics: %s", resp.Status)
	}
	return Parse(resp.Body)
}

// Await asks again until the books balance and so says nil, and returns them. so may be nil. The error is the last one, when ctx is done.
func Await(ctx context.Context, read func(context.Context) (Books, error), so func(Books) error) (Books, error) {
	for {
		b, err := read(ctx)
		if err == nil {
			err = b.Check()
		}
		if err == nil && so != nil {
			err = so(b)
		}
		if err == nil {
			return b, nil
		}
		select {
		case <-ctx.Done():
			return b, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
