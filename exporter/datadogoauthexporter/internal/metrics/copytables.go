package metrics

import "maps"

// copyTables are the rules by the name of the metric that they copy, and whether originals are renamed.
//
// The rules are those of Datadog's translator (datadog-agent pkg/opentelemetry-mapping-go/otlp/metrics v0.85.2), which Datadog's
// exporter applies when its feature gate DisableAllMetricRemapping is off.
type copyTables struct {
	runtime, others map[string][]copyRule
	rename          bool
}

func newCopyTables(r Remapping) copyTables {
	switch r {
	case RemapAll:
		others := systemCopies()
		maps.Copy(others, kafkaCopies())
		return copyTables{runtime: runtimeCopies(), others: others, rename: true}
	case RemapRuntime:
		return copyTables{runtime: runtimeCopies()}
	}
	return copyTables{}
}

// enabled reports whether any metric is copied.
func (t *copyTables) enabled() bool { return len(t.runtime) > 0 }

func where(key string, values ...string) condition { return condition{key, values} }

// same copies a metric as it is.
func same(name string) []copyRule { return []copyRule{{name: name}} }

// only copies the points whose attribute key has one of values.
func only(name, key string, values ...string) copyRule {
	return copyRule{name: name, where: []condition{where(key, values...)}}
}

const (
	mebibyte = 1 << 20
	// percent makes percentages of fractions. Values that are integers stay as they are.
	percent = 0.01
)

// systemCopies are the metrics of hosts and containers (host metrics and docker stats receivers).
func systemCopies() map[string][]copyRule {
	divided := func(r copyRule, by float64) copyRule { r.divisor = by; return r }
	cores := func(name string) []copyRule { return []copyRule{{name: name, noUnit: true}} } // nano cores: no unit of OpenTelemetry's
	return map[string][]copyRule{
		"system.cpu.load_average.1m":  same("system.load.1"),
		"system.cpu.load_average.5m":  same("system.load.5"),
		"system.cpu.load_average.15m": same("system.load.15"),
		"system.cpu.utilization": {
			divided(only("system.cpu.idle", "state", "idle"), percent),
			divided(only("system.cpu.user", "state", "user"), percent),
			divided(only("system.cpu.system", "state", "system"), percent),
			divided(only("system.cpu.iowait", "state", "wait"), percent),
			divided(only("system.cpu.stolen", "state", "steal"), percent),
		},
		"system.memory.usage": {
			{name: "system.mem.total", divisor: mebibyte},
			divided(only("system.mem.usable", "state", "free", "cached", "buffered"), mebibyte),
		},
		"system.network.io": {
			only("system.net.bytes_rcvd", "direction", "receive"),
			only("system.net.bytes_sent", "direction", "transmit"),
		},
		"system.paging.usage": {
			divided(only("system.swap.free", "state", "free"), mebibyte),
			divided(only("system.swap.used", "state", "used"), mebibyte),
		},
		"system.filesystem.utilization": same("system.disk.in_use"),

		"container.cpu.usage.total":                       cores("container.cpu.usage"),
		"container.cpu.usage.usermode":                    cores("container.cpu.user"),
		"container.cpu.usage.system":                      cores("container.cpu.system"),
		"container.cpu.throttling_data.throttled_time":    same("container.cpu.throttled"),
		"container.cpu.throttling_data.throttled_periods": same("container.cpu.throttled.periods"),
		"container.memory.usage.total":                    same("container.memory.usage"),
		"container.memory.active_anon":                    same("container.memory.kernel"),
		"container.memory.hierarchical_memory_limit":      same("container.memory.limit"),
		"container.memory.usage.limit":                    same("container.memory.soft_limit"),
		"container.memory.total_cache":                    same("container.memory.cache"),
		"container.memory.total_swap":                     same("container.memory.swap"),
		"container.network.io.usage.tx_bytes":             same("container.net.sent"),
		"container.network.io.usage.tx_packets":           same("container.net.sent.packets"),
		"container.network.io.usage.rx_bytes":             same("container.net.rcvd"),
		"container.network.io.usage.rx_packets":           same("container.net.rcvd.packets"),
		"container.blockio.io_service_bytes_recursive": {
			only("container.io.write", "operation", "write"),
			only("container.io.read", "operation", "read"),
		},
		"container.blockio.io_serviced_recursive": {
			only("container.io.write.operations", "operation", "write"),
			only("container.io.read.operations", "operation", "read"),
		},
	}
}
