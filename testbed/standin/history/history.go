// Package history records what the stand-in was asked, for tests that check where data and credentials went.
package history

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"
)

// Entry is one request. It names credentials by owner, last four characters and SHA-256, never by themselves.
type Entry struct {
	Seq  int64     `json:"seq"` // from 1, in the order in which requests ended; goes on after a clear
	Time time.Time `json:"time"`
	// Proto is HTTP/1.1 or HTTP/2.0.
	Proto   string `json:"proto"`
	Site    string `json:"site"` // site parameter of the host; the zone for a vanity host; empty for a foreign host
	Host    string `json:"host"`
	Purpose string `json:"purpose"` // app, api, logs, traces, otlp, events, spans; empty for a foreign host
	Method  string `json:"method"`
	Path    string `json:"path"` // without the query, which carries codes and states
	// Auth is key, bearer, basic or none.
	Auth string `json:"auth"`
	// OrgSite and Org own the key or token, wherever it was sent; empty when nobody does.
	OrgSite string `json:"org_site,omitempty"`
	Org     string `json:"org,omitempty"`
	// KeyLast4 and CredentialSHA256 describe the API key; a bearer token has the sum only.
	KeyLast4         string `json:"key_last4,omitempty"`
	CredentialSHA256 string `json:"credential_sha256,omitempty"`
	// Status is what the client saw; 0 when the connection was cut before an answer.
	Status        int    `json:"status"`
	RequestBytes  int64  `json:"request_bytes"`  // of the body, as sent
	ResponseBytes int64  `json:"response_bytes"` // of the body
	Fault         string `json:"fault,omitempty"`
	// Via is the user name that the client gave the proxy, by which clients of one proxy are told apart. Its password is not kept.
	Via   string            `json:"via,omitempty"`
	Notes map[string]string `json:"notes,omitempty"` // such as grant_type and client_id of a token request
}

// Filter selects entries. An empty field matches everything.
type Filter struct {
	Site, Host, Purpose, Method, Path, Org, Fault, Via string
	Status                                             int
}

// Matches reports whether an entry passes.
func (f Filter) Matches(e Entry) bool {
	for _, p := range [][2]string{{f.Site, e.Site}, {f.Host, e.Host}, {f.Purpose, e.Purpose}, {f.Method, e.Method}, {f.Path, e.Path}, {f.Org, e.Org}, {f.Fault, e.Fault}, {f.Via, e.Via}} {
		if p[0] != "" && p[0] != p[1] {
			return false
		}
	}
	return f.Status == 0 || f.Status == e.Status
}

// Log keeps the last entries. The zero Log is ready.
type Log struct {
	// Max is how many entries are kept; 0 means 200,000.
	Max int

	mu      sync.Mutex // guards what follows
	entries []Entry
	seq     int64
	changed chan struct{} // closed at the next entry
}

// Add appends an entry and wakes whoever waits. It returns the entry's number.
func (l *Log) Add(e Entry) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	e.Seq = l.seq
	limit := l.Max
	if limit == 0 {
		limit = 200_000
	}
	if len(l.entries) >= limit { // forget the older half at once, so that a full log costs little per entry
		l.entries = append(l.entries[:0], l.entries[len(l.entries)-limit/2:]...)
	}
	l.entries = append(l.entries, e)
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	return e.Seq
}

// List returns the entries that pass, oldest first.
func (l *Log) List(f Filter) []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.list(f)
}

func (l *Log) list(f Filter) []Entry {
	var out []Entry
	for _, e := range l.entries {
		if f.Matches(e) {
			out = append(out, e)
		}
	}
	return out
}

// Clear forgets all entries.
func (l *Log) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = nil
}

// Await returns as soon as n entries pass, with all that do, or with what there is and an error when ctx ends.
func (l *Log) Await(ctx context.Context, n int, f Filter) ([]Entry, error) {
	for {
		l.mu.Lock()
		found := l.list(f)
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		if len(found) >= n {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return found, fmt.Errorf("await %d requests like %+v: saw %d: %w", n, f, len(found), ctx.Err())
		}
	}
}

// Notes collects what a handler has to say about the request that it answers.
type Notes struct {
	mu sync.Mutex // guards m
	m  map[string]string
}

type notesKey struct{}

// WithNotes gives handlers a place for their notes.
func WithNotes(ctx context.Context) (context.Context, *Notes) {
	n := &Notes{}
	return context.WithValue(ctx, notesKey{}, n), n
}

// Annotate adds a note to the entry of the request being answered. Values longer than 100 bytes are cut; a secret never
// belongs here.
func Annotate(ctx context.Context, key, value string) {
	n, ok := ctx.Value(notesKey{}).(*Notes)
	if !ok || value == "" {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.m == nil {
		n.m = map[string]string{}
	}
	n.m[key] = value[:min(len(value), 100)]
}

// Map returns the notes, nil if there are none.
func (n *Notes) Map() map[string]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.m)
}
