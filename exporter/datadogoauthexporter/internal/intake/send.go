package intake

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// Observer is told of everything that an operator counts. It is called from many goroutines.
type Observer interface {
	// Sent is told of each call of an intake. outcome is one of delivered, retry, refused, too_large, recoded, rejected and unknown.
	Sent(f Family, outcome string, took time.Duration, rawBytes, sentBytes int)
	// Delivered and Dropped are told of OTLP items.
	Delivered(f Family, items int)
	Dropped(f Family, why Reason, items int)
	// Complained is told of a body that was accepted although the intake found fault with some of it.
	Complained(r *Request, texts []string)
}

// Board is told, by tenant, what became of each body. It is called from many goroutines.
type Board interface {
	// Taken is told of a body that an intake took.
	Taken(tenant string, f Family)
	// Refused is told of one that an intake, or the way to it, did not take, or of which it took only a part. What a peer wrote is not in why.
	Refused(tenant string, f Family, why error)
}

// Settings are what a Sender needs.
type Settings struct {
	// Client carries TLS and proxy settings. The sender makes a copy that follows no redirect.
	Client    *http.Client
	Endpoints site.Endpoints
	UserAgent string
	// Compression per family. A family that is missing gets its usual one: Zstd, None for Events and Checks, Gzip for the rest. OTLP and PublicSpans
	// get Gzip for Zstd too.
	Compression map[Family]Compression
	// AtLeastOnce sends events again whose outcome is unknown.
	AtLeastOnce bool
	// Attempts is asked before an event is sent that must not be sent twice. It may be nil.
	Attempts Attempts
	// TracesHeader holds the fields of AgentPayload other than tracerPayloads, encoded.
	TracesHeader []byte
	// StatsEnvelope is what surrounds the items of Stats.
	StatsEnvelope StatsEnvelope
	// Headers are sent with each body of a family, besides those of every family. Names are in canonical form.
	Headers map[Family]http.Header
	// Timeout bounds one body: connect, send, answer.
	Timeout time.Duration
	// MaxWait bounds the wait that an intake can ask for.
	MaxWait  time.Duration
	Observer Observer
	// Board may be nil.
	Board Board
}

// Sender compresses requests, sends them and says what the answers mean. It is safe for concurrent use.
type Sender struct {
	set    Settings
	frames envelopes
	client *http.Client
	packer packer

	mu      sync.RWMutex
	plainer map[destination]bool // guarded by mu; where zstd was refused
}

// destination is one intake of one site.
type destination struct {
	site   string
	family Family
}

// NewSender does no I/O.
func NewSender(set Settings) *Sender {
	client := *set.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Jar = nil // a cookie of one tenant must not travel with another's data
	return &Sender{set: set, frames: envelopes{set.TracesHeader, set.StatsEnvelope}, client: &client, plainer: make(map[destination]bool)}
}

// Unsent is the error of a request of which something is left that can be sent later.
type Unsent struct {
	// Left is what was not delivered: the request itself, or the rest of it. The request that was given to Send is not used any more.
	Left *Request
	// Partial says that the intake took some of it, Settled that some of it was taken or lost, so that Left is less than what was given.
	Partial, Settled bool
	// Down says that the intake did not answer, or answered 5xx, or that something else answered for it, which hardly is about this tenant.
	Down bool
	// Busy says that the intake put it off: 408, 429, or 403 to a key that is fresh.
	Busy bool
	// Untried says that nothing went to the intake, so the error is none of its.
	Untried bool
	// Refused says that the intake answered 403 to a key that is not fresh.
	Refused bool
	// NotEnabled says that Datadog has not enabled the intake for the organisation, whatever the key.
	NotEnabled bool
	// Wait is how long the intake asked to wait, 0 if it did not.
	Wait time.Duration
	Err  error
}

func (u *Unsent) Error() string { return u.Err.Error() }

func (u *Unsent) Unwrap() error { return u.Err }

