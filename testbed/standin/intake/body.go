package intake

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// readBody reads and decompresses within the limits of d. It holds at most d.maxSent + d.maxPlain bytes, whatever the body
// claims to be.
func readBody(r *http.Request, d door) ([]byte, error) {
	encoding, err := contentEncoding(r.Header, d.zstd)
	if err != nil {
		return nil, err
	}
	if r.ContentLength > d.maxSent {
		return nil, tooLarge("body of %d B as sent; the limit is %d B", r.ContentLength, d.maxSent)
	}
	sent, err := io.ReadAll(io.LimitReader(r.Body, d.maxSent+1))
	switch {
	case err != nil:
		return nil, badRequest("the body ended early: %v", err)
	case int64(len(sent)) > d.maxSent:
		return nil, tooLarge("body of more than %d B as sent", d.maxSent)
	}
	plain, err := decompress(encoding, sent, d.maxPlain)
	if err != nil {
		return nil, err
	}
	if len(plain) == 0 {
		return nil, badRequest("the body is empty")
	}
	return plain, nil
}

func tooLarge(format string, args ...any) error {
	return refuse(http.StatusRequestEntityTooLarge, "Payload too large: "+format, args...)
}

// contentEncoding returns "", "gzip", "deflate" or "zstd". "zstd1" is the value that the OpenAPI enum names.
func contentEncoding(h http.Header, zstdAccepted bool) (string, error) {
	values := h.Values("Content-Encoding")
	if len(values) > 1 {
		return "", refuse(http.StatusUnsupportedMediaType, "%d Content-Encoding headers; compress once", len(values))
	}
	switch e := h.Get("Content-Encoding"); {
	case e == "" || e == "identity":
		return "", nil
	case e == "gzip" || e == "deflate":
		return e, nil
	case zstdAccepted && (e == "zstd" || e == "zstd1"):
		return "zstd", nil
	default:
		return "", refuse(http.StatusUnsupportedMediaType, "content encoding %.100q is not accepted here", e)
	}
}

// decompress returns the content of sent, at most limit bytes of it. A stream that is damaged, cut short or followed by
// anything else is refused. "deflate" is the zlib form.
func decompress(encoding string, sent []byte, limit int64) ([]byte, error) {
	src := bytes.NewReader(sent)
	var plain io.Reader
	var err error
	switch encoding {
	case "":
		plain = src
	case "gzip":
		plain, err = gzip.NewReader(src)
	case "deflate":
		plain, err = zlib.NewReader(src)
	case "zstd":
		dec := zstdDecoders.Get().(*zstd.Decoder)
		defer zstdDecoders.Put(dec)
		plain, err = dec, dec.Reset(src)
	}
	if err != nil {
		return nil, badRequest("the body is not %s: %v", encoding, err)
	}
	body, err := io.ReadAll(io.LimitReader(plain, limit+1))
	switch {
	case int64(len(body)) > limit:
		return nil, tooLarge("more than %d B after decompression", limit)
	case err != nil:
		return nil, badRequest("the body is not %s: %v", encoding, err)
	case src.Len() > 0:
		return nil, badRequest("%d B follow the %s stream", src.Len(), encoding)
	}
	return body, nil
}

// maxZstdWindow is what a decoder sets aside for one stream; encoders at usual levels ask for at most 8 MiB.
const maxZstdWindow = 16 << 20

var zstdDecoders = sync.Pool{New: func() any {
	// Concurrency 1 decodes in the caller: no goroutine to end, so a decoder may be collected.
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		panic(fmt.Sprintf("zstd decoder options: %v", err)) // only constants above decide this
	}
	return dec
}}
