package datadogoauthext

import (
	"reflect"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

// TestRefusalsOfSeveralExportersAreOneList: each intake once, since the first refusal, and without those of an exporter that stopped.
func TestRefusalsOfSeveralExportersAreOneList(t *testing.T) {
	t.Parallel()
	var r refusals
	at := func(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC) }
	list := func(all ...credential.IntakeRefusal) func() []credential.IntakeRefusal {
		return func() []credential.IntakeRefusal { return all }
	}
	if got := r.byTenant(); len(got) != 0 {
		t.Fatalf("of no exporter %v", got)
	}
	remove := r.add(list(credential.IntakeRefusal{Tenant: "acme", Intake: "series", Since: at(5)}, credential.IntakeRefusal{Tenant: "globex", Intake: "logs", Since: at(1)}))
	r.add(list(credential.IntakeRefusal{Tenant: "acme", Intake: "series", Since: at(3)}, credential.IntakeRefusal{Tenant: "acme", Intake: "logs", Since: at(4)}))
	acme := []admin.RefusedIntake{{Intake: "logs", Since: at(4)}, {Intake: "series", Since: at(3)}}
	if got, want := r.byTenant(), map[string][]admin.RefusedIntake{"acme": acme, "globex": {{Intake: "logs", Since: at(1)}}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	remove()
	remove()
	if got, want := r.byTenant(), map[string][]admin.RefusedIntake{"acme": acme}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
