package admin

import (
	"io"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
)

// archiveTime bounds a backup. 100,000 grants are some hundred megabytes at most.
const archiveTime = 30 * time.Minute

// archive answers with a backup of the store. What is in it is sealed: it is of use to whoever has the keysets too.
//
// An error after the first byte cuts the connection. An archive says at its end that it is whole, so what came before is no backup.
func (a *Admin) archive(w http.ResponseWriter, r *http.Request) {
	if !a.isReady(w) {
		return
	}
	giveTime(w, archiveTime)
	a.note(r.Context(), nameOf(r), "api", audit.Record{What: "backup downloaded"}) // and is in it
	body := &attachment{to: w, name: "datadogoauth-" + time.Now().UTC().Format("20060102T150405Z") + ".archive"}
	err := a.grants.Archive(r.Context(), body)
	if err != nil && body.bytes > 0 {
		a.logger.Error("a backup of the store ended early; what was sent is no backup", zap.String("by", nameOf(r)), zap.Int64("bytes", body.bytes), zap.Error(err))
		panic(http.ErrAbortHandler)
	}
	a.done(w, r, "backup", err, zap.Int64("bytes", body.bytes))
}

// attachment sets the headers of a file to keep with its first byte, so that an error before that can still be told.
type attachment struct {
	to    http.ResponseWriter
	name  string
	bytes int64
}

var _ io.Writer = (*attachment)(nil)

func (f *attachment) Write(p []byte) (int, error) {
	if f.bytes == 0 {
		f.to.Header().Set("Content-Type", "application/octet-stream")
		f.to.Header().Set("Content-Disposition", `attachment; filename="`+f.name+`"`)
	}
	n, err := f.to.Write(p)
	f.bytes += int64(n)
	return n, err
}

// quarantine answers what became of a restored store, {"quarantined": false} for any other.
func (a *Admin) quarantine(w http.ResponseWriter, _ *http.Request) {
	if !a.isReady(w) {
		return
	}
	q, ok := a.grants.Quarantine()
	reply(w, http.StatusOK, struct {
		Quarantined  bool      `json:"quarantined"`
		RestoredAt   time.Time `json:"restored_at,omitzero"`
		BackupMadeAt time.Time `json:"backup_made_at,omitzero"`
		Spent        int       `json:"spent,omitempty"`
		Stopped      bool      `json:"stopped,omitempty"`
	}{ok, q.RestoredAt.UTC(), q.BackupMadeAt.UTC(), q.Spent, q.Stopped})
}

func (a *Admin) endQuarantine(w http.ResponseWriter, r *http.Request) {
	if !a.isReady(w) {
		return
	}
	if a.done(w, r, "end quarantine", a.grants.EndQuarantine(r.Context(), nameOf(r))) {
		a.quarantine(w, r)
	}
}
