package audit

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Log writes the record as one line. The ID is in the message, and so no two are alike: the collector's logger drops what it has seen too
// often in ten seconds, and it compares messages.
//
// https://opentelemetry.io/docs/collector/internal-telemetry/#configure-internal-logs
func (r Record) Log(log *zap.Logger) {
	fields := make([]zap.Field, 0, 12)
	for _, f := range [...]struct{ name, text string }{
		{"id", r.ID}, {"what", r.What}, {"actor.kind", r.Actor.kind()}, {"actor.name", r.Actor.Name}, {"actor.via", r.Actor.Via},
		{"tenant", r.Tenant}, {"client", r.Client}, {"site", r.Site}, {"org_id", r.OrgID}, {"reason", r.Reason},
	} {
		if f.text != "" {
			fields = append(fields, zap.String(f.name, f.text))
		}
	}
	if len(r.Changes) > 0 {
		fields = append(fields, zap.Array("changes", changes(r.Changes)))
	}
	log.Info("audit "+r.ID+": "+r.What, fields...)
}

func (a Actor) kind() string {
	if a.Kind == "" {
		return "program"
	}
	return a.Kind
}

type changes []Change

// MarshalLogArray implements zapcore.ArrayMarshaler.
func (c changes) MarshalLogArray(to zapcore.ArrayEncoder) error {
	for _, change := range c {
		if err := to.AppendObject(change); err != nil {
			return err
		}
	}
	return nil
}

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (c Change) MarshalLogObject(to zapcore.ObjectEncoder) error {
	to.AddString("field", c.Field)
	to.AddString("before", c.Before)
	to.AddString("after", c.After)
	return nil
}
