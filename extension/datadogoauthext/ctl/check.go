package ctl

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
)

const (
	// checkLook is how long one question after the report may wait for its end.
	checkLook = 2 * time.Second
	// checkPatience is how long the collector may not answer while a check runs.
	checkPatience  = 30 * time.Second
	maxReportBytes = 1 << 20
)

// checkTenant runs the six steps in a collector and shows the report.
func checkTenant(ctx context.Context, c *command) error {
	var at admin
	c.flags.StringVar(&at.url, "admin", "", "")
	c.flags.StringVar(&at.tokenFile, "token-file", "", "")
	c.flags.StringVar(&at.caFile, "ca-file", "", "")
	tenant := c.flags.String("tenant", "", "")
	consent, intrusive := c.flags.Bool("consent", false, ""), c.flags.Bool("intrusive", false, "")
	html, machine := c.flags.String("html", "", ""), c.flags.String("json", "", "")
	if err := c.parse(); err != nil {
		return err
	}
	switch {
	case at.url == "":
		return c.misused("name the admin listener of a running collector with --admin URL")
	case *tenant == "":
		return c.misused("name the tenant with --tenant")
	}
	for _, file := range []string{*html, *machine} {
		if _, err := os.Lstat(file); file != "" && err == nil {
			return c.fault(fmt.Errorf("%s exists, and a report is never overwritten", file), "name another file")
		}
	}
	asked, err := at.caller(c)
	if err != nil {
		return err
	}
	defer asked.client.CloseIdleConnections()
	report, err := asked.check(ctx, *tenant, *consent, *intrusive)
	if err != nil {
		return err
	}
	if err := c.keep(*html, report.HTML); err != nil {
		return err
	}
	if err := c.keep(*machine, report.JSON); err != nil {
		return err
	}
	if err := c.printf("%s", checkTable(report)); err != nil {
		return err
	}
	if _, failed, _ := report.Counts(); failed > 0 {
		return c.fault(fmt.Errorf("%d line(s) failed", failed), "each of them says what to do")
	}
	return nil
}

// keep writes a report to a file that does not exist yet.
func (c *command) keep(file string, report func() ([]byte, error)) error {
	if file == "" {
		return nil
	}
	content, err := report()
	if err == nil {
		err = writeNew(file, func(f *os.File) error {
			_, err := f.Write(content)
			return err
		})
	}
	if err != nil {
		return c.asFault(err, fileHint(err, file))
	}
	return nil
}

// caller asks the API of one collector.
type caller struct {
	*command
	admin  *admin
	client *http.Client
	token  string
}

func (a *admin) caller(c *command) (*caller, error) {
	if _, err := a.endpoint(); err != nil {
		return nil, c.misused("%w", err)
	}
	token, err := a.token()
	if err != nil {
		return nil, c.fault(err, "write a token of the role operate, as the collector's configuration names it, into a file and name that with --token-file")
	}
	client, err := a.client()
	if err != nil {
		return nil, c.fault(err, "name the PEM file of the authority that signed the certificate of the admin listener")
	}
	return &caller{command: c, admin: a, client: client, token: token}, nil
}

// ask does one call, and decodes its answer into out.
func (a *caller) ask(ctx context.Context, method string, query string, in, out any, path ...string) error {
	at, err := a.admin.endpoint(path...)
	if err != nil {
		return a.misused("%w", err)
	}
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, method, at+query, body)
	if err != nil {
		return a.misused("%w", err)
	}
	request.Header.Set("Authorization", "Bearer "+a.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := a.client.Do(request)
	if err != nil {
		return &unanswered{a.fault(err, "make sure that the collector runs, and that the URL is that of its admin listener; --ca-file names the authority of its certificate")}
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusAccepted {
		return a.fault(fmt.Errorf("%s: %s%s", at, statusText(response.StatusCode), detail(response.Body)), checkHint(response.StatusCode))
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxReportBytes))
	if err == nil {
		err = json.Unmarshal(raw, out)
	}
	if err != nil {
		return &unanswered{a.fault(fmt.Errorf("%s: %w", at, err), adminCutHint)}
	}
	return nil
}

