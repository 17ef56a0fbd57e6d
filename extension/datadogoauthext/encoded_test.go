package datadogoauthext

import (
	"bytes"
	"io"
	"net/http"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

// wideFrame is a frame of Zstandard (RFC 8878, 3.1.1) with one byte of content, whose header asks for a window of 512 MiB.
var wideFrame = []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 19 << 3, 1<<3 | 1, 0, 0, 'x'}

// Whoever shows nothing has no compressed body opened: ten bytes would have either listener take half a gigabyte.
func TestNobodyHasACompressedBodyOpened(t *testing.T) {
	f := granttest.NewFixture(t)
	cfg := configOf(t, f)
	startReady(t, cfg)
	flow, admin := "http://"+cfg.Flow.Get().Listener.NetAddr.Endpoint, "http://"+cfg.Admin.Get().Listener.NetAddr.Endpoint
	for _, url := range []string{flow + "/connect/anything", admin + "/login", admin + "/v1/invitations"} {
		for _, encoding := range []string{"zstd", "gzip", "x-snappy-framed", "br"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(wideFrame))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Content-Encoding", encoding)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			tr := &http.Transport{}
			resp, err := tr.RoundTrip(req)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			tr.CloseIdleConnections()
			runtime.ReadMemStats(&after)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), "%s %s", url, encoding)
			assert.Equal(t, http.StatusUnsupportedMediaType, resp.StatusCode, "%s %s: %s", url, encoding, body)
			assert.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
			assert.Equal(t, "identity", resp.Header.Get("Accept-Encoding"))
			assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
			assert.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'")
		}
	}
}
