package incidents_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/incidents"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy/tenancytest"
)

var org = credential.Org{Client: "main", Site: "datadoghq.eu", ID: "org-of-acme"}

// world is Datadog's incidents, a journal, and the books, for any number of workers.
type world struct {
	tenancytest.Source
	mu        sync.Mutex
	entries   map[string]credential.JournalEntry // guarded by mu, as everything below
	down      error                              // of the journal
	lose      int                                // the write whose answer is lost, 0 for none
	incidents []map[string]any
	calls     []string
	sent      string // the body of the last call
	fault     func(method string, n int) fault
	delivered int
	expired   int
	dropped   map[intake.Reason]int
	omitted   int
	without   bool // Settings.RetryWithoutFields
}

// fault is what happens to a call; n counts those of its method.
type fault struct {
	status int   // answers without doing anything
	before error // the request is not written
	after  error // everything was done, and the answer is lost
	header http.Header
}

func newWorld() *world {
	w := &world{entries: map[string]credential.JournalEntry{}, dropped: map[intake.Reason]int{}}
	w.Grant("acme", "datadoghq.eu", "key", 1, false)
	return w
}

func (w *world) worker(t *testing.T) *incidents.Worker {
	t.Helper()
	worker := incidents.New(incidents.Settings{
		Source: w, Journal: w, Base: w, Timeout: 20 * time.Second, SearchFor: 10 * time.Minute, MaxAge: time.Hour, RetryWithoutFields: w.without, Remember: 24 * time.Hour, Observer: w, Logger: zap.NewNop(),
	})
	worker.Start()
	return worker
}

func (w *world) Bearer(_ string, base http.RoundTripper) http.RoundTripper { return base }

func (w *world) Journals() error { return nil }

func (w *world) ReadEntry(_ context.Context, of credential.Org, key string) (credential.JournalEntry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e, ok := w.entries[of.ID+"/"+key]; ok {
		return e, w.down
	}
	return credential.JournalEntry{Org: of, Key: key}, w.down
}

func (w *world) WriteEntry(_ context.Context, e credential.JournalEntry) (uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down != nil {
		return 0, w.down
	}
	if w.entries[e.Org.ID+"/"+e.Key].Version != e.Version {
		return 0, credential.ErrJournalConflict
	}
	e.Version++
	w.entries[e.Org.ID+"/"+e.Key] = e
	if w.lose--; w.lose == 0 {
		return 0, errLost
	}
	return e.Version, nil
}

func (w *world) EachEntry(_ context.Context, yield func(credential.JournalEntry) error) error {
	w.mu.Lock()
	all := slices.Collect(maps.Values(w.entries))
	w.mu.Unlock()
	for _, e := range all {
		if err := yield(e); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) Delivered(_ intake.Family, n int) { w.mu.Lock(); defer w.mu.Unlock(); w.delivered += n }
func (w *world) Expired(_ intake.Family, n int)   { w.mu.Lock(); defer w.mu.Unlock(); w.expired += n }
func (w *world) Omitted(_ string, n int)          { w.mu.Lock(); defer w.mu.Unlock(); w.omitted += n }
func (w *world) Dropped(_ intake.Family, why intake.Reason, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropped[why] += n
}

// RoundTrip is api.datadoghq.eu.
func (w *world) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if req.URL.Host != "api.datadoghq.eu" {
		return nil, fmt.Errorf("a call of %s", req.URL.Host)
	}
	w.sent = ""
	if req.Body != nil {
		raw, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		w.sent = string(raw)
	}
	n := 0
	for _, c := range w.calls {
		if c == req.Method {
			n++
		}
	}
	w.calls = append(w.calls, req.Method)
	var f fault
	if w.fault != nil {
		f = w.fault(req.Method, n+1)
	}
	if f.before != nil {
		return nil, f.before
	}
	httptrace.ContextClientTrace(req.Context()).WroteHeaders()
	if f.status != 0 {
		resp := answer(f.status, `{"errors":["no"]}`)
		maps.Copy(resp.Header, f.header)
		return resp, nil
	}
	var sent struct {
		Data struct {
			ID         string         `json:"id"`
			Attributes map[string]any `json:"attributes"`
		} `json:"data"`
	}
	_ = json.Unmarshal([]byte(w.sent), &sent)
	var resp *http.Response
	switch req.Method {
	case http.MethodPost:
		sent.Data.Attributes["created"] = time.Now().Format(time.RFC3339)
		w.incidents = append(w.incidents, sent.Data.Attributes)
		resp = answer(http.StatusCreated, fmt.Sprintf(`{"data":{"id":"id-%d","type":"incidents"}}`, len(w.incidents)))
	case http.MethodPatch:
		var i int
		if _, err := fmt.Sscanf(sent.Data.ID, "id-%d", &i); err != nil || i > len(w.incidents) || !strings.HasSuffix(req.URL.Path, "/"+sent.Data.ID) {
			return answer(http.StatusNotFound, `{"errors":["no such incident"]}`), nil
		}
		maps.Copy(w.incidents[i-1], sent.Data.Attributes)
		resp = answer(http.StatusOK, `{"data":{}}`)
	default:
		var found []any
		for i, attrs := range slices.Backward(w.incidents) {
			found = append(found, map[string]any{"data": map[string]any{"id": fmt.Sprintf("id-%d", i+1), "attributes": attrs}})
		}
		raw, _ := json.Marshal(map[string]any{"data": map[string]any{"attributes": map[string]any{"incidents": found}}})
		resp = answer(http.StatusOK, string(raw))
	}
	if f.after != nil {
		return nil, f.after
	}
	return resp, nil
}

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