// unanswered marks a call that may be made again.
type unanswered struct{ error }

func (u *unanswered) Unwrap() error { return u.error }

func checkHint(status int) string {
	switch status {
	case http.StatusNotFound:
		return "name a tenant that the status page shows; a collector of an older version has no checks"
	case http.StatusConflict:
		return "the error says what is in the way"
	default:
		return statusHint(status)
	}
}

// check begins one and returns its report when it has ended. On the way it says how far it is.
func (a *caller) check(ctx context.Context, tenant string, consent, intrusive bool) (check.Report, error) {
	var begun struct{ ID string }
	err := a.ask(ctx, http.MethodPost, "", map[string]bool{"consent": consent, "intrusive": intrusive}, &begun, "tenants", url.PathEscape(tenant), "checks")
	if err != nil {
		return check.Report{}, err
	}
	said, link, answered := "", "", time.Now()
	for {
		var report check.Report
		err := a.ask(ctx, http.MethodGet, "?wait="+checkLook.String(), nil, &report, "tenants", url.PathEscape(tenant), "checks", "latest")
		silent := (*unanswered)(nil)
		switch {
		case err != nil && errors.As(err, &silent) && ctx.Err() == nil && time.Since(answered) < checkPatience:
			time.Sleep(checkLook / 4)
			continue
		case err != nil:
			return report, err
		case report.ID != begun.ID:
			return report, a.fault(fmt.Errorf("check %s of tenant %s: another check took its place", begun.ID, tenant), "run the command again")
		case !report.Running():
			return report, nil
		}
		answered = time.Now()
		if report.ConsentLink != link {
			link = report.ConsentLink
			fmt.Fprintf(a.stderr, "datadogoauthctl: open this in a browser within some minutes, and agree at Datadog; it connects nothing: %s\n", clean(link))
		}
		if now := progress(report); now != said {
			said = now
			fmt.Fprintf(a.stderr, "datadogoauthctl: %s\n", now)
		}
	}
}

// progress is one line on a check that runs.
func progress(r check.Report) string {
	if n := len(r.Steps); n > 0 {
		passed, failed, notTested := r.Counts()
		return fmt.Sprintf("step %d of 6, %s: %d passed, %d failed, %d not tested", n, clean(r.Steps[n-1].Title), passed, failed, notTested)
	}
	return "the check begins"
}

// checkTable is the report for a terminal.
func checkTable(r check.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "check %s of %s", clean(r.ID), clean(r.Tenant))
	if r.Site != "" {
		fmt.Fprintf(&b, " at %s, organisation %s %s", clean(r.Site), clean(r.OrgID), clean(r.OrgName))
	}
	b.WriteString("\n")
	for _, s := range r.Steps {
		fmt.Fprintf(&b, "\n%d  %s: %s (%s)\n", s.Number, clean(s.Title), clean(string(cmp.Or(s.Result(), "running"))), s.Sum())
		for _, l := range s.Lines {
			fmt.Fprintf(&b, "   %-12s%s\n", clean(mark(l.Result)), clean(l.What))
			if l.Evidence != "" {
				fmt.Fprintf(&b, "   %-12s%s\n", "", clean(l.Evidence))
			}
			if l.Todo != "" {
				fmt.Fprintf(&b, "   %-12sto do: %s\n", "", clean(l.Todo))
			}
		}
	}
	passed, failed, notTested := r.Counts()
	fmt.Fprintf(&b, "\n%d passed, %d failed, %d not tested\n", passed, failed, notTested)
	return b.String()
}

// mark makes a failure stand out where there are no colours.
func mark(r check.Result) string {
	if r == check.Fail {
		return "FAIL"
	}
	return string(r)
}

// clean keeps a terminal from obeying what a customer or Datadog wrote.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
}
