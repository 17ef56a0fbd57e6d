package ctl

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestADownloadThatStandsStillEnds(t *testing.T) {
	t.Parallel()
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("the beginning"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer collector.Close()
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("0123456789abcdef0123456789abcdef"), 0o600))
	var got bytes.Buffer
	a := admin{url: collector.URL, tokenFile: token, patience: 50 * time.Millisecond}
	err := a.download(t.Context(), &command{name: "store backup"}, &got)
	require.ErrorContains(t, err, "sent nothing for 50ms")
	require.Equal(t, "the beginning", got.String())
}
