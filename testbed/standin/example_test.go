package standin_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

func ExampleServer() {
	var datadog standin.Server
	defer datadog.Close()
	if err := datadog.Start("127.0.0.1:0"); err != nil {
		fmt.Println(err)
		return
	}
	org, _ := datadog.OAuth().AddOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: "datadoghq.eu"}, Name: "Acme"})
	_, key, _ := datadog.OAuth().AddKey(org.OrgRef)
	datadog.Faults().Add(faults.Fault{Org: org.ID, Path: "/api/v1/validate", Status: http.StatusServiceUnavailable, Count: 1})

	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(datadog.CAPEM())
	transport := &http.Transport{Proxy: http.ProxyURL(datadog.ProxyURL()), TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport}
	for range 2 {
		req, _ := http.NewRequest("GET", "https://api.datadoghq.eu/api/v1/validate", nil)
		req.Header.Set("DD-API-KEY", key)
		resp, err := client.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(resp.Status)
	}
	for _, e := range datadog.History().List(history.Filter{Org: org.ID}) {
		fmt.Println(e.Site, e.Method, e.Path, e.Status, e.Fault)
	}
	// Output:
	// 503 Service Unavailable
	// 200 OK
	// datadoghq.eu GET /api/v1/validate 503 fault-1
	// datadoghq.eu GET /api/v1/validate 200
}
