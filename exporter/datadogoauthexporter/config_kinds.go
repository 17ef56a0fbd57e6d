package datadogoauthexporter

import "time"

// EventsConfig is about log records that say that they are events.
type EventsConfig struct {
	// Enabled makes events of them. Otherwise they are logs like any other.
	Enabled bool `mapstructure:"enabled"`
	// KeepLog sends the record as a log besides.
	KeepLog bool `mapstructure:"keep_log"`
	// AtLeastOnce sends an event again of which nobody knows whether it arrived. It may be there twice then.
	AtLeastOnce bool `mapstructure:"at_least_once"`
	// MaxAge is how old an event may be when it is sent. Datadog refuses it from 18 hours on.
	MaxAge time.Duration `mapstructure:"max_age"`
}

// What Datadog takes: https://docs.datadoghq.com/api/latest/events/, https://docs.datadoghq.com/api/latest/service-checks/.
const (
	maxEventAge = 18 * time.Hour
	maxCheckAge = 10 * time.Minute
)

// ServiceChecksConfig is about log records and data points of gauges that say that they are service checks.
type ServiceChecksConfig struct {
	// Enabled makes service checks of them. Otherwise they are logs and metrics like any other.
	Enabled bool `mapstructure:"enabled"`
	// KeepLog sends the record as a log besides, KeepMetric the data point as a series.
	KeepLog    bool `mapstructure:"keep_log"`
	KeepMetric bool `mapstructure:"keep_metric"`
	// MaxAge is how old a service check may be when it is sent. Datadog takes ten minutes, of which some are needed for the way.
	MaxAge time.Duration `mapstructure:"max_age"`
}

// IncidentsConfig is about log records that say that they are about an incident.
type IncidentsConfig struct {
	// Enabled creates and updates incidents. It needs a collector that holds tokens, and the scope incident_write in the customers' grants.
	Enabled bool `mapstructure:"enabled"`
	// KeepLog sends the record as a log besides.
	KeepLog bool `mapstructure:"keep_log"`
	// SearchFor is how long an incident is searched for of which nobody knows whether it was created.
	SearchFor time.Duration `mapstructure:"search_for"`
	// RetryWithoutFields makes a call once more without fields, such as the severity, when Datadog finds fault with it: an organisation can have
	// other fields, or other values of them.
	RetryWithoutFields bool `mapstructure:"retry_without_fields"`
	// RememberFor is how long a key is known after its last change. A record that comes later makes another incident.
	RememberFor time.Duration `mapstructure:"remember_for"`
	// MaxAge is how old a record may be when it is brought to Datadog.
	MaxAge time.Duration `mapstructure:"max_age"`
}

func (c *IncidentsConfig) validate(f *faults) {
	if c.SearchFor <= 0 {
		f.add("incidents::search_for", "must be positive, got %s", c.SearchFor)
	}
	if c.RememberFor < 24*time.Hour {
		f.add("incidents::remember_for", "must be a day at least, got %s: a key that is forgotten can make a second incident", c.RememberFor)
	}
	f.age("incidents", c.MaxAge)
}
