package oauth

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func FuzzBodyForm(f *testing.F) {
	f.Add("application/json", `{"grant_type":"refresh_token","refresh_token":"a.b"}`)
	f.Add("application/x-www-form-urlencoded; charset=utf-8", "grant_type=authorization_code&code=a.b&code=c")
	f.Add("text/plain", "")
	f.Add("application/json", `{"code":1}`)
	f.Fuzz(func(t *testing.T, contentType, body string) {
		r := httptest.NewRequest(http.MethodPost, "/oauth2/v1/token?client_secret=query", strings.NewReader(body))
		r.Header["Content-Type"] = []string{contentType}
		form, err := bodyForm(httptest.NewRecorder(), r)
		if err != nil && form != nil {
			t.Fatalf("a form came with the error %v", err)
		}
		for k, v := range form {
			if len(v) != 1 {
				t.Fatalf("parameter %q has %d values", k, len(v))
			}
		}
		if form.Get("client_secret") == "query" && !strings.Contains(body, "query") {
			t.Fatal("the query string was read")
		}
	})
}
