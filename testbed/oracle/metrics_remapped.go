package oracle

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"pgregory.net/rapid"
)

// remappedNames are names of metrics that are copied or renamed (spec/metrics.md §9), of metrics that have such names from the start, and some
// that only look like it.
var remappedNames = []string{
	"system.cpu.load_average.1m", "system.cpu.load_average.5m", "system.cpu.load_average.15m", "system.cpu.utilization", "system.memory.usage",
	"system.network.io", "system.paging.usage", "system.filesystem.utilization", "system.cpu.time", "process.cpu.time", "system.", "process",
	"container.cpu.usage.total", "container.cpu.usage.usermode", "container.cpu.usage.system", "container.cpu.throttling_data.throttled_time",
	"container.cpu.throttling_data.throttled_periods", "container.memory.usage.total", "container.memory.active_anon",
	"container.memory.hierarchical_memory_limit", "container.memory.usage.limit", "container.memory.total_cache", "container.memory.total_swap",
	"container.blockio.io_service_bytes_recursive", "container.blockio.io_serviced_recursive", "container.network.io.usage.tx_bytes",
	"container.network.io.usage.tx_packets", "container.network.io.usage.rx_bytes", "container.network.io.usage.rx_packets",
	"kafka.producer.request-rate", "kafka.producer.response-rate", "kafka.producer.request-latency-avg", "kafka.producer.outgoing-byte-rate",
	"kafka.producer.io-wait-time-ns-avg", "kafka.producer.byte-rate", "kafka.consumer.total.bytes-consumed-rate",
	"kafka.consumer.total.records-consumed-rate", "kafka.network.io", "kafka.purgatory.size", "kafka.partition.under_replicated",
	"kafka.isr.operation.count", "kafka.leader.election.rate", "kafka.partition.offline", "kafka.request.time.avg", "kafka.message.count",
	"kafka.request.failed", "kafka.request.time.99p", "kafka.partition.count", "kafka.max.lag", "kafka.controller.active.count",
	"kafka.unclean.election.rate", "kafka.request.queue", "kafka.logs.flush.time.count", "kafka.consumer.bytes-consumed-rate",
	"kafka.consumer.records-consumed-rate", "kafka.consumer.fetch-size-avg", "kafka.producer.compression-rate", "kafka.producer.record-error-rate",
	"kafka.producer.record-retry-rate", "kafka.producer.record-send-rate", "kafka.partition.current_offset", "kafka.consumer_group.lag",
	"kafka.consumer_group.offset", "jvm.gc.collections.count", "jvm.gc.collections.elapsed",
	"process.runtime.go.goroutines", "process.runtime.go.cgo.calls", "process.runtime.go.lookups", "process.runtime.go.mem.heap_alloc",
	"process.runtime.go.mem.heap_sys", "process.runtime.go.mem.heap_idle", "process.runtime.go.mem.heap_inuse", "process.runtime.go.mem.heap_released",
	"process.runtime.go.mem.heap_objects", "process.runtime.go.gc.pause_total_ns", "process.runtime.go.gc.count",
	"process.runtime.dotnet.monitor.lock_contention.count", "process.runtime.dotnet.exceptions.count", "process.runtime.dotnet.gc.heap.size",
	"process.runtime.dotnet.gc.collections.count", "jvm.thread.count", "jvm.class.count", "jvm.system.cpu.utilization", "jvm.cpu.recent_utilization",
	"jvm.memory.used", "jvm.memory.committed", "jvm.memory.init", "jvm.memory.limit", "jvm.buffer.memory.usage", "jvm.buffer.count",
	"jvm.buffer.memory.limit", "process.runtime.jvm.threads.count", "process.runtime.jvm.classes.current_loaded",
	"process.runtime.jvm.system.cpu.utilization", "process.runtime.jvm.cpu.utilization", "process.runtime.jvm.memory.usage",
	"process.runtime.jvm.memory.committed", "process.runtime.jvm.memory.init", "process.runtime.jvm.memory.limit", "process.runtime.jvm.buffer.usage",
	"process.runtime.jvm.buffer.count", "process.runtime.jvm.buffer.limit",
	"kafka.net.bytes_out.rate", "kafka.messages_in.rate", "jvm.gc.minor_collection_count", "jvm.gc.major_collection_time",
	"datadog_trace_agent_x", "datadog_otlp.y", "requests",
}

// remappedAttributes puts some of the attributes by which points are chosen, and those that a copy sets or reads.
func remappedAttributes(t *rapid.T, m pcommon.Map) {
	values := map[string][]string{
		"state":          {"idle", "user", "system", "wait", "steal", "free", "cached", "buffered", "used", "in", "out", "other"},
		"direction":      {"receive", "transmit"},
		"operation":      {"read", "write", "shrink", "expand"},
		"type":           {"produce", "fetch", "fetchconsumer", "fetchfollower", "heap", "non_heap"},
		"name":           {"Copy", "PS Scavenge", "ParNew", "G1 Young Generation", "MarkSweepCompact", "PS MarkSweep", "ConcurrentMarkSweep", "G1 Mixed Generation", "G1 Old Generation", "Shenandoah Cycles", "ZGC"},
		"generation":     {"gen0", "gen1", "gen2", "loh", "poh"},
		"pool":           {"G1 Old Gen", "PS Old Gen", "G1 Eden Space", "Par Eden Space", "Survivor Space", "Metaspace", "direct", "mapped", "CodeCache"},
		"client-id":      {"client-1"},
		"client":         {"before"},
		"group":          {"group-1"},
		"request":        {"before"},
		"clientId":       {"before"},
		"consumer_group": {"before"},
	}
	values["jvm.memory.type"], values["jvm.memory.pool.name"], values["jvm.buffer.pool.name"] = values["type"][4:], values["pool"], values["pool"][6:]
	for _, key := range []string{
		"state", "direction", "operation", "type", "name", "generation", "pool", "client-id", "client", "group", "consumer_group", "request", "clientId",
		"jvm.memory.type", "jvm.memory.pool.name", "jvm.buffer.pool.name",
	} {
		switch upTo(t, 5) {
		case 0, 1, 2:
			m.PutStr(key, pick(t, values[key]...))
		case 3:
			m.PutInt(key, 7)
		}
	}
}
