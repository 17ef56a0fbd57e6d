package datadogoauthexporter

// sendsPerTenant is how many queue workers of one signal a single tenant can keep busy: metrics go to series and sketches, traces to spans
// and stats, logs to logs and events. Metrics and logs go to service checks besides, and all of them to host metadata, one request at a
// time.
func (c *Config) sendsPerTenant() int {
	n := 2 * c.MaxSendsPerTenant
	if c.ServiceChecks.Enabled {
		n++
	}
	if c.HostMetadata.Enabled {
		n++
	}
	return n
}

func (c *Config) validateQueue(f *faults) {
	if c.MaxSendsPerTenant <= 0 {
		f.add("max_sends_per_tenant", "must be positive, got %d", c.MaxSendsPerTenant)
	}
	q := c.Queue.Get()
	if q == nil {
		f.add("sending_queue", "must stay enabled: without it one slow customer holds up the senders of all others")
		return
	}
	if q.WaitForResult {
		f.add("sending_queue::wait_for_result", "is not supported, since data can be parked; use sending_queue::storage for data that must survive")
	}
	if least := c.sendsPerTenant(); q.NumConsumers <= least {
		f.add("sending_queue::num_consumers", "must be above twice max_sends_per_tenant (%d), and one more with each of service_checks::enabled and host_metadata::enabled, got %d: data of one signal goes to several intakes, and one customer must not keep all consumers",
			c.MaxSendsPerTenant, q.NumConsumers)
	}
	if q.StorageID != nil && !c.Retry.Enabled {
		f.add("sending_queue::storage", "needs retry_on_failure: without it the queue deletes what could not be sent when the collector stops")
	}
	if b := q.Batch.Get(); b != nil && len(b.Partition.MetadataKeys) > 0 {
		f.add("sending_queue::batch::partition", "must stay empty: batches are always of one tenant")
	}
}
