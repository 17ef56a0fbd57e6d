package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
)

// picturesDir is where the pictures of the README go; "" if none are wanted. They take minutes and check nothing that the tests do not.
func picturesDir() string { return os.Getenv("DATADOGOAUTH_PICTURES") }

// pictures makes those of the README: some customers are well, and some have the troubles that customers have. The chart of docs/status-tenant.png was made by
// a build whose steps (internal/sends.Step) are ten seconds, which is what the rounds below are for; with those of the product it has one bar.
func (o *operator) pictures(t *testing.T) {
	dir := picturesDir()
	if dir == "" {
		return
	}
	ctx, w := t.Context(), o.world
	send := func(tenant string, n int) {
		for i := range n {
			err := errors.Join(w.SendLog(ctx, tenant, fmt.Sprint("order ", i)), w.SendPoint(ctx, tenant, "orders.open", i))
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	first := o.customers[:14] // what a screen shows
	for _, c := range first {
		send(c.Tenant, 1)
	}
	paused, revoked, failing, moving, busy := first[2], first[4], first[6], first[7], first[9]
	within(t, 20*time.Second, "everybody's data arrives", func() bool { return w.Standin.Intake().Counts(busy.Org.ID).Logs > 0 })
	tab := o.login(t, desktop)
	tab.open(o.path(paused.Tenant))
	tab.run("say why", chromedp.SendKeys("#pause-reason", "asked for by the customer until Monday", chromedp.ByQuery))
	tab.press(`//button[.="Pause"]`)
	send(paused.Tenant, 40)
	w.Standin.OAuth().RevokeGrants("", revoked.Org.OrgRef)
	tab.open(o.path(revoked.Tenant))
	tab.press(`//button[.="Refresh the token"]`)
	tab.shows(http.StatusOK, "Not done", "Token reauthorise")
	if _, err := w.Standin.Faults().Add(faults.Fault{Org: failing.Org.ID, Path: "/api/v2/logs", Status: http.StatusServiceUnavailable}); err != nil {
		t.Fatal(err)
	}
	send(failing.Tenant, 20)
	if next, err := o.connectOne(moving.Tenant, "datadoghq.eu", "Alpine Holding"); next.Org.ID == "" {
		t.Fatal(err)
	}
	var down string
	for step := range 24 { // of ten seconds
		switch step {
		case 9:
			fault, err := w.Standin.Faults().Add(faults.Fault{Org: busy.Org.ID, Path: "/api/v2/logs", Status: http.StatusServiceUnavailable})
			if err != nil {
				t.Fatal(err)
			}
			down = fault.ID
		case 13:
			w.Standin.Faults().Remove(down)
		}
		for i := range 4 + (step*7)%5 {
			send(busy.Tenant, 1)
			send(first[(step+i)%2].Tenant, 1)
			time.Sleep(time.Second)
		}
		pauseUntil(t, time.Now().Truncate(10*time.Second).Add(10*time.Second))
	}
	for name, path := range map[string]string{"list": "/", "tenant": "/tenants/" + busy.Tenant} {
		for i, c := range first {
			if i != 2 && i != 6 {
				send(c.Tenant, 1)
			}
		}
		tab.open(w.AdminURL + path)
		var shot []byte
		tab.run("take a picture", chromedp.EmulateViewport(desktop, 960), chromedp.CaptureScreenshot(&shot))
		picture, err := sideBySide([][]byte{shot})
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "status-"+name+".png"), picture, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
