package admin

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestANoticeIsToldOnce(t *testing.T) {
	t.Parallel()
	s, _ := newSession(Token{Name: "ops"}, [32]byte{}, time.Now())
	if got := s.notices(); got != nil {
		t.Errorf("there is %v at the beginning", got)
	}
	s.notify("Paused.", false)
	s.notify("Not done.", true)
	if got := fmt.Sprint(s.notices()); got != "[{Paused. false} {Not done. true}]" {
		t.Errorf("got %s", got)
	}
	for i := range 100 {
		s.notify(fmt.Sprint(i), false)
	}
	if got := s.notices(); len(got) != maxNotices || got[maxNotices-1].Text != "99" || s.notices() != nil {
		t.Errorf("got %v", got)
	}
}

func TestTheNonceIsThatOfThePolicy(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	r := asPage(w, httptest.NewRequest("GET", "/", nil))
	if n := nonce(r); len(n) != 43 || !strings.Contains(w.Header().Get("Content-Security-Policy"), "script-src 'nonce-"+n+"';") {
		t.Errorf("%q is not that of %s", n, w.Header())
	}
}
