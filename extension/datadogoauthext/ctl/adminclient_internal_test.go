package ctl

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
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

func TestNothingOfAnAnswerReachesTheTerminalAsItIs(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	const body = `{"detail": "a\u001b[2J\nb\u202e"}`
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 418 \x1b]0;title\a\u202e\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)
			_ = conn.Close()
		}
	}()
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("0123456789abcdef0123456789abcdef"), 0o600))
	a := admin{url: "http://" + listener.Addr().String(), tokenFile: token}
	err = a.download(t.Context(), &command{name: "store backup"}, io.Discard)
	require.ErrorContains(t, err, `418 I'm a teapot: "a\x1b[2J\nb\u202e"`)
	asked, err := a.caller(&command{name: "check"})
	require.NoError(t, err)
	err = asked.ask(t.Context(), http.MethodGet, "", nil, nil, "tenants", "acme")
	require.ErrorContains(t, err, `418 I'm a teapot: "a\x1b[2J\nb\u202e"`)
}
