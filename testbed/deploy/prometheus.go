package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/freeport"
)

// Prometheus is a running one on a loopback address.
type Prometheus struct {
	URL  string
	cmd  *exec.Cmd
	done chan struct{}
	log  lockedBuffer
}

// PrometheusOptions say what it does. Dir takes its files; Target, a host and port, is scraped as Job every Interval.
type PrometheusOptions struct {
	Binary, Dir, Job, Target string
	Rules                    string // a file, absolute
	Interval                 time.Duration
}

// StartPrometheus runs one, and waits until it answers.
func StartPrometheus(ctx context.Context, o PrometheusOptions) (*Prometheus, error) {
	addr, err := freeport.Addr()
	if err != nil {
		return nil, err
	}
	every := o.Interval.String()
	raw, err := yaml.Marshal(map[string]any{
		"global":     map[string]any{"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
		"rule_files": []string{o.Rules},
		"scrape_configs": []any{map[string]any{
			"job_name": o.Job, "static_configs": []any{map[string]any{"targets": []string{o.Target}}},
		}},
	})
	if err != nil {
		return nil, err
	}
	config := filepath.Join(o.Dir, "prometheus.yaml")
	if err := os.WriteFile(config, raw, 0o600); err != nil {
		return nil, err
	}
	p := &Prometheus{URL: "http://" + addr, done: make(chan struct{})}
	p.cmd = exec.Command(o.Binary, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(o.Dir, "data"), "--web.listen-address="+addr, "--log.level=warn")
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	endWithParent(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // what it ended with is in its log
		close(p.done)
	}()
	for {
		if _, err = p.get(ctx, "/-/ready", nil); err == nil {
			return p, nil
		}
		select {
		case <-p.done:
			return nil, fmt.Errorf("prometheus ended while it started:\n%s", p.log.String())
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err(), p.Close())
		case <-time.After(50 * time.Millisecond): // another process: nothing to wait on but its port
		}
	}
}

// Close ends it.
func (p *Prometheus) Close() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
		return errors.New("prometheus did not end within 10 s of SIGTERM")
	}
}

// Log is what it wrote.
func (p *Prometheus) Log() string { return p.log.String() }

// Line is one series of an answer: values at times, in Unix seconds. An instant query has one of each.
type Line struct {
	Labels map[string]string
	Times  []float64
	Values []float64
}

// Range asks for values at even steps.
func (p *Prometheus) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) ([]Line, error) {
	return p.query(ctx, "/api/v1/query_range", url.Values{
		"query": {expr}, "start": {unix(start)}, "end": {unix(end)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	})
}

// Instant asks for the values at one time.
func (p *Prometheus) Instant(ctx context.Context, expr string, at time.Time) ([]Line, error) {
	return p.query(ctx, "/api/v1/query", url.Values{"query": {expr}, "time": {unix(at)}})
}

func unix(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

func (p *Prometheus) query(ctx context.Context, path string, q url.Values) ([]Line, error) {
	var answer struct {
		Result []struct {
			Metric map[string]string
			Value  *sample
			Values []sample
		}
	}
	if err := p.ask(ctx, path, q, &answer); err != nil {
		return nil, err
	}
	var lines []Line
	for _, r := range answer.Result {
		if r.Value != nil {
			r.Values = append(r.Values, *r.Value)
		}
		l := Line{Labels: r.Metric}
		for _, s := range r.Values {
			l.Times, l.Values = append(l.Times, s.at), append(l.Values, s.value)
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// sample is [seconds, "value"].
type sample struct{ at, value float64 }

// UnmarshalJSON reads a value as text, which may be NaN.
func (s *sample) UnmarshalJSON(raw []byte) error {
	var value string
	if err := json.Unmarshal(raw, &[]any{&s.at, &value}); err != nil {
		return err
	}
	var err error
	s.value, err = strconv.ParseFloat(value, 64)
	return err
}

// LabelValues are those of one label of the series that a selector finds.
func (p *Prometheus) LabelValues(ctx context.Context, selector, label string) (values []string, err error) {
	return values, p.ask(ctx, "/api/v1/label/"+label+"/values", url.Values{"match[]": {selector}}, &values)
}

// Rule is one that is loaded.
type Rule struct {
	Name, Health, LastError string
	Alerts                  []struct {
		Labels, Annotations map[string]string
		State               string
	}
}

// Rules are all that are loaded.
func (p *Prometheus) Rules(ctx context.Context) (all []Rule, err error) {
	var answer struct{ Groups []struct{ Rules []Rule } }
	err = p.ask(ctx, "/api/v1/rules", nil, &answer)
	for _, g := range answer.Groups {
		all = append(all, g.Rules...)
	}
	return all, err
}

func (p *Prometheus) ask(ctx context.Context, path string, q url.Values, data any) error {
	raw, err := p.get(ctx, path, q)
	if err != nil {
		return err
	}
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("%s: %w: %.200s", path, err, raw)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s %s: %s", path, q.Get("query"), answer.Error)
	}
	return nil
}

func (p *Prometheus) get(ctx context.Context, path string, q url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+path+"?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %d: %.500s", path, q.Get("query"), resp.StatusCode, raw)
	}
	return raw, err
}

// HasNumber reports whether an answer has a value that is a number.
func HasNumber(lines []Line) bool {
	for _, l := range lines {
		for _, v := range l.Values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				return true
			}
		}
	}
	return false
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