// Unanswered is in the error of a request of which nothing is left, whose last item was given up since the intake did not answer, or answered
// 5xx: the intake hardly works.
type Unanswered struct{ Err error }

func (u *Unanswered) Error() string { return u.Err.Error() }

func (u *Unanswered) Unwrap() error { return u.Err }

// Send sends r with the credential of its tenant, in as many bodies as the intake's limits ask for.
//
// Everything delivered or lost is reported to the observer. The error is nil when all was delivered or a part of it was lost, an *Unsent
// when something can be sent later, and permanent when all of r was lost.
func (s *Sender) Send(ctx context.Context, cred *credential.Credential, r *Request) error {
	t := &families[r.Family]
	room := t.maxRawBytes - r.Family.framingBytes(&s.frames)
	rest := r.cut(func(items []Item, begin uint32) int {
		n := fitting(items, begin, room, bytesOf)
		if t.maxItems > 0 {
			n = min(n, t.maxItems)
		}
		if t.maxCount > 0 {
			n = min(n, fitting(items, begin, t.maxCount, countOf))
		}
		return n
	})
	var lost error
	kept, divided, small, settled, tried := 0, 0, 0, false, false
	lose := func(why Reason, err error) {
		s.refused(ctx, r, err)
		n := rest[0].Count()
		s.set.Observer.Dropped(r.Family, why, n)
		r.Settled(n)
		rest, settled, lost = rest[1:], true, err
	}
	for len(rest) > 0 {
		next := rest[0]
		a := s.sendOne(ctx, cred, next, room)
		tried = tried || !a.untried
		switch a.verdict {
		case delivered:
			kept++
			n, rejected := next.Count(), 0
			if r.Family.otlp() {
				rejected = min(a.rejected, n)
			}
			s.set.Observer.Delivered(r.Family, n-rejected)
			s.taken(r)
			if rejected > 0 {
				s.set.Observer.Dropped(r.Family, ReasonRejected, rejected)
				s.refused(ctx, r, fmt.Errorf("send %s of tenant %s to %s: the intake took a body but rejected %d of its %d items", r.Family, r.Tenant, cred.Site(), rejected, n))
			}
			r.Settled(n)
			rest, settled = rest[1:], true
		case split:
			answered := !errors.Is(a.err, errTooLarge)
			switch {
			case len(next.Items) == 1:
				if answered && next.BytesSize() < t.maxSentBytes/100 {
					small++
				}
				lose(ReasonTooLarge, fmt.Errorf("send %s of tenant %s: one item of %d bytes alone is above the intake's limit: %w", r.Family, r.Tenant, next.BytesSize(), a.err))
			case answered && small >= maxSmall:
				lose(ReasonTooLarge, a.err)
			default:
				rest = append(next.Halves(), rest[1:]...)
			}
		case rejected:
			if a.invalid && r.Family.apart() && len(next.Items) > 1 && divided < maxDivided {
				divided++
				rest = append(next.Halves(), rest[1:]...)
				continue
			}
			lose(ReasonRejected, a.err)
		case unclearBefore:
			lose(ReasonOutcomeUnknown, a.err)
		case unclear:
			if lose(ReasonOutcomeUnknown, a.err); len(rest) == 0 {
				return consumererror.NewPermanent(&Unanswered{a.err})
			}
			// The others wait: they would be given up one after the other.
			return &Unsent{Left: join(rest), Partial: kept > 0, Settled: true, Down: true, Err: a.err}
		default:
			s.refused(ctx, r, a.err)
			left := join(rest)
			if a.page {
				left.Try.Pages++
			}
			return &Unsent{Left: left, Partial: kept > 0, Settled: settled, Down: a.down, Busy: a.busy, Untried: !tried, Refused: a.verdict == held, NotEnabled: a.notEnabled, Wait: a.wait, Err: a.err}
		}
	}
	if kept == 0 && lost != nil {
		return consumererror.NewPermanent(lost)
	}
	return nil
}