func (w *world) want(t *testing.T, want string) {
	t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	var titles []string
	for _, i := range w.incidents {
		titles = append(titles, i["title"].(string))
	}
	if got := fmt.Sprintf("%q, calls %v, delivered %d, expired %d, dropped %v", titles, w.calls, w.delivered, w.expired, w.dropped); got != want {
		t.Fatalf("\n got %s\nwant %s", got, want)
	}
}

// record says something about incident k.
func record(at int, attrs map[string]string) incidents.Record {
	lr := plog.NewLogRecord()
	lr.Attributes().PutStr("datadog.incident.key", "k")
	for name, v := range attrs {
		lr.Attributes().PutStr("datadog.incident."+name, v)
	}
	r, ok := incidents.Read(lr, time.Now().Add(time.Duration(at)*time.Second))
	if !ok {
		panic("no key")
	}
	return r
}

func take(t *testing.T, worker *incidents.Worker, r incidents.Record) {
	t.Helper()
	if why, dropped, err := worker.Take(t.Context(), "acme", org, r); err != nil || dropped {
		t.Fatalf("dropped %t as %s, %v", dropped, why, err)
	}
}

func (w *world) faults(f func(method string, n int) fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = f
}

// see runs f under the lock, when nothing moves.
func (w *world) see(f func()) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) field(name string) any {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, _ := w.incidents[0]["fields"].(map[string]any)[name].(map[string]any)
	return f["value"]
}

// only applies a fault to the first calls of a method.
func only(of string, calls int, f fault) func(string, int) fault {
	return func(method string, n int) fault {
		if method == of && n <= calls {
			return f
		}
		return fault{}
	}
}

var errLost = errors.New("connection reset")

