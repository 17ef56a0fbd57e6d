package oracle

// The exceptions that bound memory and requests. Inputs of the comparison are far below the bounds; exceptions_bounds_test.go has some that are not.
var (
	eventsAreNoLogs = exception{
		"events and service checks are no logs and no series",
		"log records and data points of gauges that say so become what they say, see events.md, and incidents where those are enabled; Datadog's exporter sends logs and series",
	}
	oldItemsExpire = exception{
		"what is older than max_age expires",
		"data that waited or came late is counted and not sent once it is older than metrics::max_age, logs::max_age or traces::max_age; Datadog's exporter sends data of any age",
	}
	deepValuesAreCut = exception{
		"lists and maps are followed 128 deep",
		"what lies deeper in one another is null, so that it costs no stack; Datadog's code follows any depth",
	}
	seriesAreCapped = exception{
		"cumulative series are capped",
		"above metrics::max_series_per_tenant, or metrics::max_series in all, the one longest without a point, of a sample, is forgotten, and begins anew; Datadog's translator " +
			"remembers any number",
	}
	longHistogramsAreDropped = exception{
		"a cumulative histogram has at most 4,096 buckets",
		"each would be remembered; a point of more is dropped and counted as too_large",
	}
	callsAreBounded = exception{
		"what a call becomes is bounded",
		"256 MiB for each tenant and intake, see Limits; what comes later in it is dropped and counted as too_large",
	}
	itemsFitABody = exception{
		"an item larger than a body is dropped",
		"a span above 3.2 MB, a series above 5 MB, a log record that many short texts bring above 1 MB, and one whose attributes come to 10 MB before others replace them " +
			"are counted as too_large; " +
			"Datadog's code makes them, and its intakes refuse a body with one",
	}
	longLogsAreCut = exception{
		"a log longer than the intake keeps is cut",
		"above 1 MB its longest texts end with …[truncated]; Datadog's code sends all of it, and its intake cuts it in a way that is not documented",
	}
	chunksAreSplit = exception{
		"a chunk of spans too large for one body is sent as several",
		"chunks of the same trace with the same tags; Datadog's agent splits between chunks only, and its intake refuses a body above 3.2 MB",
	}
	statsAreCapped = exception{
		"groups of APM stats are capped",
		"spans above traces::max_stats_keys_per_tenant, or traces::max_stats_keys in all, are counted in a group stats_overflow with nothing of their own; Datadog's " +
			"concentrator opens any number",
	}
	bucketsAreApart = exception{
		"each bucket of APM stats is a payload of its own",
		"Datadog's concentrator puts those that it flushes together, as at its stop, into one",
	}
	piecesKeepTheCommit = exception{
		"pieces of APM stats keep the commit",
		"Datadog's writer leaves it out of the pieces of a payload of 4,000 groups or more",
	}
	largeStatsAreSplit = exception{
		"a payload of APM stats is divided by its size as well",
		"above 2.5 MB its pieces say that they are some of several; Datadog's writer counts groups only",
	}
	noNumberWeighsOne = exception{
		"a sample rate that is not a number weighs 1",
		"in APM stats, where it makes Datadog's sums meaningless",
	}
)
