package delivery

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Figures are a collector's own metrics at one moment, by name and labels as in the Prometheus text form.
type Figures map[string]float64

// Scrape reads them.
func Scrape(ctx context.Context, client *http.Client, url string) (Figures, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("own metrics: %s", resp.Status)
	}
	all := Figures{}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		name, text, ok := cutLast(line)
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			all[name] = n
		}
	}
	return all, lines.Err()
}

func cutLast(line string) (before, after string, ok bool) {
	i := strings.LastIndexByte(line, ' ')
	if i < 0 {
		return "", "", false
	}
	return line[:i], line[i+1:], true
}

// Sum adds up the figures of one of the exporter's instruments, such as "dropped_items", that have all of the labels, such as `signal="logs"`.
func (f Figures) Sum(instrument string, labels ...string) (sum int) {
	want := "otelcol_exporter_datadogoauth_" + instrument
next:
	for name, n := range f {
		bare, rest, _ := strings.Cut(name, "{")
		if strings.TrimSuffix(bare, "_total") != want {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(rest, l) {
				continue next
			}
		}
		sum += int(n)
	}
	return sum
}
