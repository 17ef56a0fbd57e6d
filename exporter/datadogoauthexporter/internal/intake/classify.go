package intake

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// verdict is what an answer means for the body that was sent.
type verdict uint8

const (
	delivered     verdict = iota // the intake has it
	again                        // send it again later, as it is
	held                         // the key is refused: nothing of this tenant can be sent until that changes
	split                        // too large: send the halves
	recode                       // send it again at once with another compression
	rejected                     // will never be taken
	unclear                      // it may have been taken, and must not be sent twice
	unclearBefore                // the same, of an attempt by a process that was killed
)

// judge is the one place that decides what an answer of an intake with an API key means. All families answer alike:
//
//	2xx                  delivered (some clients expect 200, the intakes say 202)
//	2xx, a page of HTML  again: it comes from a proxy or a captive portal, and the intake has nothing
//	400                  rejected; with zstd first tried with gzip, since an intake that does not know zstd may say so with 400
//	401, 404, other 4xx  rejected: wrong address or configuration
//	403, not enabled     again, after the longest wait: the key is good, but Datadog has not enabled OTLP for the organisation; see notAllowed
//	403, key is fresh    again: a new key takes seconds to be known everywhere
//	403                  held: the customer may have revoked the key, so it is neither dropped nor hammered
//	4xx, a page of HTML  again: a proxy's, which knows nothing of keys and bodies; a request that had maxPages of them is judged by the status alone
//	407                  again: only a proxy says so
//	408, 429, 5xx        again
//	413                  split
//	415                  recode, then rejected
//	3xx                  again: redirects are never followed with a key; a proxy in the way is the likely cause
//
// Sources: https://docs.datadoghq.com/api/latest/logs/, https://docs.datadoghq.com/api/latest/metrics/ and what the Agent and
// Vector do where the documentation says nothing.
func judge(status int, said answer, sentWith Compression, keyIsFresh bool) verdict {
	switch {
	case status >= 200 && status < 300 && said.page:
		return again
	case status >= 200 && status < 300:
		return delivered
	case status == http.StatusForbidden && said.notEnabled:
		return again // the key is good, so it is not reported
	case status == http.StatusRequestEntityTooLarge:
		return split
	case (status == http.StatusUnsupportedMediaType || status == http.StatusBadRequest) && sentWith == Zstd:
		return recode
	case said.page:
		return again
	case status == http.StatusForbidden && keyIsFresh:
		return again
	case status == http.StatusForbidden:
		return held
	case status < 400, status == http.StatusProxyAuthRequired, status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500:
		return again
	default:
		return rejected
	}
}

// maxPages is how many pages of HTML that say 4xx a request may be answered with. Some intakes may answer so themselves, and then mean it. From the second
// on the longest wait lies between them, so a proxy that is in the way has most of an hour to go.
const maxPages = 20

// judgeOnce is judge for what must not arrive twice. Only an answer that says that nothing was done lets it be sent again:
//
//	403, 429, 3xx        as judge says: the request was turned away before anything was done
//	408, 5xx             unclear: a gateway answers so too when the intake was reached and its answer was lost, 503 included
//	2xx, a page of HTML  unclear: nobody knows what stands behind a proxy that answers so
//
// No answer at all is unclear once the head of the request was written; see Sender.post.
func judgeOnce(status int, said answer, sentWith Compression, keyIsFresh bool) verdict {
	v := judge(status, said, sentWith, keyIsFresh)
	if v == again && (status < 300 || status == http.StatusRequestTimeout || status >= 500) {
		return unclear
	}
	return v
}

// AskedWait is how long an answer asks to wait: Retry-After (seconds or an HTTP date), else X-RateLimit-Reset (seconds), at most limit
// and never negative.
func AskedWait(h http.Header, now time.Time, limit time.Duration) time.Duration {
	wait, ok := seconds(h, "Retry-After")
	if at, err := http.ParseTime(h.Get("Retry-After")); !ok && err == nil {
		wait, ok = at.Sub(now), true
	}
	if !ok { // there is none, or one that nobody can read
		wait, _ = seconds(h, "X-RateLimit-Reset")
	}
	return min(max(wait, 0), limit)
}

func seconds(h http.Header, name string) (d time.Duration, ok bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(h.Get(name)), 10, 31)
	return time.Duration(n) * time.Second, err == nil
}