// taken and refused tell the board. An attempt that was cut short by a stop tells nothing of the tenant.
func (s *Sender) taken(r *Request) {
	if s.set.Board != nil {
		s.set.Board.Taken(r.Tenant, r.Family)
	}
}

func (s *Sender) refused(ctx context.Context, r *Request, why error) {
	if s.set.Board != nil && ctx.Err() == nil {
		s.set.Board.Refused(r.Tenant, r.Family, why)
	}
}

// maxDivided bounds how often bodies of one request are divided in search of items at fault: enough for one among 1,000 three times over. What is
// not told apart by then is lost together.
const maxDivided = 32

// maxSmall is how many items of less than a hundredth of an intake's limit must be refused as too large until nothing more of a request is halved:
// whoever answers so takes nothing, whatever its size.
const maxSmall = 3

// join is the request for several consecutive pieces of one.
func join(pieces []*Request) *Request {
	if len(pieces) == 1 {
		return pieces[0]
	}
	whole := pieces[0]
	for _, p := range pieces[1:] {
		whole.append(p)
	}
	return whole
}

// judgement is what became of one body.
type judgement struct {
	verdict    verdict
	down       bool // there was no answer of the intake, or 5xx
	busy       bool // 408, 429, or 403 to a fresh key
	invalid    bool // 400: something of the body is at fault
	notEnabled bool // for the organisation
	rejected   int  // items of a body that was taken
	untried    bool // nothing was sent
	page       bool // a page of HTML that says 4xx
	wait       time.Duration
	err        error // nil when delivered
}

var errTooLarge = errors.New("larger than the intake takes")

// sendOne sends r as one body. With zstd refused it sends once more with gzip.
func (s *Sender) sendOne(ctx context.Context, cred *credential.Credential, r *Request, room int) judgement {
	if r.BytesSize() > room {
		return judgement{verdict: split, untried: true, err: errTooLarge}
	}
	if r.Family.once() && !s.set.AtLeastOnce && s.set.Attempts != nil {
		return s.attempt(ctx, cred, r)
	}
	return s.encodeAndPost(ctx, cred, r)
}

// attempt is sendOne for what must not be sent twice, not even by a process that was killed in between.
func (s *Sender) attempt(ctx context.Context, cred *credential.Credential, r *Request) judgement {
	sentBefore, err := s.set.Attempts.Begin(ctx, r)
	switch {
	case err != nil:
		return judgement{verdict: again, untried: true, err: err}
	case sentBefore:
		return judgement{verdict: unclearBefore, untried: true, err: fmt.Errorf("send %s of tenant %s: the collector was killed when it was sent the last time, and nobody knows whether it arrived", r.Family, r.Tenant)}
	}
	a := s.encodeAndPost(ctx, cred, r)
	s.set.Attempts.End(context.WithoutCancel(ctx), r, a.verdict == again || a.verdict == held)
	return a
}

func (s *Sender) encodeAndPost(ctx context.Context, cred *credential.Credential, r *Request) judgement {
	to := destination{cred.Site().Domain(), r.Family}
	with := s.compression(to)
	a := s.post(ctx, cred, r, with)
	if a.verdict != recode {
		return a
	}
	if a = s.post(ctx, cred, r, Gzip); a.verdict == delivered {
		s.mu.Lock()
		s.plainer[to] = true
		s.mu.Unlock()
	}
	return a
}

func (s *Sender) compression(to destination) Compression {
	c := s.set.Compression[to.family]
	if c == "" {
		c = to.family.usualCompression()
	}
	if c == Zstd && !to.family.takesZstd() {
		return Gzip
	}
	if c == Zstd {
		s.mu.RLock()
		defer s.mu.RUnlock()
		if s.plainer[to] {
			return Gzip
		}
	}
	return c
}

