package credential

import "time"

// IntakeRefusal says that one intake refuses a tenant's data although its key is good: the organisation lacks the product, or Datadog has to enable
// the intake for it.
type IntakeRefusal struct {
	Tenant string
	Intake string // as the sender calls it, such as "series"
	Since  time.Time
}

// Refusals is what a Source can offer besides, for what concerns an intake and not a key.
type Refusals interface {
	// Validated returns when Datadog last called this generation of the tenant's key valid on account of a refusal. It is zero if it did not in the last
	// hour, and for a generation that is not the current one. It costs what Lookup does.
	Validated(tenant string, generation uint64) time.Time

	// ShowRefusals makes the holder of grants call list, from any goroutine, whenever somebody looks at what it knows of tenants, until remove is called.
	ShowRefusals(list func() []IntakeRefusal) (remove func())
}
