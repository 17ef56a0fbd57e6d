package intake

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compression is what a body is packed with; its text is the value of Content-Encoding.
type Compression string

// The compressions that the intakes take.
const (
	Zstd Compression = "zstd"
	Gzip Compression = "gzip"
	None Compression = "none" // no Content-Encoding
)

// zstdWindowBytes bounds the memory of an encoder. Bodies are a few megabytes at most and repeat themselves at short distance.
const zstdWindowBytes = 1 << 19

// maxPooledBytes is above any body that an intake takes. A buffer that grew further is left to the garbage collector.
const maxPooledBytes = 6 << 20

// packer compresses bodies into pooled buffers. The zero packer works. It is safe for concurrent use.
type packer struct {
	text, numbers encoders // of zstd, by what is packed; see Family.numbers
	gzip          encoders
	buffers       sync.Pool // of *packed
}

// encoders lets as many work at a time as there are processors, and keeps them. An encoder is about a megabyte, which the garbage collector would
// take out of a sync.Pool between any two requests; hundreds of requests may be under way.
type encoders struct {
	once   sync.Once
	places chan struct{} // one for each encoder at work

	mu   sync.Mutex
	free []encoder // guarded by mu
}

// get waits for a place. The encoder is nil if a new one is to be made. The place is given back with put.
func (e *encoders) get() encoder {
	e.once.Do(func() { e.places = make(chan struct{}, runtime.GOMAXPROCS(0)) })
	e.places <- struct{}{}
	e.mu.Lock()
	defer e.mu.Unlock()
	last := len(e.free) - 1
	if last < 0 {
		return nil
	}
	enc := e.free[last]
	e.free = e.free[:last]
	return enc
}

// put gives the place back, and keeps enc unless it is nil.
func (e *encoders) put(enc encoder) {
	if enc != nil {
		e.mu.Lock()
		e.free = append(e.free, enc)
		e.mu.Unlock()
	}
	<-e.places
}

type encoder interface {
	io.WriteCloser
	Reset(io.Writer)
}

// pack returns the concatenation of parts of a body of f, compressed. The caller owns the result and must release it.
func (p *packer) pack(f Family, c Compression, parts ...[]byte) (*packed, error) {
	out, _ := p.buffers.Get().(*packed)
	if out == nil {
		out = &packed{home: &p.buffers}
	}
	out.owners.Store(1)
	if err := p.write(&out.buf, f, c, parts); err != nil {
		out.release()
		return nil, fmt.Errorf("compress with %s: %w", c, err)
	}
	return out, nil
}

func (p *packer) write(dst *bytes.Buffer, f Family, c Compression, parts [][]byte) error {
	if c == None {
		for _, part := range parts {
			dst.Write(part)
		}
		return nil
	}
	kept := &p.text
	switch {
	case c == Gzip:
		kept = &p.gzip
	case f.numbers():
		kept = &p.numbers
	}
	enc, err := kept.get(), error(nil)
	defer func() { kept.put(enc) }()
	if enc == nil {
		if enc, err = newEncoder(c, f.numbers()); err != nil {
			enc = nil
			return err
		}
	}
	enc.Reset(dst)
	defer enc.Reset(nil) // lets go of dst
	for _, part := range parts {
		if _, err := enc.Write(part); err != nil {
			return err
		}
	}
	return enc.Close()
}

// newEncoder leaves out the check sum of zstd's frame: the connection has a better one. Of numbers, what does not repeat is packed as it is: entropy
// coding takes an eighth of the time there, and makes a body a thirtieth shorter.
func newEncoder(c Compression, numbers bool) (encoder, error) {
	if c == Gzip {
		return gzip.NewWriterLevel(nil, gzip.BestSpeed)
	}
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithWindowSize(zstdWindowBytes), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false), zstd.WithNoEntropyCompression(numbers))
}

// packed is a compressed body in a pooled buffer. It goes back to the pool when its last owner let go of it: the sender, and every
// reader that the transport got. The transport may still read after Do returned, but it always closes its reader.
type packed struct {
	buf    bytes.Buffer
	owners atomic.Int32
	home   *sync.Pool
}

func (p *packed) release() {
	if p.owners.Add(-1) != 0 {
		return
	}
	if p.buf.Cap() > maxPooledBytes {
		return
	}
	p.buf.Reset()
	p.home.Put(p)
}

// open returns a reader of the whole body. The body stays out of the pool until it is closed.
func (p *packed) open() io.ReadCloser {
	p.owners.Add(1)
	return &packedReader{Reader: bytes.NewReader(p.buf.Bytes()), of: p}
}

// attach makes p the body of req. The transport may ask for it again, when a connection of HTTP/2 goes away before it answered.
func (p *packed) attach(req *http.Request) {
	req.ContentLength = int64(p.buf.Len())
	req.GetBody = func() (io.ReadCloser, error) { return p.open(), nil }
	req.Body = p.open()
}

type packedReader struct {
	*bytes.Reader
	of     *packed
	closed atomic.Bool
}

// Close may be called more than once.
func (r *packedReader) Close() error {
	if !r.closed.Swap(true) {
		r.of.release()
	}
	return nil
}
