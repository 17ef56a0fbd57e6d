package isolation

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Checker tells whose bodies are. The zero Checker is ready; it is not safe for concurrent use.
type Checker struct {
	zstd  *zstd.Decoder
	gzip  *gzip.Reader
	plain []byte

	owners Owners // all that the leaves so far can belong to
	leaves int
	ids    []uint64
	at     []string // where the leaf is
	series string   // the last that was named
	bare   bool     // it names nobody in its texts
	err    error    // the first
}

// maxBody is above what any intake takes, in bytes.
const maxBody = 64 << 20

// Body is what was found in one.
type Body struct {
	Owners Owners // one tenant, in one or several of its organisations
	Leaves int    // texts and numbers
	// IDs are those of traces and spans, valid until the next Check.
	IDs []uint64
}

// Check reads a body that was sent to a path of an intake, and returns whose it is. The error says that it is nobody's, or several tenants', or
// that it has something of which cannot be told whose it is.
func (c *Checker) Check(path, encoding string, sent []byte) (Body, error) {
	plain, err := c.decompress(encoding, sent)
	if err != nil {
		return Body{}, fmt.Errorf("%s: %w", path, err)
	}
	read, ok := readers[path]
	if !ok {
		return Body{}, fmt.Errorf("%s: no intake of an exporter", path)
	}
	c.owners, c.leaves, c.ids, c.at, c.series, c.bare, c.err = anybody, 0, c.ids[:0], c.at[:0], "", false, nil
	read(c, plain)
	switch {
	case c.err != nil:
		return Body{}, fmt.Errorf("%s: %w", path, c.err)
	case !c.owners.sole():
		return Body{}, fmt.Errorf("%s: nothing in %d leaves says whose it is: %s", path, c.leaves, c.owners)
	}
	return Body{c.owners, c.leaves, c.ids}, nil
}

// readers take bodies apart, by path.
var readers = map[string]func(*Checker, []byte){
	"/api/v2/series":     func(c *Checker, b []byte) { c.message(seriesPayload, b) },
	"/api/beta/sketches": func(c *Checker, b []byte) { c.message(sketchPayload, b) },
	"/api/v0.2/traces":   func(c *Checker, b []byte) { c.message(agentPayload, b) },
	"/api/v0.2/stats":    (*Checker).statsPayload,
	"/api/v2/logs":       (*Checker).json,
	"/api/v1/events":     (*Checker).json,
	"/api/v1/check_run":  (*Checker).json,
	"/intake":            (*Checker).json,
	"/api/v2/spans":      (*Checker).jsonLines,
	"/v1/metrics":        func(c *Checker, b []byte) { c.message(otlpMetrics, b) },
	"/v1/logs":           func(c *Checker, b []byte) { c.message(otlpLogs, b) },
	"/v1/traces":         func(c *Checker, b []byte) { c.message(otlpTraces, b) },
}

// decompress returns the content, which is valid until the next call.
func (c *Checker) decompress(encoding string, sent []byte) (plain []byte, err error) {
	switch encoding {
	case "":
		return sent, nil
	case "zstd":
		if c.zstd == nil {
			if c.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBody)); err != nil {
				return nil, err
			}
		}
		c.plain, err = c.zstd.DecodeAll(sent, c.plain[:0])
		return c.plain, err
	case "gzip":
		if c.gzip == nil {
			c.gzip = new(gzip.Reader)
		}
		if err := c.gzip.Reset(bytes.NewReader(sent)); err != nil {
			return nil, err
		}
		out := bytes.NewBuffer(c.plain[:0])
		_, err = out.ReadFrom(io.LimitReader(c.gzip, maxBody))
		c.plain = out.Bytes()
		return c.plain, err
	default:
		return nil, fmt.Errorf("content encoding %q", encoding)
	}
}

func (c *Checker) enter(name string) { c.at = append(c.at, name) }
func (c *Checker) leave()            { c.at = c.at[:len(c.at)-1] }

// fail notes the first fault.
func (c *Checker) fail(err error) {
	if c.err == nil {
		c.err = fmt.Errorf("%s: %w", strings.TrimSpace(strings.Join(c.at, ".")+" "+c.series), err)
	}
}

var errNobody = errors.New("does not say whose it is")

// belongs takes a leaf into account.
func (c *Checker) belongs(to Owners, leaf any) {
	c.leaves++
	switch {
	case c.err != nil:
	case to == nobody:
		c.fail(fmt.Errorf("%v %w, after leaves of %s", leaf, errNobody, c.owners))
	case c.owners&to == nobody:
		c.fail(fmt.Errorf("%v is of %s, among leaves of %s", leaf, to, c.owners))
	default:
		c.owners &= to
	}
}

// text is a leaf with a mark, a word that everybody uses, or what ends in a number of the owner.
func (c *Checker) text(s string) {
	of, found := marked(s)
	switch {
	case found:
		c.belongs(of, s)
		return
	case isWord(s):
		return
	}
	key, last, _ := strings.Cut(s, ":")
	if last == "" {
		last = key
	}
	if n, err := strconv.ParseUint(last, 10, 64); err == nil {
		c.count(n)
		return
	}
	if v, err := strconv.ParseFloat(last, 64); err == nil && (key == "lower_bound" || key == "upper_bound") {
		c.size(v)
		return
	}
	c.belongs(nobody, strconv.Quote(s))
}

// count is a number that is a multiple.
func (c *Checker) count(v uint64) {
	if c.err != nil {
		return
	}
	if of := c.owners.multiples(v); of != nobody {
		c.leaves++
		c.owners &= of
		return
	}
	c.belongs(anybody.multiples(v), v)
}

// double is a count as a floating point number.
func (c *Checker) double(v float64) {
	if v != math.Trunc(v) || v <= 0 || v >= 1<<63 {
		c.belongs(nobody, v)
		return
	}
	c.count(uint64(v))
}

// size is a number that tells by its range.
func (c *Checker) size(v float64) {
	if !c.bare {
		c.belongs(sized(v), v)
	}
}

// seconds and nanos are Unix times.
func (c *Checker) seconds(v int64) { c.belongs(timed(v), v) }
func (c *Checker) nanos(v int64)   { c.belongs(timed(v/1e9), v) }

// id is that of a trace or span.
func (c *Checker) id(v uint64) {
	c.ids = append(c.ids, v)
	c.belongs(identified(v), v)
}