// post sends one body and judges the answer.
func (s *Sender) post(ctx context.Context, cred *credential.Credential, r *Request, with Compression) judgement {
	t := &families[r.Family]
	if !s.set.Endpoints.Serves(cred.Site(), t.host) {
		return judgement{verdict: again, untried: true, wait: s.set.MaxWait, err: fmt.Errorf("send %s of tenant %s to %s: no %s intake of this site is known; name one under endpoints::%s::%s, or use another intake",
			r.Family, r.Tenant, cred.Site(), t.host, cred.Site(), t.host)}
	}
	prefix, inner, suffix := r.Family.frame(&r.Payload, &s.frames)
	body, err := s.packer.pack(r.Family, with, prefix, inner, suffix)
	if err != nil {
		return judgement{verdict: again, untried: true, err: err}
	}
	defer body.release()
	if body.buf.Len() > t.maxSentBytes {
		return judgement{verdict: split, untried: true, err: errTooLarge}
	}
	rawBytes, sentBytes := len(prefix)+len(inner)+len(suffix), body.buf.Len()

	ctx, cancel := context.WithTimeout(ctx, s.set.Timeout)
	defer cancel()
	once := r.Family.once() && !s.set.AtLeastOnce
	var written atomic.Bool
	if once {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { written.Store(true) }})
	}
	req, err := cred.NewRequest(ctx, s.set.Endpoints, http.MethodPost, t.host, t.path, nil)
	if err != nil {
		return judgement{verdict: again, untried: true, err: fmt.Errorf("send %s of tenant %s: %w", r.Family, r.Tenant, err)}
	}
	body.attach(req)
	req.Header["Content-Type"] = []string{t.contentType}
	req.Header["User-Agent"] = []string{s.set.UserAgent}
	if with != None {
		req.Header["Content-Encoding"] = []string{string(with)}
	}
	for name, values := range s.set.Headers[r.Family] {
		req.Header[name] = values
	}
	if r.Family == PublicSpans {
		req.Header["Dd-Request-Id"] = []string{requestID()}
	}

	begin := time.Now()
	resp, err := s.client.Do(req)
	if err != nil {
		v := again
		if once && written.Load() {
			v = unclear
		}
		s.set.Observer.Sent(r.Family, v.String(), time.Since(begin), rawBytes, sentBytes)
		return judgement{verdict: v, down: true, err: fmt.Errorf("send %s of tenant %s: %w", r.Family, r.Tenant, WithoutQuotes(err))}
	}
	said := readAnswer(resp, cancel)
	decide := judge
	if once {
		decide = judgeOnce
	}
	strange := resp.StatusCode < 300 && said.page
	page := resp.StatusCode >= 400 && resp.StatusCode < 500 && said.page
	if page && r.Try.Pages >= maxPages {
		said.page = false
	}
	a := judgement{
		verdict:    decide(resp.StatusCode, said, with, cred.Fresh()),
		down:       resp.StatusCode >= 500 || strange,
		invalid:    resp.StatusCode == http.StatusBadRequest,
		notEnabled: said.notEnabled,
		page:       page,
		rejected:   said.rejected,
	}
	s.set.Observer.Sent(r.Family, a.verdict.String(), time.Since(begin), rawBytes, sentBytes)
	if a.verdict == again && !said.page && !said.notEnabled {
		a.busy = slices.Contains([]int{http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests}, resp.StatusCode)
	}
	switch a.verdict {
	case delivered:
		if len(said.texts) > 0 {
			s.set.Observer.Complained(r, said.texts)
		}
		return a
	case again:
		a.wait = AskedWait(resp.Header, time.Now(), s.set.MaxWait)
		if said.notEnabled || page && r.Try.Pages > 0 {
			a.wait = s.set.MaxWait
		}
	}
	a.err = refusal(cred, r, resp, said)
	return a
}

// requestID is a random UUID, by which the public span intake tells bodies apart.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// String is the value of the metric attribute "outcome".
func (v verdict) String() string {
	return [...]string{"delivered", "retry", "refused", "too_large", "recoded", "rejected", "unknown", "unknown"}[v]
}
