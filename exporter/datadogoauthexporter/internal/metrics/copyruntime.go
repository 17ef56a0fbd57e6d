package metrics

// runtimeCopies are the metrics of language runtimes, under the names that Datadog's tracers give them.
func runtimeCopies() map[string][]copyRule {
	rules := make(map[string][]copyRule)
	plain := func(from, name string) { rules[from] = []copyRule{{name: name, runtime: true}} }
	given := func(from, name string, conditions ...condition) {
		rules[from] = append(rules[from], copyRule{name: name, where: conditions, runtime: true, noUnit: true})
	}
	for _, of := range [...][2]string{
		{"goroutines", "num_goroutine"},
		{"cgo.calls", "num_cgo_call"},
		{"lookups", "mem_stats.lookups"},
		{"mem.heap_alloc", "mem_stats.heap_alloc"},
		{"mem.heap_sys", "mem_stats.heap_sys"},
		{"mem.heap_idle", "mem_stats.heap_idle"},
		{"mem.heap_inuse", "mem_stats.heap_inuse"},
		{"mem.heap_released", "mem_stats.heap_released"},
		{"mem.heap_objects", "mem_stats.heap_objects"},
		{"gc.pause_total_ns", "mem_stats.pause_total_ns"},
		{"gc.count", "mem_stats.num_gc"},
	} {
		plain("process.runtime.go."+of[0], "runtime.go."+of[1])
	}

	plain("process.runtime.dotnet.monitor.lock_contention.count", "runtime.dotnet.threads.contention_count")
	plain("process.runtime.dotnet.exceptions.count", "runtime.dotnet.exceptions.count")
	for _, generation := range [...]string{"gen0", "gen1", "gen2", "loh"} {
		given("process.runtime.dotnet.gc.heap.size", "runtime.dotnet.gc.size."+generation, where("generation", generation))
		if generation != "loh" {
			given("process.runtime.dotnet.gc.collections.count", "runtime.dotnet.gc.count."+generation, where("generation", generation))
		}
	}

	for _, jvm := range [...]jvmNames{stableJVM, legacyJVM} {
		plain(jvm.threads, "jvm.thread_count")
		plain(jvm.classes, "jvm.loaded_classes")
		plain(jvm.systemCPU, "jvm.cpu_load.system")
		plain(jvm.processCPU, "jvm.cpu_load.process")
		heap, nonHeap := where(jvm.memoryType, "heap"), where(jvm.memoryType, "non_heap")
		pool := func(names ...string) condition { return where(jvm.memoryPool, names...) }
		given(jvm.used, "jvm.heap_memory", heap)
		given(jvm.used, "jvm.non_heap_memory", nonHeap)
		given(jvm.used, "jvm.gc.old_gen_size", pool("G1 Old Gen", "Tenured Gen", "PS Old Gen"), heap)
		given(jvm.used, "jvm.gc.eden_size", pool("G1 Eden Space", "Eden Space", "Par Eden Space", "PS Eden Space"), heap)
		given(jvm.used, "jvm.gc.survivor_size", pool("G1 Survivor Space", "Survivor Space", "Par Survivor Space", "PS Survivor Space"), heap)
		given(jvm.used, "jvm.gc.metaspace_size", pool("Metaspace"), nonHeap)
		for _, of := range [...][2]string{{jvm.committed, "committed"}, {jvm.initial, "init"}, {jvm.limit, "max"}} {
			given(of[0], "jvm.heap_memory_"+of[1], heap)
			given(of[0], "jvm.non_heap_memory_"+of[1], nonHeap)
		}
		for _, of := range [...][2]string{{jvm.bufferUsed, "used"}, {jvm.bufferCount, "count"}, {jvm.bufferLimit, "limit"}} {
			given(of[0], "jvm.buffer_pool.direct."+of[1], where(jvm.bufferPool, "direct"))
			given(of[0], "jvm.buffer_pool.mapped."+of[1], where(jvm.bufferPool, "mapped"))
		}
	}
	return rules
}

// jvmNames is one of the two spellings of the JVM's metrics, and the attributes that tell their points apart.
type jvmNames struct {
	threads, classes, systemCPU, processCPU string
	used, committed, initial, limit         string
	bufferUsed, bufferCount, bufferLimit    string
	memoryType, memoryPool, bufferPool      string
}

// https://opentelemetry.io/docs/specs/semconv/runtime/jvm-metrics/
var stableJVM = jvmNames{
	threads: "jvm.thread.count", classes: "jvm.class.count", systemCPU: "jvm.system.cpu.utilization", processCPU: "jvm.cpu.recent_utilization",
	used: "jvm.memory.used", committed: "jvm.memory.committed", initial: "jvm.memory.init", limit: "jvm.memory.limit",
	bufferUsed: "jvm.buffer.memory.usage", bufferCount: "jvm.buffer.count", bufferLimit: "jvm.buffer.memory.limit",
	memoryType: "jvm.memory.type", memoryPool: "jvm.memory.pool.name", bufferPool: "jvm.buffer.pool.name",
}

// The names from before semantic conventions were stable.
var legacyJVM = jvmNames{
	threads: "process.runtime.jvm.threads.count", classes: "process.runtime.jvm.classes.current_loaded",
	systemCPU: "process.runtime.jvm.system.cpu.utilization", processCPU: "process.runtime.jvm.cpu.utilization",
	used: "process.runtime.jvm.memory.usage", committed: "process.runtime.jvm.memory.committed",
	initial: "process.runtime.jvm.memory.init", limit: "process.runtime.jvm.memory.limit",
	bufferUsed: "process.runtime.jvm.buffer.usage", bufferCount: "process.runtime.jvm.buffer.count", bufferLimit: "process.runtime.jvm.buffer.limit",
	memoryType: "type", memoryPool: "pool", bufferPool: "pool",
}
