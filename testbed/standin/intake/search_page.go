package intake

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// searchRequest is what the searches of logs and spans have in common.
type searchRequest struct {
	Filter struct {
		Query *string `json:"query"` // default *
		From  string  `json:"from"`  // default now-15m
		To    string  `json:"to"`    // default now
	} `json:"filter"`
	Sort string `json:"sort"` // timestamp or -timestamp; default -timestamp
	Page struct {
		Limit  *int   `json:"limit"` // 1–1000, default 10
		Cursor string `json:"cursor"`
	} `json:"page"`
}

// plan is a searchRequest that was understood.
type plan struct {
	terms    terms
	from, to time.Time // [from, to]
	newest   bool      // first
	limit    int
	after    *position // the last item of the page before
}

// position is where an item stands in an answer; its JSON is the cursor.
type position struct {
	At  int64  `json:"at"` // Unix nanoseconds
	Seq uint64 `json:"seq"`
}

func (req searchRequest) plan(now time.Time) (p plan, err error) {
	if req.Filter.Query != nil {
		if p.terms, err = parseTerms(*req.Filter.Query); err != nil {
			return p, err
		}
	}
	if p.from, err = parseWhen(cmp.Or(req.Filter.From, "now-15m"), now); err != nil {
		return p, err
	}
	if p.to, err = parseWhen(cmp.Or(req.Filter.To, "now"), now); err != nil {
		return p, err
	}
	switch req.Sort {
	case "", "-timestamp":
		p.newest = true
	case "timestamp":
	default:
		return p, badRequest("sort %.100q is neither timestamp nor -timestamp", req.Sort)
	}
	p.limit = 10
	if req.Page.Limit != nil {
		if p.limit = *req.Page.Limit; p.limit < 1 || p.limit > 1000 {
			return p, badRequest("page.limit %d is not in 1–1000", p.limit)
		}
	}
	if req.Page.Cursor != "" {
		text, err := base64.RawURLEncoding.DecodeString(req.Page.Cursor)
		if err != nil || json.Unmarshal(text, &p.after) != nil || p.after == nil {
			return p, badRequest("page.cursor is not one that a search gave out")
		}
	}
	return p, nil
}

// parseWhen reads "now", "now-15m" (s, m, h, d), RFC 3339 or Unix milliseconds.
func parseWhen(text string, now time.Time) (time.Time, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.UnixMilli(ms), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if rest, ok := strings.CutPrefix(text, "now"); ok {
		if rest == "" {
			return now, nil
		}
		unit := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[rest[len(rest)-1]]
		if n, err := strconv.ParseInt(rest[:len(rest)-1], 10, 32); err == nil && unit > 0 {
			return now.Add(time.Duration(n) * unit), nil
		}
	}
	return now, badRequest("time %.100q is none of now, now-15m, RFC 3339 and milliseconds", text)
}

// hit is an item that may belong to an answer.
type hit[T any] struct {
	position
	item T
}

// page orders hits and cuts the page out. next is the cursor of the page that follows, "" at the end.
func page[T any](p plan, hits []hit[T]) (items []T, next string) {
	compare := func(a, b position) int {
		c := cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Seq, b.Seq))
		if p.newest {
			return -c
		}
		return c
	}
	slices.SortFunc(hits, func(a, b hit[T]) int { return compare(a.position, b.position) })
	if p.after != nil {
		hits = slices.DeleteFunc(hits, func(h hit[T]) bool { return compare(h.position, *p.after) <= 0 })
	}
	more := len(hits) > p.limit
	if more {
		hits = hits[:p.limit]
	}
	items = make([]T, len(hits))
	for i, h := range hits {
		items[i] = h.item
	}
	if more {
		text, _ := json.Marshal(hits[len(hits)-1].position)
		next = base64.RawURLEncoding.EncodeToString(text)
	}
	return items, next
}

// searchAnswer is the body of a search's 200.
func searchAnswer(data []map[string]any, next string) map[string]any {
	meta := map[string]any{"status": "done", "elapsed": 1, "request_id": "stand-in"}
	if next != "" {
		meta["page"] = map[string]string{"after": next}
	}
	return map[string]any{"data": data, "meta": meta}
}
