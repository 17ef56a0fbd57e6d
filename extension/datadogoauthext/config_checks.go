package datadogoauthext

import "time"

// ChecksConfig is about the six steps by which an integration is tested for each tenant.
type ChecksConfig struct {
	// Intrusive lets a check ask for a second API key, which Datadog has to refuse, and make and delete a test incident.
	Intrusive bool `mapstructure:"intrusive"`
	// Wait is how long marked data may take until it can be read back, at most.
	Wait time.Duration `mapstructure:"wait"`
}

const (
	// A span takes the longest: it is looked for once a minute.
	defaultCheckWait = 10 * time.Minute
	minCheckWait     = time.Second
)

func (c *ChecksConfig) validate(sendOnly bool, add adder) {
	if sendOnly && c.Intrusive {
		add("checks::intrusive", "without flow this collector makes no checks: remove it, or set flow")
	}
	if c.Wait < minCheckWait || c.Wait > defaultCheckWait {
		add("checks::wait", "must be from %s to %s, got %s", minCheckWait, defaultCheckWait, c.Wait)
	}
}