func TestAnIncidentIsCreatedThenUpdated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		worker := w.worker(t)
		take(t, worker, record(0, map[string]string{"title": "Checkout is down", "severity": "SEV-2", "customer_impacted": "true"}))
		w.want(t, `["Checkout is down [k]"], calls [POST], delivered 1, expired 0, dropped map[]`)
		w.see(func() {
			if w.incidents[0]["customer_impact_scope"] != "Checkout is down" {
				t.Errorf("%v", w.incidents[0])
			}
		})
		w.mu.Lock()
		w.incidents[0]["title"] = "renamed by a person"
		w.mu.Unlock()
		take(t, worker, record(1, map[string]string{"state": "resolved"}))
		w.want(t, `["renamed by a person"], calls [POST PATCH], delivered 2, expired 0, dropped map[]`)
		if state := w.field("state"); state != "resolved" {
			t.Errorf("state %v", state)
		}
		if why, dropped, err := worker.Take(t.Context(), "acme", org, record(0, map[string]string{"state": "active"})); !dropped || why != intake.ReasonStale || err != nil {
			t.Errorf("an older record: dropped %t as %s, %v", dropped, why, err)
		}
		if f := worker.Figures(); f.Waiting != 0 {
			t.Errorf("%+v", f)
		}
		if err := worker.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestNothingIsCreatedTwice(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault func(string, int) fault
		want  string
	}{
		"turned away, then taken": {only("POST", 2, fault{status: 429}), `["a [k]"], calls [POST POST POST], delivered 1, expired 0, dropped map[]`},
		"the scope comes later":   {only("POST", 2, fault{status: 403}), `["a [k]"], calls [POST POST POST], delivered 1, expired 0, dropped map[]`},
		"not sent, then taken":    {only("POST", 1, fault{before: errLost}), `["a [k]"], calls [POST POST], delivered 1, expired 0, dropped map[]`},
		"the answer is lost":      {only("POST", 1, fault{after: errLost}), `["a [k]"], calls [POST GET PATCH], delivered 1, expired 0, dropped map[]`},
		"will never be taken":     {only("POST", 9, fault{status: 400}), `[], calls [POST], delivered 0, expired 0, dropped map[rejected:1]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.fault = c.fault
				worker := w.worker(t)
				take(t, worker, record(0, map[string]string{"title": "a"}))
				time.Sleep(5 * time.Minute)
				w.want(t, c.want)
				if err := worker.Stop(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// TestAnUnknownOutcomeIsNeverTriedAgain has a creation that fails with 502, of which nothing is found.
func TestAnUnknownOutcomeIsNeverTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.fault = only("POST", 1, fault{status: 502})
		worker := w.worker(t)
		take(t, worker, record(0, map[string]string{"title": "a"}))
		time.Sleep(9 * time.Minute)
		w.see(func() {
			if n := len(w.calls); n < 9 || w.calls[n-1] != "GET" || w.dropped[intake.ReasonOutcomeUnknown] != 0 {
				t.Fatalf("calls %v, dropped %v", w.calls, w.dropped)
			}
		})
		time.Sleep(5 * time.Minute)
		calls := 0
		w.see(func() {
			if calls = len(w.calls); w.dropped[intake.ReasonOutcomeUnknown] != 1 {
				t.Fatalf("dropped %v", w.dropped)
			}
		})
		why, dropped, err := worker.Take(t.Context(), "acme", org, record(1, map[string]string{"state": "resolved"}))
		if err != nil || !dropped || why != intake.ReasonOutcomeUnknown {
			t.Errorf("a later record: dropped %t as %s, %v", dropped, why, err)
		}
		time.Sleep(time.Hour)
		w.see(func() {
			if len(w.calls) != calls || len(w.incidents) != 0 || worker.Figures().Unknown != 1 {
				t.Errorf("calls %v, %+v", w.calls[calls:], worker.Figures())
			}
		})
		if err := worker.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAnotherProcessTakesOver kills one between the call and its note, and stops one in order.
func TestAnotherProcessTakesOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		crash := errors.New("the store is gone")
		w.fault = func(method string, n int) fault {
			if method == http.MethodPost {
				w.down = crash // the answer cannot be written down; mu is held
			}
			return fault{}
		}
		first := w.worker(t)
		take(t, first, record(0, map[string]string{"title": "a"}))
		synctest.Wait()
		if err := first.Stop(t.Context()); err != nil { // while nothing can be written
			t.Fatal(err)
		}
		w.mu.Lock()
		w.down = nil
		w.mu.Unlock()
		second := w.worker(t)
		time.Sleep(5 * time.Minute)
		w.want(t, `["a [k]"], calls [POST GET PATCH], delivered 1, expired 0, dropped map[]`)

		w.faults(only("PATCH", 99, fault{status: 503}))
		take(t, second, record(1, map[string]string{"state": "resolved"}))
		synctest.Wait()
		if err := second.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.faults(nil)
		third := w.worker(t)
		w.want(t, `["a [k]"], calls [POST GET PATCH PATCH PATCH], delivered 2, expired 0, dropped map[]`)
		if err := third.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestManyProcessesCreateOne gives the same records to several workers at once.
func TestManyProcessesCreateOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var workers []*incidents.Worker
		for range 4 {
			workers = append(workers, w.worker(t))
		}
		var all sync.WaitGroup
		accepted := 0
		var mu sync.Mutex
		for i := range 40 {
			all.Go(func() {
				_, dropped, err := workers[i%4].Take(t.Context(), "acme", org, record(i, map[string]string{"title": "a", "summary": fmt.Sprint(i)}))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				} else if !dropped {
					accepted++
				}
			})
		}
		all.Wait()
		time.Sleep(10 * time.Minute)
		last := w.field("summary")
		w.see(func() {
			if len(w.incidents) != 1 || last != "39" || w.delivered != accepted || len(w.dropped) != 0 {
				t.Errorf("%d incidents, the last word is %v, delivered %d of %d, dropped %v", len(w.incidents), last, w.delivered, accepted, w.dropped)
			}
		})
		for _, worker := range workers {
			if err := worker.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestAnIntentThatMayNotBeNotedIsNoCall has a store that loses the answer to the note of an intent.
func TestAnIntentThatMayNotBeNotedIsNoCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.lose = 2 // the first one is the hand-over
		worker := w.worker(t)
		take(t, worker, record(0, map[string]string{"title": "a"}))
		time.Sleep(5 * time.Minute)
		w.want(t, `["a [k]"], calls [POST], delivered 1, expired 0, dropped map[]`)
		if err := worker.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWhatIsNotSentAnyMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then func(*world)
		want string
	}{
		"disconnected":    {func(w *world) { w.Fail("acme", credential.ErrDisconnected) }, "map[disconnected:1], expired 0"},
		"another org":     {func(w *world) { w.Move("acme", "datadoghq.eu", "key", "another") }, "map[org_changed:1], expired 0"},
		"older than that": {func(*world) { time.Sleep(time.Hour) }, "map[], expired 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.fault = only("POST", 9999, fault{status: 429})
				worker := w.worker(t)
				take(t, worker, record(0, nil))
				w.see(func() {})
				c.then(w)
				time.Sleep(2 * time.Minute)
				w.see(func() {
					if got := fmt.Sprintf("%v, expired %d", w.dropped, w.expired); got != c.want || len(w.incidents) != 0 {
						t.Errorf("%s, want %s", got, c.want)
					}
				})
				// The next record begins anew.
				w.faults(nil)
				w.Grant("acme", "datadoghq.eu", "key", 1, false)
				take(t, worker, record(1, map[string]string{"title": "b"}))
				w.see(func() {
					if len(w.incidents) != 1 {
						t.Errorf("%d incidents", len(w.incidents))
					}
				})
				if err := worker.Stop(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func TestARecordThatIsTakenTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.fault = only("POST", 2, fault{status: 429})
		worker := w.worker(t)
		r := record(0, map[string]string{"title": "a"})
		take(t, worker, r)
		take(t, worker, r)
		time.Sleep(5 * time.Minute)
		w.want(t, `["a [k]"], calls [POST POST POST], delivered 1, expired 0, dropped map[]`)
		w.mu.Lock()
		w.down = errors.New("the store is gone")
		w.mu.Unlock()
		if _, _, err := worker.Take(t.Context(), "acme", org, record(1, nil)); err == nil {
			t.Error("taken without a journal")
		}
		if err := worker.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAnIncidentThatIsNotThereIsNotMadeAgain answers 404, which organisations get too that have no incidents at the moment.
func TestAnIncidentThatIsNotThereIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		worker := w.worker(t)
		take(t, worker, record(0, map[string]string{"title": "a"}))
		synctest.Wait()
		w.faults(only("PATCH", 1, fault{status: 404}))
		take(t, worker, record(1, map[string]string{"state": "stable"}))
		w.want(t, `["a [k]"], calls [POST PATCH], delivered 1, expired 0, dropped map[rejected:1]`)
		take(t, worker, record(2, map[string]string{"state": "resolved"}))
		w.want(t, `["a [k]"], calls [POST PATCH PATCH], delivered 2, expired 0, dropped map[rejected:1]`)
		if err := worker.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestWhatWasRefusedGoesWithNoLaterRecord has an update with a value that the organisation does not know.
func TestWhatWasRefusedGoesWithNoLaterRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		worker := w.worker(t)
		take(t, worker, record(0, map[string]string{"title": "a"}))
		synctest.Wait()
		w.faults(func(method string, _ int) fault {
			if method == http.MethodPatch && strings.Contains(w.sent, "SEV-99") {
				return fault{status: 400}
			}
			return fault{}
		})
		take(t, worker, record(1, map[string]string{"severity": "SEV-99"}))
		w.see(func() {
			if w.dropped[intake.ReasonRejected] != 1 {
				t.Errorf("dropped %v", w.dropped)
			}
		})
		take(t, worker, record(2, map[string]string{"state": "resolved"}))
		synctest.Wait()
		if state, severity := w.field("state"), w.field("severity"); state != "resolved" || severity != nil {
			t.Errorf("state %v, severity %v", state, severity)
		}
		if err := worker.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestASearchThatFailsFindsNothingOut has an incident whose answer was lost, and a search that is down for longer than search_for.
func TestASearchThatFailsFindsNothingOut(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"the API is down": 503, "the scope incident_read is missing": 403} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				up := time.Now().Add(30 * time.Minute)
				w.fault = func(method string, n int) fault {
					switch {
					case method == http.MethodPost && n == 1:
						return fault{after: errLost}
					case method == http.MethodGet && time.Now().Before(up):
						return fault{status: status}
					default:
						return fault{}
					}
				}
				worker := w.worker(t)
				take(t, worker, record(0, map[string]string{"title": "a"}))
				time.Sleep(35 * time.Minute)
				w.see(func() {
					if last := w.calls[len(w.calls)-1]; last != http.MethodPatch || len(w.incidents) != 1 || w.delivered != 1 || len(w.dropped) != 0 {
						t.Errorf("%d incidents, last %s, delivered %d, dropped %v", len(w.incidents), last, w.delivered, w.dropped)
					}
				})
				if err := worker.Stop(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// TestAKeyIsNotTakenForAnother has keys with brackets: the title of one ends as the mark of the other would.
func TestAKeyIsNotTakenForAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		worker := w.worker(t)
		first := record(0, map[string]string{"title": "a", "key": "x [k"})
		take(t, worker, first)
		synctest.Wait()
		w.faults(func(method string, n int) fault {
			if method == http.MethodPost && n == 2 {
				return fault{status: 502}
			}
			return fault{}
		})
		take(t, worker, record(0, map[string]string{"title": "b"}))
		time.Sleep(15 * time.Minute)
		w.see(func() {
			if title := w.incidents[0]["title"]; title != "a [x %5Bk]" || w.dropped[intake.ReasonOutcomeUnknown] != 1 {
				t.Errorf("title %q, dropped %v", title, w.dropped)
			}
		})
		if err := worker.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestARecordThatSaysNothingMakesNoCall has one with a body alone, and one of empty attributes.
func TestARecordThatSaysNothingMakesNoCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		worker := w.worker(t)
		take(t, worker, record(0, map[string]string{"title": "a"}))
		w.want(t, `["a [k]"], calls [POST], delivered 1, expired 0, dropped map[]`)
		take(t, worker, record(1, map[string]string{"services": "", "severity": "", "notification_handles": ","}))
		w.want(t, `["a [k]"], calls [POST], delivered 2, expired 0, dropped map[]`)
		if err := worker.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAnAnswerSaysHowLongToWait has one of two keys turned away; the other waits as well, since the limit is that of the organisation.
func TestAnAnswerSaysHowLongToWait(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Retry-After", "X-Ratelimit-Reset"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.fault = only("POST", 1, fault{status: 429, header: http.Header{name: {"400"}}})
				worker := w.worker(t)
				other := w.worker(t)
				take(t, worker, record(0, map[string]string{"title": "a"}))
				time.Sleep(5 * time.Minute)
				take(t, worker, record(0, map[string]string{"title": "b", "key": "l"}))
				time.Sleep(99 * time.Second)
				w.want(t, `[], calls [POST], delivered 0, expired 0, dropped map[]`)
				time.Sleep(6 * time.Second)
				w.see(func() {
					if len(w.incidents) != 2 || len(w.calls) != 3 {
						t.Errorf("%d incidents, calls %v", len(w.incidents), w.calls)
					}
				})
				for _, worker := range []*incidents.Worker{worker, other} {
					if err := worker.Stop(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			})
		})
	}
}

// TestWhatIsInvalidGoesWithoutFields has an organisation that knows no SEV-99.
func TestWhatIsInvalidGoesWithoutFields(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.without = true
		w.fault = func(string, int) fault {
			if strings.Contains(w.sent, "SEV-99") {
				return fault{status: 400}
			}
			return fault{}
		}
		worker := w.worker(t)
		take(t, worker, record(0, map[string]string{"title": "a", "severity": "SEV-99"}))
		w.want(t, `["a [k]"], calls [POST POST], delivered 1, expired 0, dropped map[]`)
		take(t, worker, record(1, map[string]string{"title": "b", "severity": "SEV-99"}))
		w.want(t, `["b [k]"], calls [POST POST PATCH PATCH], delivered 2, expired 0, dropped map[]`)
		take(t, worker, record(2, map[string]string{"severity": "SEV-99"}))
		w.want(t, `["b [k]"], calls [POST POST PATCH PATCH PATCH], delivered 2, expired 0, dropped map[rejected:1]`)
		w.see(func() {
			if w.omitted != 2 {
				t.Errorf("omitted %d", w.omitted)
			}
		})
		if err := worker.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAnUnknownIncidentIsNotForgotten reads how long the entry is kept.
func TestAnUnknownIncidentIsNotForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.fault = only("POST", 1, fault{status: 502})
		worker := w.worker(t)
		take(t, worker, record(0, map[string]string{"title": "a"}))
		w.see(func() {
			if until := w.entries[org.ID+"/k"].Until; time.Until(until) > 24*time.Hour {
				t.Errorf("kept until %s while it is searched for", until)
			}
		})
		time.Sleep(15 * time.Minute)
		w.see(func() {
			if until := w.entries[org.ID+"/k"].Until; time.Until(until) < 9*365*24*time.Hour {
				t.Errorf("kept until %s", until)
			}
		})
		if err := worker.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestARecordThatIsSentAgainAfterItsDeliveryMakesNoCall has a sender that got no answer.
func TestARecordThatIsSentAgainAfterItsDeliveryMakesNoCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		worker := w.worker(t)
		first, second := record(0, map[string]string{"title": "a", "notification_handles": "@oncall"}), record(1, map[string]string{"state": "resolved", "notification_handles": "@oncall"})
		for range 3 {
			for _, r := range []incidents.Record{first, second} {
				take(t, worker, r)
				synctest.Wait()
			}
		}
		w.want(t, `["a [k]"], calls [POST PATCH], delivered 2, expired 0, dropped map[]`)
		if err := worker.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestWhatWaitsForTheJournalIsInMemory is what docs/durability.md says of a crash: nothing of it is in the journal, so the next process knows nothing.
func TestWhatWaitsForTheJournalIsInMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		worker := w.worker(t)
		set := func(down error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.down = down
		}
		set(errors.New("the store is gone"))
		if why, dropped := worker.Offer(t.Context(), "acme", org, record(0, map[string]string{"title": "a"})); dropped {
			t.Errorf("dropped as %s", why)
		}
		w.see(func() {
			if len(w.entries) != 0 {
				t.Errorf("the journal has %v", w.entries)
			}
		})
		if err := worker.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		set(nil)
		next := w.worker(t)
		time.Sleep(time.Hour)
		w.see(func() {
			if len(w.calls) != 0 || len(w.incidents) != 0 {
				t.Errorf("calls %v, incidents %v", w.calls, w.incidents)
			}
		})
		if err := next.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestRecordsWaitForTheJournal has one that is down for a while, and at the end of the process.
func TestRecordsWaitForTheJournal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		worker := w.worker(t)
		offer := func(r incidents.Record) (intake.Reason, bool) { return worker.Offer(t.Context(), "acme", org, r) }
		set := func(down error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.down = down
		}
		set(errors.New("the store is gone"))
		for i, title := range []string{"a", "b", "c"} {
			if why, dropped := offer(record(i, map[string]string{"title": title})); dropped {
				t.Errorf("dropped as %s", why)
			}
		}
		time.Sleep(time.Minute)
		w.want(t, `[], calls [], delivered 0, expired 0, dropped map[]`)
		if f := worker.Figures(); f.Waiting != 3 {
			t.Errorf("%d wait", f.Waiting)
		}
		set(nil)
		time.Sleep(10 * time.Second)
		w.see(func() {
			if len(w.incidents) != 1 || w.incidents[0]["title"] != "c [k]" || w.delivered != 3 || len(w.dropped) != 0 {
				t.Errorf("%v, delivered %d, dropped %v", w.incidents, w.delivered, w.dropped)
			}
		})

		set(errors.New("the store is gone"))
		full := 0
		for i := range 1010 {
			if why, dropped := offer(record(10+i, map[string]string{"title": "d"})); dropped {
				full++
				if why != intake.ReasonQueueFull {
					t.Errorf("dropped as %s", why)
				}
			}
		}
		if full != 10 {
			t.Errorf("%d above what is held", full)
		}
		if err := worker.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if why, dropped := offer(record(2000, nil)); !dropped || why != intake.ReasonShutdown {
			t.Errorf("after the end: dropped %t as %s", dropped, why)
		}
		w.see(func() {
			if w.dropped[intake.ReasonShutdown] != 1000 {
				t.Errorf("dropped %v", w.dropped)
			}
		})
	})
}
