package metrics

// isRenamedKafka reports whether a metric of the JMX receiver would, with Datadog's spelling of its name, be one of its copies.
func isRenamedKafka(name string) bool {
	switch name {
	case "kafka.producer.request-rate", "kafka.producer.response-rate", "kafka.producer.request-latency-avg", "kafka.consumer.fetch-size-avg",
		"kafka.producer.compression-rate", "kafka.producer.record-retry-rate", "kafka.producer.record-send-rate", "kafka.producer.record-error-rate":
		return true
	}
	return false
}

// kafkaCopies are the metrics of the Kafka metrics receiver and of the JMX receiver: Kafka's broker and clients, and the JVM's garbage
// collectors. The attributes that they get are those of the MBeans that Datadog's own check reads.
func kafkaCopies() map[string][]copyRule {
	bean := func(r copyRule, typeAndName ...string) copyRule {
		r.set = append(r.set, attribute{"type", typeAndName[0]})
		if len(typeAndName) > 1 {
			r.set = append(r.set, attribute{"name", typeAndName[1]})
		}
		return r
	}
	with := func(r copyRule, key, value string) copyRule {
		r.set = append(r.set, attribute{key, value})
		return r
	}
	all := func(name string) copyRule { return copyRule{name: name} }
	ofClient := func(r copyRule) copyRule { r.from, r.to = "client-id", "client"; return r }
	ofGroup := func(name string) []copyRule { return []copyRule{{name: name, from: "group", to: "consumer_group"}} }
	producer := func(name string) []copyRule { return []copyRule{bean(all(name), "producer-metrics")} }
	topic := func(name string) []copyRule { return []copyRule{ofClient(bean(all(name), "producer-topic-metrics"))} }
	fetcher := func(name string) copyRule { return bean(all(name), "consumer-fetch-manager-metrics") }
	requestTime := func(suffix string) []copyRule {
		rule := func(name, typ, request string) copyRule {
			return with(bean(only("kafka.request."+name+suffix, "type", typ), "RequestMetrics", "TotalTimeMs"), "request", request)
		}
		return []copyRule{
			rule("produce", "produce", "Produce"),
			rule("fetch_consumer", "fetchconsumer", "FetchConsumer"),
			rule("fetch_follower", "fetchfollower", "FetchFollower"),
		}
	}
	purgatory := func(name, typ, operation string) copyRule {
		return with(bean(only(name, "type", typ), "DelayedOperationPurgatory", "PurgatorySize"), "delayedOperation", operation)
	}
	collections := func(what string) []copyRule {
		return []copyRule{
			bean(only("jvm.gc.minor_collection_"+what, "name", "Copy", "PS Scavenge", "ParNew", "G1 Young Generation"), "GarbageCollector"),
			bean(only("jvm.gc.major_collection_"+what, "name", "MarkSweepCompact", "PS MarkSweep", "ConcurrentMarkSweep", "G1 Mixed Generation",
				"G1 Old Generation", "Shenandoah Cycles", "ZGC"), "GarbageCollector"),
		}
	}
	one := func(r copyRule) []copyRule { return []copyRule{r} }
	return map[string][]copyRule{
		"kafka.producer.request-rate":                producer("kafka.producer.request_rate"),
		"kafka.producer.response-rate":               producer("kafka.producer.response_rate"),
		"kafka.producer.request-latency-avg":         producer("kafka.producer.request_latency_avg"),
		"kafka.producer.outgoing-byte-rate":          producer("kafka.producer.bytes_out"),
		"kafka.producer.io-wait-time-ns-avg":         producer("kafka.producer.io_wait"),
		"kafka.producer.byte-rate":                   topic("kafka.producer.bytes_out"),
		"kafka.producer.compression-rate":            topic("kafka.producer.compression_rate"),
		"kafka.producer.record-error-rate":           topic("kafka.producer.record_error_rate"),
		"kafka.producer.record-retry-rate":           topic("kafka.producer.record_retry_rate"),
		"kafka.producer.record-send-rate":            topic("kafka.producer.record_send_rate"),
		"kafka.consumer.total.bytes-consumed-rate":   one(fetcher("kafka.consumer.bytes_in")),
		"kafka.consumer.total.records-consumed-rate": one(fetcher("kafka.consumer.messages_in")),
		"kafka.consumer.bytes-consumed-rate":         one(ofClient(fetcher("kafka.consumer.bytes_consumed"))),
		"kafka.consumer.records-consumed-rate":       one(ofClient(fetcher("kafka.consumer.records_consumed"))),
		"kafka.consumer.fetch-size-avg":              one(ofClient(fetcher("kafka.consumer.fetch_size_avg"))),
		"kafka.network.io": {
			bean(only("kafka.net.bytes_out.rate", "state", "out"), "BrokerTopicMetrics", "BytesOutPerSec"),
			bean(only("kafka.net.bytes_in.rate", "state", "in"), "BrokerTopicMetrics", "BytesInPerSec"),
		},
		"kafka.purgatory.size": {
			purgatory("kafka.request.producer_request_purgatory.size", "produce", "Produce"),
			purgatory("kafka.request.fetch_request_purgatory.size", "fetch", "Fetch"),
		},
		"kafka.isr.operation.count": {
			bean(only("kafka.replication.isr_shrinks.rate", "operation", "shrink"), "ReplicaManager", "IsrShrinksPerSec"),
			bean(only("kafka.replication.isr_expands.rate", "operation", "expand"), "ReplicaManager", "IsrExpandsPerSec"),
		},
		"kafka.request.failed": {
			bean(only("kafka.request.produce.failed.rate", "type", "produce"), "BrokerTopicMetrics", "FailedProduceRequestsPerSec"),
			bean(only("kafka.request.fetch.failed.rate", "type", "fetch"), "BrokerTopicMetrics", "FailedFetchRequestsPerSec"),
		},
		"kafka.request.time.avg":           requestTime(".time.avg"),
		"kafka.request.time.99p":           requestTime(".time.99percentile"),
		"kafka.partition.under_replicated": one(bean(all("kafka.replication.under_replicated_partitions"), "ReplicaManager", "UnderReplicatedPartitions")),
		"kafka.partition.count":            one(bean(all("kafka.replication.partition_count"), "ReplicaManager", "PartitionCount")),
		"kafka.partition.offline":          one(bean(all("kafka.replication.offline_partitions_count"), "KafkaController", "OfflinePartitionsCount")),
		"kafka.controller.active.count":    one(bean(all("kafka.replication.active_controller_count"), "KafkaController", "ActiveControllerCount")),
		"kafka.leader.election.rate":       one(bean(all("kafka.replication.leader_elections.rate"), "ControllerStats", "LeaderElectionRateAndTimeMs")),
		"kafka.unclean.election.rate":      one(bean(all("kafka.replication.unclean_leader_elections.rate"), "ControllerStats", "UncleanLeaderElectionsPerSec")),
		"kafka.message.count":              one(bean(all("kafka.messages_in.rate"), "BrokerTopicMetrics", "MessagesInPerSec")),
		"kafka.max.lag":                    one(with(bean(all("kafka.replication.max_lag"), "ReplicaFetcherManager", "MaxLag"), "clientId", "replica")),
		"kafka.request.queue":              one(bean(all("kafka.request.channel.queue.size"), "RequestChannel", "RequestQueueSize")),
		"kafka.logs.flush.time.count":      one(bean(all("kafka.log.flush_rate.rate"), "LogFlushStats", "LogFlushRateAndTimeMs")),
		"kafka.partition.current_offset":   ofGroup("kafka.broker_offset"),
		"kafka.consumer_group.lag":         ofGroup("kafka.consumer_lag"),
		"kafka.consumer_group.offset":      ofGroup("kafka.consumer_offset"),
		"jvm.gc.collections.count":         collections("count"),
		"jvm.gc.collections.elapsed":       collections("time"),
	}
}

// isRateAsGauge reports whether a cumulative monotonic sum of this name is sent as a gauge of its rate per second: so do the checks that
// have these names from before.
func isRateAsGauge(name []byte) bool {
	switch string(name) {
	case "kafka.net.bytes_out.rate", "kafka.net.bytes_in.rate", "kafka.replication.isr_shrinks.rate", "kafka.replication.isr_expands.rate",
		"kafka.replication.leader_elections.rate", "kafka.replication.unclean_leader_elections.rate", "kafka.messages_in.rate",
		"kafka.request.produce.failed.rate", "kafka.request.fetch.failed.rate", "kafka.log.flush_rate.rate", "jvm.gc.minor_collection_count",
		"jvm.gc.major_collection_count", "jvm.gc.minor_collection_time", "jvm.gc.major_collection_time":
		return true
	}
	return false
}
