package incidents

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// verdict is what became of a call.
type verdict uint8

const (
	done    verdict = iota
	later           // nothing was done: it can be made again
	refused         // it will never be done
	invalid         // the same, for what it says
	unclear         // it may have been done
)

// judge tells what an answer means.
//
//	2xx                done
//	401, 403, 429      later: the token is refreshed, the scope is granted or incidents are enabled, the limit is over
//	408, 5xx, no sense unclear
//	400                invalid
//	other              refused. 404 says that the incident was deleted, or that the organisation has no incidents at the moment: nothing begins anew
//	                   by it, since the incident may be there
func judge(status int) verdict {
	switch {
	case status >= 200 && status < 300:
		return done
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests:
		return later
	case status == http.StatusRequestTimeout, status >= 500, status < 400:
		return unclear
	case status == http.StatusBadRequest:
		return invalid
	default:
		return refused
	}
}

const maxAnswerBytes = 4 << 20

// api calls Datadog for one tenant.
type api struct {
	set    *Settings
	tenant string
	at     site.Site
}

func (w *Worker) api(tenant string, org credential.Org) (*api, error) {
	at, ok := site.ByDomain(org.Site)
	if !ok {
		return nil, fmt.Errorf("organisation %s: %w", org.ID, site.ErrUnknown)
	}
	return &api{&w.set, tenant, at}, nil
}

// call makes one call. Without an answer it is unclear as soon as the head of the request was written.
func (a *api) call(ctx context.Context, method, path string, body, into any) (verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, a.set.Timeout)
	defer cancel()
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return refused, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "https://"+a.at.Hostname(site.HostAPI)+path, bytes.NewReader(raw))
	if err != nil {
		return refused, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", a.set.UserAgent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	watched := &watch{base: a.set.Base}
	what := fmt.Sprintf("%s %s of tenant %s", method, strings.SplitN(path, "?", 2)[0], a.tenant)
	// The round tripper below RoundTrip follows no redirect, as there is no client around it.
	resp, err := a.set.Source.Bearer(a.tenant, watched).RoundTrip(req)
	if err != nil {
		v := later
		if watched.written.Load() {
			v = unclear
		}
		return v, fmt.Errorf("%s: %w", what, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	v := judge(resp.StatusCode)
	if v == done {
		if err == nil && into != nil {
			err = json.Unmarshal(answer, into)
		}
		if err != nil {
			return unclear, fmt.Errorf("%s: the answer cannot be read: %w", what, err)
		}
		return done, nil
	}
	err = fmt.Errorf("%s: %d: %s%s", what, resp.StatusCode, complaint(answer), hint(resp.StatusCode))
	if v == later || v == unclear {
		if wait := intake.AskedWait(resp.Header, time.Now(), longestAsked); wait > 0 {
			err = &asked{wait, err}
		}
	}
	return v, err
}

// longestAsked bounds the wait that an answer can ask for.
const longestAsked = 10 * time.Minute

// asked is the error of an answer that asks to wait.
type asked struct {
	wait time.Duration
	error
}

func (a *asked) Unwrap() error { return a.error }

// waitAsked is how long the error of a call asks to wait, 0 if it does not.
func waitAsked(err error) time.Duration {
	if a := (*asked)(nil); errors.As(err, &a) {
		return a.wait
	}
	return 0
}

func hint(status int) string {
	switch status {
	case http.StatusForbidden:
		return "; the customer's grant needs the scopes incident_write and incident_read, and the organisation needs incidents enabled"
	case http.StatusNotFound:
		return "; the incident was deleted, or the organisation has no incidents enabled; what comes later of its key is tried on it again"
	case http.StatusBadRequest:
		return "; the organisation may have other fields, or other values of them"
	}
	return ""
}

func complaint(answer []byte) string {
	var body struct {
		Errors []json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(answer, &body) != nil || len(body.Errors) == 0 {
		return "no reason given"
	}
	return intake.Quotable(string(bytes.Trim(body.Errors[0], `"`)))
}

// watch notes whether a request was written. It is below the round tripper that adds the token, whose own calls are none of it.
type watch struct {
	base    http.RoundTripper
	written atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (w *watch) RoundTrip(req *http.Request) (*http.Response, error) {
	trace := &httptrace.ClientTrace{WroteHeaders: func() { w.written.Store(true) }}
	resp, err := w.base.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		return resp, intake.WithoutQuotes(err)
	}
	return resp, nil
}

// document is the JSON:API form of what is sent and answered.
type document struct {
	Data data `json:"data"`
}

type data struct {
	ID         string             `json:"id,omitempty"`
	Type       string             `json:"type"`
	Attributes incidentAttributes `json:"attributes"`
}

type incidentAttributes struct {
	Title    string           `json:"title,omitempty"`
	Impacted *bool            `json:"customer_impacted,omitempty"`
	Scope    string           `json:"customer_impact_scope,omitempty"`
	Type     string           `json:"incident_type_uuid,omitempty"`
	Test     *bool            `json:"is_test,omitempty"`
	Handles  []handle         `json:"notification_handles,omitempty"`
	Fields   map[string]value `json:"fields,omitempty"`
}

type handle struct {
	DisplayName string `json:"display_name"`
	Handle      string `json:"handle"`
}

type value struct {
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// identified is what is read of an answer: it may hold anything else.
type identified struct {
	Data struct {
		ID         string `json:"id"`
		Attributes struct {
			Title   string    `json:"title"`
			Created time.Time `json:"created"`
		} `json:"attributes"`
	} `json:"data"`
}

// mark ends the title of an incident, which is recognised by it. No mark ends with another one, since there is no bracket within.
func mark(key string) string { return " [" + withoutBrackets.Replace(key) + "]" }

var withoutBrackets = strings.NewReplacer("%", "%25", "[", "%5B", "]", "%5D")

func (r *Record) attributes() incidentAttributes {
	a := incidentAttributes{Impacted: r.Impacted, Scope: r.Scope, Fields: make(map[string]value, len(r.Fields))}
	if r.Title != "" {
		a.Title = r.Title + mark(r.Key)
	}
	if r.Impacted != nil && *r.Impacted {
		a.Scope = cmp.Or(a.Scope, r.Title, r.Key) // the API wants one
	}
	for name, f := range r.Fields {
		if f.Type == "autocomplete" {
			a.Fields[name] = value{f.Type, f.List}
		} else {
			a.Fields[name] = value{f.Type, f.Text}
		}
	}
	for _, h := range r.Handles {
		a.Handles = append(a.Handles, handle{h, h})
	}
	return a
}

// say makes a call that says something about an incident. Fields, and what they can hold, are the organisation's own: with RetryWithoutFields a call
// that is invalid is made once more without them, if it says anything else. 400 says that nothing was done, so nothing is created twice.
func (a *api) say(ctx context.Context, method, path string, d data, into any) (verdict, error) {
	v, err := a.call(ctx, method, path, document{d}, into)
	a.show(ctx, v, err)
	fields := len(d.Attributes.Fields)
	d.Attributes.Fields = nil
	if v != invalid || !a.set.RetryWithoutFields || fields == 0 || d.Attributes.empty() {
		return v, err
	}
	v, second := a.call(ctx, method, path, document{d}, into)
	a.show(ctx, v, second)
	if v != done {
		return v, errors.Join(err, second)
	}
	a.set.Observer.Omitted(a.tenant, fields)
	return done, nil
}

// show tells the board what became of a call, unless a stop cut it short.
func (a *api) show(ctx context.Context, v verdict, err error) {
	switch {
	case a.set.Board == nil:
	case v == done:
		a.set.Board.Taken(a.tenant, intake.Incidents)
	case ctx.Err() == nil:
		a.set.Board.Refused(a.tenant, intake.Incidents, err)
	}
}

// create makes the incident and returns its id.
func (a *api) create(ctx context.Context, r *Record) (string, verdict, error) {
	attrs := r.attributes()
	attrs.Type, attrs.Test = r.Type, r.Test
	if attrs.Title == "" {
		first, _, _ := strings.Cut(r.Text, "\n")
		attrs.Title = cmp.Or(cut(strings.TrimSpace(first), maxTitle), "Incident") + mark(r.Key)
	}
	if _, said := attrs.Fields["summary"]; !said && r.Text != "" {
		attrs.Fields["summary"] = value{fieldTypes["summary"], r.Text}
	}
	if attrs.Impacted == nil {
		attrs.Impacted = new(bool)
	}
	var made identified
	v, err := a.say(ctx, http.MethodPost, "/api/v2/incidents", data{Type: "incidents", Attributes: attrs}, &made)
	if v == done && made.Data.ID == "" {
		return "", unclear, fmt.Errorf("create an incident of tenant %s: the answer names no id", a.tenant)
	}
	return made.Data.ID, v, err
}

// empty says that nothing is there to be changed.
func (a *incidentAttributes) empty() bool {
	return a.Title == "" && a.Impacted == nil && a.Scope == "" && len(a.Handles) == 0 && len(a.Fields) == 0
}

// update changes the incident. What it says is true however often it is said, so nothing about it is unclear. A record that says nothing, such as
// one with a body alone, makes no call.
func (a *api) update(ctx context.Context, id string, r *Record) (verdict, error) {
	attrs := r.attributes()
	if attrs.empty() {
		return done, nil
	}
	v, err := a.say(ctx, http.MethodPatch, "/api/v2/incidents/"+url.PathEscape(id), data{ID: id, Type: "incidents", Attributes: attrs}, nil)
	if v == unclear {
		v = later
	}
	return v, err
}

const (
	searchPages    = 5
	searchPageSize = 100
	// searchQuery names the states that the API knows, since the words of a title are not among what it says can be searched for.
	searchQuery = "state:(active OR stable OR resolved OR completed)"
	// clocksDiffer is how much older than its intent an incident can look.
	clocksDiffer = 10 * time.Minute
)

// find looks for the incident of a key among those made since a time, newest first. An empty id says that there is none yet.
func (a *api) find(ctx context.Context, key string, since time.Time) (id string, err error) {
	for page := range searchPages {
		query := url.Values{"query": {searchQuery}, "sort": {"-created"}, "page[size]": {strconv.Itoa(searchPageSize)}, "page[offset]": {strconv.Itoa(page * searchPageSize)}}
		var found struct {
			Data struct {
				Attributes struct {
					Incidents []identified `json:"incidents"`
				} `json:"attributes"`
			} `json:"data"`
		}
		if _, err := a.call(ctx, http.MethodGet, "/api/v2/incidents/search?"+query.Encode(), nil, &found); err != nil {
			return "", err
		}
		for _, one := range found.Data.Attributes.Incidents {
			if !one.Data.Attributes.Created.IsZero() && one.Data.Attributes.Created.Before(since.Add(-clocksDiffer)) {
				return "", nil
			}
			if strings.HasSuffix(one.Data.Attributes.Title, mark(key)) {
				return one.Data.ID, nil
			}
		}
		if len(found.Data.Attributes.Incidents) < searchPageSize {
			break
		}
	}
	return "", nil
}
